// `ratchet trace`: from any id to everything it came from and everything that came of it.
import type { Command } from 'commander';
import type { InjectionJudgement } from '../../core/curate/injection-judge.ts';
import { nodesOf, traceDown, traceUp, renderTrace, type TraceNode } from '../../core/lineage/trace.ts';
import { action, positiveInt } from '../action.ts';
import { harmless } from '../approval-text.ts';
import { asDigest, resolveId, type Context } from '../context.ts';

const REASON_CHARACTERS = 300;

/** What the injection judge said, with its reason: a model's word that may quote a record, so it is shown cut and harmless. */
async function judgementNotes(context: Context, trees: readonly TraceNode[]): Promise<Map<string, string>> {
  const ids = new Set(trees.flatMap(nodesOf).flatMap(({ kind, id }) => (kind === 'judgement' ? [id] : [])));
  if (ids.size === 0) return new Map();
  const [store, blobs] = [await context.store(), await context.blobs()];
  const notes = [...ids].map(async (id): Promise<[string, string]> => {
    const { followed = null, reasonDigest = null } = ((await store.document(asDigest(id)))?.document ?? {}) as Partial<InjectionJudgement>;
    if (followed === null) return [id, 'unconfirmed: the injection judge was not heard'];
    // Whoever erases a reason has erased it here as well.
    const reason = reasonDigest !== null && (await blobs.has(reasonDigest)) ? harmless(Buffer.from(await blobs.get(reasonDigest)).toString('utf8')).replaceAll(/\s+/g, ' ') : '(no reason kept)';
    return [id, `${followed ? 'followed' : 'not followed'}, says the injection judge: ${reason.slice(0, REASON_CHARACTERS)}`];
  });
  return new Map(await Promise.all(notes));
}

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
        const notes = await judgementNotes(context, [cameFrom, became]);
        const shown = { maxSiblings: options.siblings, notes };
        context.out.result({ start, cameFrom, became, ...(notes.size > 0 && { notes: Object.fromEntries(notes) }) }, (value) => `what it came from\n${renderTrace(value.cameFrom, shown)}\n\nwhat came of it\n${renderTrace(value.became, shown)}`);
      }),
    );
}
