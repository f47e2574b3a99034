// `ratchet channel holdback`: how much of a channel the former adapter still answers, set by a person.
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { Option, type Command } from 'commander';
import { WatchPolicy, type ChannelEntry, type Holdback } from '../../core/contracts/index.ts';
import { RatchetError } from '../../core/errors.ts';
import { watchChannel, watchId, type WatchChannelInput } from '../../workflows/watch-channel.ts';
import { action } from '../action.ts';
import { channelName, type Context } from '../context.ts';
import { percent, short } from '../output.ts';

const HOUR_MS = 3_600_000;

interface Options {
  share?: number;
  hours?: number;
  end?: boolean;
  reason: string;
}

export function addHoldback(channel: Command): void {
  channel
    .command('holdback [name]')
    .description('leave a share of the sessions on the former adapter, change it, or end it; without options: what is held back')
    .addOption(new Option('--share <share>', 'share of the sessions, 0.01 to 0.5').argParser(Number))
    .addOption(new Option('--hours <hours>', 'from now').argParser(Number))
    .option('--end', 'the live adapter answers everything from now on; the watch ends')
    .option('--reason <text>', 'why, for the audit trail', 'set by hand')
    .addHelpText('after', '\nExamples:\n  ratchet channel holdback\n  ratchet channel holdback tickets/production --share 0.2 --hours 24\n  ratchet channel holdback --end --reason "watched long enough"')
    .action(
      action<[string | undefined, Options]>(async (context, name, options) => {
        const of = await channelName(context, name);
        const store = await context.store();
        const entry = await store.channel(of);
        if (entry === null) throw new RatchetError('NOT_FOUND', `no channel ${of}`);
        const now = new Date();
        if (options.share === undefined && options.hours === undefined && options.end !== true) return context.out.result({ channel: of, generation: entry.generation, holdback: running(entry, now) ?? null, changes: await store.holdbacks(of, entry.generation) }, () => holdbackText(entry, now));
        const { policy, workload } = await policyOf(context, of);
        const set = wantedHoldback(entry, options, policy, now);
        const changed = await store.setHoldback({ ...set, channel: of, generation: entry.generation, by: context.config.actor, reason: options.reason, time: now.toISOString() });
        if (options.end !== true && (await store.watch(of, entry.generation)) === null) {
          await startByHand(context, { schemaVersion: 1, channel: of, generation: entry.generation, workload, policy: { ...policy, share: set.share, hours: (Date.parse(set.until) - now.getTime()) / HOUR_MS }, by: context.config.actor, run: null });
        }
        context.out.result({ channel: of, generation: changed.generation, holdback: running(changed, now) ?? null }, () => holdbackText(changed, now));
      }),
    );
}

const running = ({ holdback }: ChannelEntry, now: Date): Holdback | undefined => (holdback !== undefined && Date.parse(holdback.until) > now.getTime() ? holdback : undefined);

function holdbackText(entry: ChannelEntry, now: Date): string {
  const held = running(entry, now);
  const live = entry.live ? short(entry.live) : 'the base model';
  if (held === undefined) return `${entry.channel} at generation ${entry.generation}: ${live} answers everything, nothing is held back`;
  return `${entry.channel} at generation ${entry.generation}: ${held.digest ? short(held.digest) : 'the base model'} answers ${percent(held.share)} of the sessions until ${held.until}, ${live} the others`;
}

async function policyOf(context: Context, channel: string): Promise<{ policy: WatchPolicy; workload: string }> {
  const loaded = [...(await context.workloads()).values()].find(({ workload }) => workload.channel === channel);
  if (loaded === undefined) throw new RatchetError('NOT_FOUND', `no workload of RATCHET_WORKLOADS has the channel ${channel}`);
  return { policy: loaded.workload.watch ?? WatchPolicy.parse({}), workload: loaded.workload.name };
}

/** What is not named stays as it is, or is the workload's. */
function wantedHoldback(entry: ChannelEntry, options: Options, policy: WatchPolicy, now: Date): Holdback {
  const before = running(entry, now);
  if (options.end === true) {
    if (before === undefined) throw new RatchetError('REQUEST_INVALID', `nothing is held back in ${entry.channel}`);
    return { ...before, until: now.toISOString() };
  }
  const share = options.share ?? before?.share ?? policy.share;
  if (!(share >= 0.01 && share <= 0.5)) throw new RatchetError('REQUEST_INVALID', '--share must be from 0.01 to 0.5');
  const hours = options.hours ?? policy.hours;
  if (!(hours > 0 && hours <= 720)) throw new RatchetError('REQUEST_INVALID', '--hours must be above 0 and at most 720');
  const until = before !== undefined && options.hours === undefined ? before.until : new Date(now.getTime() + hours * HOUR_MS).toISOString();
  return { digest: entry.holdback === undefined ? entry.previous : entry.holdback.digest, share, until };
}

async function startByHand(context: Context, input: WatchChannelInput): Promise<void> {
  try {
    const client = await context.temporal();
    await client.workflow.start(watchChannel, { workflowId: watchId(input.channel, input.generation), taskQueue: context.config.temporal.taskQueue, args: [input], workflowIdReusePolicy: 'REJECT_DUPLICATE' });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return;
    if (!(error instanceof RatchetError && error.code === 'TEMPORAL_UNAVAILABLE')) throw error;
    context.out.note('Temporal does not answer: the share is held back, and nobody watches it. Say the same again when Temporal is up.');
  }
}
