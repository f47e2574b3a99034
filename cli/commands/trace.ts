// `ratchet trace`: from any id to everything it came from and everything that came of it.
import type { Command } from 'commander';
import { traceDown, traceUp, renderTrace } from '../../core/lineage/trace.ts';
import { action, positiveInt } from '../action.ts';
import { resolveId } from '../context.ts';

export function addTrace(program: Command): void {
  program
    .command('trace <id>')
    .description('the lineage of a failure, interaction, example, dataset, run, adapter, verdict or channel')
    .option('--depth <steps>', 'how far to follow', positiveInt, 12)
    .option('--siblings <count>', 'how many things of one kind to write out; the rest is counted', positiveInt, 5)
    .addHelpText('after', '\nExamples:\n  ratchet trace 3fa9c1                 the failure, up to the channel generation that learned from it\n  ratchet trace tickets/production     the channel, back to every row')
    .action(
      action<[string, { depth: number; siblings: number }]>(async (context, text, options) => {
        const store = await context.store();
        const channel = await store.channel(text);
        const start = channel ? { kind: 'channel_entry' as const, id: `${channel.channel}@${channel.generation}` } : await resolveId(store, text);
        const bounds = { maxDepth: options.depth };
        const [cameFrom, became] = await Promise.all([traceUp(start, (id) => store.linksTo(id), bounds), traceDown(start, (id) => store.linksFrom(id), bounds)]);
        const shown = { maxSiblings: options.siblings };
        context.out.result({ start, cameFrom, became }, (value) => `what it came from\n${renderTrace(value.cameFrom, shown)}\n\nwhat came of it\n${renderTrace(value.became, shown)}`);
      }),
    );
}
