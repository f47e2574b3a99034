// Wraps a command's action: opens its context, closes it, and turns errors into one message and an exit code.
import { InvalidArgumentError, type Command } from 'commander';
import { createContext, type Context } from './context.ts';
import { reportError } from './report-error.ts';

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

/** A generation or a count that may be none. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || text.trim() === '') throw new InvalidArgumentError('It must be a whole number, 0 or above.');
  return value;
}

export function positiveInt(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number above 0.');
  return value;
}
