// How a worker ends that cannot start or go on: one message for a person and an exit code, no stack trace for a wrong setting.
import { RatchetError, safeMessage } from '../core/errors.ts';

/** To be called first in a worker's file. Exit code 2: a setting or workload file is wrong; 1: anything else. */
export function endOnError(): void {
  process.on('uncaughtException', (error: unknown) => {
    const next = error instanceof RatchetError ? `\n${error.next}` : '';
    process.stderr.write(`${safeMessage(error)}${next}\n`);
    // A mistake of ours needs its place; its message may quote a record, the frames do not.
    if (!(error instanceof RatchetError) && error instanceof Error) process.stderr.write(`${(error.stack ?? '').split('\n').filter((line) => line.startsWith('    at ')).join('\n')}\n`);
    process.exit(error instanceof RatchetError && (error.code === 'CONFIG_INVALID' || error.code === 'WORKLOAD_INVALID') ? 2 : 1);
  });
}
