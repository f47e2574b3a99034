// `ratchet channel` and `ratchet rollback`: what is live, what was, and the way back.
import type { Command } from 'commander';
import { RatchetError } from '../../core/errors.ts';
import { action, wholeNumber } from '../action.ts';
import { channelName } from '../context.ts';
import { fleetLines, fleetRows } from '../fleet.ts';
import { short, table } from '../output.ts';
import { rollBack } from '../rollback.ts';
import { addHoldback } from './holdback.ts';

export function addChannel(program: Command): void {
  const channel = program
    .command('channel [name]')
    .description('what is live in a channel and its whole history')
    .action(
      action<[string | undefined]>(async (context, name) => {
        const channel = await channelName(context, name);
        const history = await (await context.store()).channelHistory(channel);
        if (history.length === 0) throw new RatchetError('NOT_FOUND', `no channel ${channel}`);
        const status = context.out.json ? [] : fleetLines(await fleetRows(context, history.slice(-1)));
        context.out.result(history, (value) => [table(['generation', 'live', 'in place of', 'action', 'by', 'when', 'why'], value.map((entry) => [entry.generation, entry.live ? short(entry.live) : 'base', entry.generation === 0 ? '-' : entry.previous ? short(entry.previous) : 'base', entry.action, entry.by, entry.time, entry.reason])), ...status].join('\n'));
      }),
    );
  addHoldback(channel);

  program
    .command('rollback [channel]')
    .description('go back to what was live before; works on the store alone, also when Temporal is down')
    .option('--to <digest>', 'an adapter that was live before, or `base`')
    .option('--to-generation <n>', 'what was live at that generation, however far back', wholeNumber)
    .option('--reason <text>', 'why, for the audit trail', 'rolled back by hand')
    .option('--break-glass', 'touch the store and nothing else: neither Temporal, vLLM nor a gateway is asked')
    .addHelpText('after', `
Only what was live in the channel before can come back. The store acts first; Temporal hears of it
afterwards, at once where it answers and by a pipeline worker where it does not.

Examples:
  ratchet rollback
  ratchet rollback tickets/production --to base --reason "wrong queue codes since noon"
  ratchet rollback tickets/production --to-generation 3 --break-glass`)
    .action(
      action<[string | undefined, { to?: string; toGeneration?: number; reason: string; breakGlass?: boolean }]>(async (context, name, options) => {
        if (options.to !== undefined && options.toGeneration !== undefined) throw new RatchetError('REQUEST_INVALID', '--to and --to-generation say the same in two ways: give one');
        const done = await rollBack(context, { channel: await channelName(context, name), ...options });
        context.out.result(done, (value) =>
          [
            `${value.channel} is at generation ${value.generation}: ${value.live ? `adapter ${value.live}` : 'the base model'} is live again, in place of ${value.rolledBack ?? 'the base model'}`,
            `  the channel changed after ${value.seconds.toChannel.toFixed(2)} s; ${value.gateways.following} of ${value.gateways.asked} gateways follow; all done in ${value.seconds.total.toFixed(2)} s; ${value.recorded === 'temporal' ? 'Temporal has it' : 'Temporal is told later'}`,
          ].join('\n'),
        );
      }),
    );
}
