// `ratchet channel` and `ratchet rollback`: what is live, what was, and the way back.
import type { Command } from 'commander';
import { RatchetError } from '../../core/errors.ts';
import { action } from '../action.ts';
import { resolveId, servingTarget, type Context } from '../context.ts';
import { rollbackChannel, type RollbackOutput } from '../../activities/rollback.ts';
import { createLogger } from '../../workers/telemetry.ts';
import { short, table } from '../output.ts';
import { addHoldback } from './holdback.ts';

export async function channelName(context: Context, name: string | undefined): Promise<string> {
  if (name !== undefined) return name;
  const channels = [...(await context.workloads()).values()].map(({ workload }) => workload.channel);
  const [only = '', ...others] = channels;
  if (others.length > 0) throw new RatchetError('REQUEST_INVALID', `several channels are configured: name one of ${channels.join(', ')}`);
  return only;
}

/**
 * Puts what was live before back, or the named adapter. Works on the store; replicas that do not answer are the gateway's to mend.
 * @param input.to the start of an adapter's digest, or `base`; it must have been live in this channel
 */
export async function rollBack(context: Context, input: { channel: string; to?: string; reason: string }): Promise<RollbackOutput> {
  const store = await context.store();
  const history = await store.channelHistory(input.channel);
  const current = history.at(-1);
  if (!current) throw new RatchetError('NOT_FOUND', `no channel ${input.channel}`);
  let toGeneration: number | undefined;
  if (input.to !== undefined) {
    const wanted = input.to === 'base' ? null : (await resolveId(store, input.to, ['adapter'])).id;
    toGeneration = history.findLast((entry) => entry.live === wanted)?.generation;
    if (toGeneration === undefined) throw new RatchetError('NOT_FOUND', `${input.to} was never live in ${input.channel}; \`ratchet channel ${input.channel}\` lists what was`);
  }
  const deps = { store, clock: () => new Date(), logger: createLogger(context.config, 'cli'), target: await servingTarget(context) };
  return rollbackChannel(deps, { schemaVersion: 1, channel: input.channel, by: context.config.actor, reason: input.reason, expectedGeneration: current.generation, ...(toGeneration === undefined ? {} : { toGeneration }) });
}

export function addChannel(program: Command): void {
  const channel = program
    .command('channel [name]')
    .description('what is live in a channel and its whole history')
    .action(
      action<[string | undefined]>(async (context, name) => {
        const channel = await channelName(context, name);
        const history = await (await context.store()).channelHistory(channel);
        if (history.length === 0) throw new RatchetError('NOT_FOUND', `no channel ${channel}`);
        context.out.result(history, (value) => table(['generation', 'live', 'in place of', 'action', 'by', 'when', 'why'], value.map((entry) => [entry.generation, entry.live ? short(entry.live) : 'base', entry.generation === 0 ? '-' : entry.previous ? short(entry.previous) : 'base', entry.action, entry.by, entry.time, entry.reason])));
      }),
    );
  addHoldback(channel);

  program
    .command('rollback [channel]')
    .description('go back to what was live before; works on the store alone, also when Temporal is down')
    .option('--to <digest>', 'an adapter that was live before, or `base`')
    .option('--reason <text>', 'why, for the audit trail', 'rolled back by hand')
    .addHelpText('after', '\nExamples:\n  ratchet rollback\n  ratchet rollback tickets/production --to base --reason "wrong queue codes since noon"')
    .action(
      action<[string | undefined, { to?: string; reason: string }]>(async (context, name, options) => {
        const channel = await channelName(context, name);
        const done = await rollBack(context, { channel, reason: options.reason, ...(options.to === undefined ? {} : { to: options.to }) });
        context.out.result({ channel, ...done }, (value) => `${value.channel} is at generation ${value.generation}: ${value.live ? `adapter ${value.live}` : 'the base model'} is live again, in place of ${value.rolledBack ?? 'the base model'}`);
      }),
    );
}
