// Wraps a command's action: opens its context, closes it, and turns errors into one message and an exit code.
import { InvalidArgumentError, type Command } from 'commander';
import { RatchetError, safeMessage } from '../core/errors.ts';
import { createContext, type Context } from './context.ts';
import { exitCodeOf } from './exit-codes.ts';

/** A user's mistake gets no stack trace: what happened, then what to do next. */
export function reportError(error: unknown, json: boolean): void {
  process.exitCode = exitCodeOf(error);
  const code = error instanceof RatchetError ? error.code : 'INTERNAL';
  const message = error instanceof RatchetError ? error.message : safeMessage(error);
  const next = error instanceof RatchetError ? error.next : 'Run it again with RATCHET_DEBUG=1 for the stack trace.';
  process.stderr.write(json ? `${JSON.stringify({ error: { code, message, next } })}\n` : `ratchet: ${code}: ${message}\n  ${next}\n`);
  if (process.env['RATCHET_DEBUG'] && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
}

export function action<A extends unknown[]>(run: (context: Context, ...args: A) => Promise<void>) {
  return async function (this: Command, ...args: unknown[]): Promise<void> {
    const { json = false } = this.optsWithGlobals<{ json?: boolean }>();
    try {
      const context = createContext({ json });
      try {
        await run(context, ...(args as A));
      } finally {
        await context.close();
      }
    } catch (error) {
      reportError(error, json);
    }
  };
}

export function positiveInt(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number above 0.');
  return value;
}
