// The `ratchet` command.
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { CommanderError, type Command } from 'commander';
import { EXIT } from './exit-codes.ts';
import { buildProgram } from './program.ts';
import { reportError } from './report-error.ts';

// Half of a start is reading TypeScript; where the folder cannot be written, Node goes on without it.
enableCompileCache(join(import.meta.dirname, '..', '.ratchet', 'compile-cache'));
const program = await buildProgram(process.argv.slice(2).find((argument) => !argument.startsWith('-')));
const exitEverywhere = (command: Command): void => {
  command.exitOverride();
  command.commands.forEach(exitEverywhere);
};
exitEverywhere(program);
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  else reportError(error, false);
}
