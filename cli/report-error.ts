// Turns an error into one message for a person or a program, and an exit code.
import { RatchetError, safeMessage } from '../core/errors.ts';
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
