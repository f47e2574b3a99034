// Starts one server so that it ends with us, however we end, and tells a person why it did not start.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readSync, fstatSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { pythonBin, repositoryRoot, requireInstalled } from './paths.ts';

const LOG_LIMIT_BYTES = 16 * 1024 * 1024;

/** How a process ended: an exit code, or the signal that ended it. */
export type Exit = { code: number | null; signal: string | null };

export type RunningProcess = {
  name: string;
  /** The server itself, not its supervisor. */
  pid: number;
  /** The process over the server; its tree is everything that belongs to the server. */
  supervisorPid: number;
  logFile: string;
  /** Resolves when the server and everything it started are gone. */
  exited: Promise<Exit>;
  /** SIGTERM, after the grace time SIGKILL; resolves when the server and everything it started are gone. */
  stop: () => Promise<void>;
};

export type StartOptions = {
  name: string;
  command: string;
  args: string[];
  /** Folder for `<name>.log`; created when missing. */
  logDir: string;
  env?: Record<string, string | undefined>;
  cwd?: string;
  /** How long the server may take to end by itself. */
  graceMs?: number;
};

/** Starts a server under infra/dev/supervise.py, in a session of its own: a Ctrl-C in the terminal reaches only us. */
export async function startProcess(options: StartOptions): Promise<RunningProcess> {
  mkdirSync(options.logDir, { recursive: true });
  const logFile = join(options.logDir, `${options.name}.log`);
  const supervisor = spawn(
    requireInstalled(pythonBin, 'the Python environment'),
    [
      ...['-I', '-S', join(repositoryRoot, 'infra', 'dev', 'supervise.py')],
      ...['--log', logFile, '--log-bytes', String(LOG_LIMIT_BYTES), '--grace', String((options.graceMs ?? 10_000) / 1000)],
      ...['--', options.command, ...options.args],
    ],
    { cwd: options.cwd ?? repositoryRoot, env: { ...process.env, ...options.env }, stdio: ['pipe', 'pipe', 'inherit'], detached: true },
  );
  const { pid, exited } = await readReports(options, supervisor);
  return {
    name: options.name,
    pid,
    supervisorPid: supervisor.pid ?? 0,
    logFile,
    exited,
    stop: async () => {
      supervisor.stdin?.end();
      await exited;
    },
  };
}

/** What every server of this folder takes for its start. */
export type WaitOptions = {
  /** Called about every five seconds while the server does not answer yet. */
  onWait?: (elapsedMs: number) => void;
  /** Aborted: the start is given up, and what was started is stopped before the promise rejects. */
  signal?: AbortSignal;
};

/**
 * Polls until the server answers. Throws when it ended before, with the last lines of its log, or after `timeoutMs`.
 * `probe` returns false, or throws, for "not yet".
 */
export async function untilReady(
  server: RunningProcess,
  probe: () => Promise<boolean>,
  options: WaitOptions & { timeoutMs: number },
): Promise<void> {
  const startedAt = performance.now();
  let exit: Exit | undefined;
  void server.exited.then((value) => (exit = value));
  let nextReportMs = 5_000;
  while (true) {
    const ready = await probe().catch(() => false);
    // The exit is looked at first: another server on the same port may have answered the probe.
    if (exit !== undefined) {
      throw new Error(`${server.name} ended while starting (${describeExit(exit)}). The end of ${server.logFile}:\n${logTail(server.logFile)}`);
    }
    if (options.signal?.aborted === true) {
      await server.stop();
      throw new Error(`${server.name} was stopped while it started`);
    }
    if (ready) return;
    const elapsedMs = performance.now() - startedAt;
    if (elapsedMs > options.timeoutMs) {
      await server.stop();
      throw new Error(`${server.name} did not answer within ${options.timeoutMs / 1000} s. The end of ${server.logFile}:\n${logTail(server.logFile)}`);
    }
    if (elapsedMs > nextReportMs) {
      options.onWait?.(elapsedMs);
      nextReportMs += 5_000;
    }
    await sleep(100);
  }
}

export function describeExit(exit: Exit): string {
  return exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`;
}

/** The last lines of a log file, at most 4 KiB. */
export function logTail(file: string): string {
  const handle = openSync(file, 'r');
  try {
    const { size } = fstatSync(handle);
    const buffer = Buffer.alloc(Math.min(size, 4096));
    readSync(handle, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8').split('\n').slice(size > buffer.length ? 1 : 0).slice(-20).join('\n').trimEnd();
  } finally {
    closeSync(handle);
  }
}

function readReports(options: StartOptions, supervisor: ChildProcess): Promise<{ pid: number; exited: Promise<Exit> }> {
  return new Promise((resolve, reject) => {
    let exit: Exit | undefined;
    const gone = new Promise<Exit>((resolveExit) => {
      supervisor.once('exit', (code, signal) => resolveExit(exit ?? { code, signal }));
    });
    supervisor.once('error', (error) => reject(new Error(`${options.name} cannot be started: ${error.message}`)));
    // Writing is never needed, but the pipe may break while it is being closed.
    supervisor.stdin?.on('error', () => undefined);
    if (supervisor.stdout === null) throw new Error('the supervisor was spawned with a pipe');
    createInterface({ input: supervisor.stdout }).on('line', (line) => {
      const report = JSON.parse(line) as { pid?: number; failed?: string } & Partial<Exit>;
      if (report.failed !== undefined) reject(new Error(`${options.name} cannot be started: ${report.failed}`));
      else if (report.pid !== undefined) resolve({ pid: report.pid, exited: gone });
      else exit = { code: report.code ?? null, signal: report.signal ?? null };
    });
    void gone.then((value) => reject(new Error(`${options.name} ended before it was started (${describeExit(value)})`)));
  });
}
