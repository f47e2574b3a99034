// `ratchet gate plan` and `ratchet gate ledger`: what a policy asks for before a night, and a channel's account of its decisions.
import { InvalidArgumentError, type Command } from 'commander';
import { gateBudget } from '../../activities/plan.ts';
import type { Digest, GatePolicy } from '../../core/contracts/index.ts';
import { RatchetError } from '../../core/errors.ts';
import { reasonOfProcess, type EProcess } from '../../core/gate/e-process.ts';
import { whyOver, type HeldCandidate } from '../../core/gate/held.ts';
import { gateLedger, levelsOfDecision, levelText, type DecisionLevels, type GateLedger } from '../../core/gate/levels.ts';
import { planNight, type NightPlan } from '../../core/gate/plan.ts';
import { casesForGain } from '../../core/gate/power.ts';
import type { GateDecision } from '../../stores/ports.ts';
import { action } from '../action.ts';
import { channelName, type Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { fields, percent, short, table } from '../output.ts';
import { readPolicy } from '../policy-file.ts';

/** Gains that the table of `gate plan` shows beside the policy's own. */
const GAINS = [0.02, 0.05, 0.1, 0.2];
/** Beyond it `gate plan` only says "more". */
const MOST_CASES = 20_000;

interface PlanFlags {
  policy?: string;
  workload?: string;
  discordance?: number;
  fresh?: number;
}

export interface PlanResult {
  policy: GatePolicy;
  levels: DecisionLevels;
  discordance: number;
  plan: NightPlan;
  /** About how many cases other gains and numbers of decisions want, whatever minCases and maxCases say; null: more than 20,000. */
  others: { gain: number; decisionsPerPeriod: number; n: number | null }[];
}

export interface LedgerResult extends GateLedger {
  channel: string;
  levels: DecisionLevels;
  decisions: GateDecision[];
  held: (Pick<HeldCandidate, 'heldVerdictDigest' | 'periodEnd' | 'looks'> & Pick<EProcess, 'candidateDigest' | 'n' | 'maxCases' | 'level'> & { e: number; reason: string; endsBecause: string | null }) | null;
  heldEnded: { heldVerdictDigest: Digest; status: EProcess['status']; reason: string | null; endedAt: string | null }[];
}

function shareArgument(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 1)) throw new InvalidArgumentError('It must be a share above 0 and up to 1.');
  return value;
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('It must be a whole number.');
  return value;
}

function planResult(policy: GatePolicy, discordance: number | undefined, fresh: number): PlanResult {
  const share = discordance ?? policy.expectedDiscordance;
  const gains = [...new Set([...GAINS, policy.smallestGain])].sort((a, b) => a - b);
  const others = [1, 4, 30].flatMap((decisionsPerPeriod) =>
    gains.map((gain) => ({ gain, decisionsPerPeriod, n: casesForGain(gain, policy.power, levelsOfDecision({ ...policy, decisionsPerPeriod }).test, share, MOST_CASES) })),
  );
  return { policy, levels: levelsOfDecision(policy), discordance: share, plan: planNight(policy, fresh, { test: discordance }), others };
}

/** The channel's account, as of now. */
export async function ledgerOf(context: Pick<Context, 'store' | 'blobs' | 'workloads'>, channel: string, at: string): Promise<LedgerResult> {
  const [store, blobs] = [await context.store(), await context.blobs()];
  const loaded = [...(await context.workloads()).values()].find(({ workload }) => workload.channel === channel);
  if (!loaded) throw new RatchetError('NOT_FOUND', `no configured workload has the channel ${channel}`);
  const { policy } = await gateBudget({ store, blobs, clock: () => new Date(at) }, loaded.workload);
  const decisions = await store.decisions(channel);
  const candidates = await store.heldCandidates(channel);
  const open = candidates.find(({ process }) => process.status === 'open');
  const generation = (await store.channel(channel))?.generation ?? 0;
  return {
    channel,
    ...gateLedger(decisions, policy, await store.cases(loaded.workload.name), at),
    levels: levelsOfDecision(policy),
    decisions,
    held: open ? heldView(open, generation, at) : null,
    heldEnded: candidates.filter(({ process }) => process.status !== 'open').map(({ heldVerdictDigest, process, endedAt }) => ({ heldVerdictDigest, status: process.status, reason: process.reason, endedAt })),
  };
}

function heldView(held: HeldCandidate, generation: number, at: string): LedgerResult['held'] {
  const { candidateDigest, n, maxCases, level, logE } = held.process;
  const { heldVerdictDigest, periodEnd, looks } = held;
  return { heldVerdictDigest, periodEnd, looks, candidateDigest, n, maxCases, level, e: Math.exp(Math.min(logE, 700)), reason: reasonOfProcess(held.process), endsBecause: whyOver(held, generation, at) };
}

