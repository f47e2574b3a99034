// The `ratchet` command.
import { CommanderError, type Command } from 'commander';
import { reportError } from './action.ts';
import { EXIT } from './exit-codes.ts';
import { buildProgram } from './program.ts';

const program = buildProgram();
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
