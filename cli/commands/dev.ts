// `ratchet dev`: the real servers and all workers on this machine, until Ctrl-C.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { startLoop, type Loop } from '../../infra/dev/loop.ts';
import { cacheDir } from '../../infra/dev/paths.ts';
import { action } from '../action.ts';
import { EXIT } from '../exit-codes.ts';
import { fields } from '../output.ts';

/** Shell lines that make the CLI of another terminal talk to this loop. */
export function writeEnvFile(dir: string, loop: Loop): string {
  const file = join(dir, 'env');
  mkdirSync(dir, { recursive: true });
  writeFileSync(file, Object.entries(loop.env).map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'\n`).join(''), { mode: 0o600 });
  return file;
}

export const addressLines = (loop: Loop, envFile: string): string =>
  fields([
    ['gateway (OpenAI base URL)', `${loop.gatewayUrl}/v1`],
    ['Temporal page', loop.temporal.uiUrl],
    ['Temporal', loop.temporal.address],
    ['Kafka', loop.kafka.brokers.join(',')],
    ['vLLM', loop.vllm.url],
    ['settings for another terminal', `. ${envFile}`],
  ]);

/** A signal that fires at the first Ctrl-C (or SIGTERM, SIGHUP), so that every await in between can end in order. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const interrupt = (): void => {
    if (controller.signal.aborted) return;
    process.exitCode = EXIT.interrupted;
    process.stderr.write('\nstopping what was started …\n');
    controller.abort(new Error('interrupted'));
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, interrupt);
  return controller.signal;
}

export const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

export function addDev(program: Command): void {
  program
    .command('dev')
    .description('start Temporal, Kafka, vLLM, the gateway and all workers here; Ctrl-C stops them and nothing else')
    .option('--dir <path>', 'where everything is kept between starts', join(cacheDir, 'dev'))
    .addHelpText('after', '\nExample:\n  ratchet dev\n  . .ratchet/dev/env && ratchet run ls      (in another terminal)')
    .action(
      action<[{ dir: string }]>(async (context, options) => {
        const signal = interruptSignal();
        const loop = await startLoop({ dir: options.dir, workloadFiles: context.config.workloadFiles, note: context.out.note, signal });
        try {
          context.out.note(`${addressLines(loop, writeEnvFile(options.dir, loop))}\nCtrl-C stops everything.`);
          await untilAborted(signal);
        } finally {
          await loop.stop();
        }
      }),
    );
}
