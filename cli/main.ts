// The `ratchet` command.
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { EXIT } from './exit-codes.ts';
import { reportError } from './report-error.ts';

// Half of a start is reading TypeScript; where the folder cannot be written, Node goes on without it.
enableCompileCache(join(import.meta.dirname, '..', '.ratchet', 'compile-cache'));
// `detect` is a filter that is started often: it does not wait for the modules that the others need.
const program = process.argv[2] === 'detect' ? (await import('./commands/detect.ts')).addDetect(new Command('ratchet').option('--json')) : (await import('./program.ts')).buildProgram();
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