export function addGateBooks(gate: Command): void {
  gate
    .command('plan')
    .description('how many cases a policy wants, and what other gains and numbers of decisions would want')
    .option('--policy <file>', 'gate policy: a workload file or its gate: part (default: the configured workload)')
    .option('-w, --workload <name>', 'the workload, when there are several and no --policy')
    .option('--discordance <share>', 'share of cases on which the two arms disagree (default: the policy’s expectedDiscordance)', shareArgument)
    .option('--fresh <count>', 'fresh blind cases at hand', count, 0)
    .addHelpText('after', `\nExit codes: ${EXIT.ok} done; ${EXIT.usage} the policy is wrong.\n\nExamples:\n  ratchet gate plan --policy workload.yaml\n  ratchet gate plan --policy workload.yaml --discordance 0.15 --fresh 400 --json`)
    .action(
      action<[PlanFlags]>(async (context, flags) => {
        const policy = flags.policy === undefined ? (await context.workload(flags.workload)).workload.gate : await readPolicy(flags.policy);
        context.out.result(planResult(policy, flags.discordance, flags.fresh ?? 0), renderPlan);
      }),
    );

  gate
    .command('ledger [channel]')
    .description('a channel’s decisions planned and made, alpha left, cases used and retired, and the candidate that is held')
    .addHelpText('after', '\nExamples:\n  ratchet gate ledger\n  ratchet gate ledger tickets/production --json')
    .action(
      action<[string | undefined]>(async (context, name) => {
        const channel = await channelName(context, name);
        context.out.result(await ledgerOf(context, channel, new Date().toISOString()), renderLedger);
      }),
    );
}

const points = (gain: number): string => `${Number((gain * 100).toFixed(1))} points`;
function renderPlan({ policy, levels, discordance, plan, others }: PlanResult): string {
  const lines: [string, unknown][] = [
    ['wanted', `${plan.n} cases: a gain of ${points(policy.smallestGain)} is then found with power ${plan.power.toFixed(2)} where the arms disagree on ${percent(discordance)}`],
    ['fresh', `${plan.freshCases}; ${plan.missingCases} missing`],
    ['level', `${levelText(levels.test)} for the test${levels.eProcess > 0 ? `, ${levelText(levels.eProcess)} for the e-process after hold` : ''}: alpha ${policy.alpha} in ${policy.periodDays} days, ${policy.decisionsPerPeriod} decision(s)`],
    ...plan.guards.map((guard): [string, unknown] => [`guard ${guard.id}`, guard.wanted === null ? 'more cases than can be planned for' : `about ${guard.wanted} cases to pass a harmless candidate`]),
    ...plan.lacks.map((lack): [string, unknown] => ['lacks', lack]),
    ...plan.warnings.map((warning): [string, unknown] => ['note', warning]),
  ];
  const gains = [...new Set(others.map(({ gain }) => gain))];
  const decisions = [...new Set(others.map(({ decisionsPerPeriod }) => decisionsPerPeriod))];
  const rows = gains.map((gain) => [points(gain), ...decisions.map((each) => others.find((other) => other.gain === gain && other.decisionsPerPeriod === each)?.n ?? `> ${MOST_CASES}`)]);
  return `${fields(lines)}\n\n${table(['cases for a gain of', ...decisions.map((each) => `${each} decision${each === 1 ? '' : 's'} a period`)], rows)}`;
}

function renderLedger(value: LedgerResult): string {
  const { held } = value;
  const lines: [string, unknown][] = [
    ['channel', value.channel],
    ['period', value.periodStart === null ? 'begins with the next decision' : `${value.periodStart} to ${value.periodEnd}`],
    ['decisions', `${value.decisionsMade} of ${value.decisionsPlanned} made`],
    ['alpha', `${levelText(value.alphaSpent)} of ${levelText(value.alpha)} spent, ${levelText(value.alphaLeft)} left`],
    ['level', `${levelText(value.levels.test)} for a test${value.levels.eProcess > 0 ? `, ${levelText(value.levels.eProcess)} for its e-process` : ''}`],
    ['cases', `${value.casesFresh} fresh, ${value.casesRetired} retired`],
    ['held', held === null ? 'none' : `adapter ${short(held.candidateDigest)}, ${held.looks.length} look(s), ${held.n} of ${held.maxCases} cases: ${held.reason}${held.endsBecause === null ? '' : ` It ends with the next night: ${held.endsBecause}.`}`],
  ];
  const decisions = value.decisions.map((each) => [each.periodStart, `${each.decisionNumber} of ${each.decisionsPerPeriod}`, each.at, each.runId, each.verdictDigest === null ? 'no verdict' : short(each.verdictDigest)]);
  return decisions.length === 0 ? fields(lines) : `${fields(lines)}\n\n${table(['period', 'decision', 'when', 'run', 'verdict'], decisions)}`;
}
