// A run's report for people: what came in, what was trained, the verdict and why, the suites, each flip, what it cost.
import type { Digest } from '../core/contracts/index.ts';
import { levelText } from '../core/gate/levels.ts';
import { reestimateInWords } from '../core/gate/reestimate.ts';
import type { ArmSummary, Rate } from '../core/suites/summary.ts';
import type { Flip, FlipSide } from './flips.ts';
import type { PastFailureState } from './past-failures.ts';
import type { RunReport } from './report.ts';
import type { JudgeReport } from './suite-judge.ts';
import type { SuiteReport } from './suites.ts';

const HEADLINES: Record<RunReport['run']['status'], string> = {
  running: 'is running',
  skipped: 'was skipped',
  promoted: 'promoted a new adapter',
  rejected: 'rejected its candidate',
  held: 'held its candidate back',
  awaiting_approval: 'waits for approval',
  lost: 'lost to another change of the channel',
  failed: 'failed',
  cancelled: 'was cancelled',
};

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const row = (...cells: (string | number | null)[]): string => `| ${cells.map((cell) => cell ?? '-').join(' | ')} |`;

/** Of each kind; the JSON report has all. */
const FLIPS_SHOWN = 20;
const PAST_FAILURES_SHOWN = 20;
const DIFFERENCES_SHOWN = 10;

/** @param answers texts of the flips' answers by digest; without them only digests are printed */
export function reportMarkdown(report: RunReport, answers: Readonly<Record<Digest, string>> = {}): string {
  const { run } = report;
  const parts = [
    `# ${run.workload}: the run ${HEADLINES[run.status]}`,
    [run.reason, `Run \`${run.runId}\`, from ${run.startedAt} to ${run.endedAt ?? 'now'}${report.request ? `, asked for by ${report.request.by}: ${report.request.reason}` : ''}.`].filter(Boolean).join('\n\n'),
    cameIn(report),
    planned(report),
    trained(report),
    verdict(report),
    suites(report, answers),
    pastFailures(report),
    flips(report, answers),
    reestimated(report),
    cost(report),
    digests(report),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function cameIn({ cameIn: counts, dataset, injectionJudge: judge }: RunReport): string {
  const classes = Object.entries(counts.byClass).toSorted(([, a], [, b]) => b - a);
  return [
    '## What came in',
    `${counts.interactions} interactions, ${counts.failing} of them with a failure; ${counts.corrections} corrections, ${counts.cases} cases, ${counts.deadLetters} dead letters so far.`,
    ...(classes.length === 0 ? [] : [['| failure class | interactions |', '| --- | --- |', ...classes.map(([name, count]) => row(name, count))].join('\n')]),
    ...(dataset === null ? [] : [`The dataset: ${dataset.corrected} corrected and ${dataset.replay} replayed examples; left out: ${dataset.evalSide} of the evaluation side, ${dataset.duplicates} duplicates, ${dataset.withoutTarget} without a right answer, ${dataset.barred} barred.`]),
    ...(judge === undefined ? [] : [`The injection judge \`${judge.judgeDigest}\` confirms ${judge.followed} of the rows that a followed injection teaches and keeps ${String(dataset?.['judgedOut'])} out; ${judge.unconfirmed} stand unconfirmed${judge.absent === null ? '' : `: ${judge.absent}`}.`]),
  ].join('\n\n');
}

function planned({ run: { plan } }: RunReport): string {
  if (plan === undefined) return '';
  const { plannedN, freshCases, missingCases, smallestGain, power, level, guards, warnings } = plan;
  return [
    '## What was planned',
    `${plannedN} cases find a gain of ${percent(smallestGain)} with power ${power.toFixed(2)} at level ${levelText(level)}; ${freshCases} fresh cases were at hand, ${missingCases} missing.`,
    ...(guards.length === 0 ? [] : [['| guard | cases to pass a harmless candidate |', '| --- | --- |', ...guards.map(({ id, wanted }) => row(id, wanted ?? 'more than can be planned for'))].join('\n')]),
    ...warnings.map((warning) => `Note: ${warning}.`),
  ].join('\n\n');
}

function trained({ training }: RunReport): string {
  if (training === null) return '';
  return `## What was trained\n\n${training.examples} examples, ${training.steps} steps, ${training.tokens} tokens; loss ${training.firstLoss.toFixed(3)} → ${training.finalLoss.toFixed(3)}.`;
}

function verdict({ verdict: found, channel, evaluation }: RunReport): string {
  if (found === null) return '';
  const { n, b, c, bothPass, bothFail, pOneSided, level, effect, interval } = found;
  return [
    `## Verdict: ${found.decision}`,
    found.reason,
    [
      row(`${n} cases`, 'current passes', 'current fails'),
      row('---', '---', '---'),
      row('candidate passes', bothPass, b),
      row('candidate fails', c, bothFail),
    ].join('\n'),
    `One-sided p = ${pOneSided.toPrecision(4)} at level ${levelText(level)}; effect ${percent(effect)}, 95 % interval ${percent(interval[0])} to ${percent(interval[1])}; ${found.labelled} cases with a blind truth. ${
      found.selfDisagreement === null ? '' : `The current adapter disagreed with itself on ${percent(found.selfDisagreement)} of ${evaluation?.repeated === undefined ? '' : `${evaluation.repeated} `}repeated cases.`
    }`.trim(),
    ...(evaluation?.productionBuild === undefined ? [] : [`Asked on replicas apart from production's: engine ${evaluation.engineBuild}${evaluation.productionBuild === evaluation.engineBuild ? ', as production runs' : `, while production runs ${evaluation.productionBuild}: nothing is promoted on such an evaluation`}.`]),
    ...(found.guards.length === 0 ? [] : [['| guard | result | harm | bounds | margin |', '| --- | --- | --- | --- | --- |', ...found.guards.map((guard) => row(guard.judge ? `${guard.id} (judge ${guard.judge.model})` : guard.id, guard.result, guard.harm.toFixed(3), `${guard.lower.toFixed(3)} … ${guard.upper.toFixed(3)}`, guard.margin))].join('\n')]),
    ...(found.warnings ?? []).map((warning) => `Note: ${warning}.`),
    ...(channel === null ? [] : [`Channel ${channel.name} is at generation ${channel.generation}: ${channel.live ?? 'the base model'}.`]),
  ].join('\n\n');
}

const rateText = (rate: Rate | undefined): string => (rate === undefined ? '-' : `${rate.good}/${rate.of} (${percent(rate.interval[0])} to ${percent(rate.interval[1])})`);

function suites({ evaluation }: RunReport, answers: Readonly<Record<Digest, string>>): string {
  if (!evaluation?.suites) return '';
  const { suites: all, asked, kept, seconds } = evaluation.suites;
  return ['## Suites', `Good of all that was looked at, with 95 % intervals; never part of the test above. ${asked} answers asked in ${seconds.toFixed(1)} s, ${kept} kept from earlier.`, ...all.map((each) => suite(each, answers))].join('\n\n');
}

function suite({ name, purpose, description, cases, of, trainingSide, arms, guards, judge }: SuiteReport, answers: Readonly<Record<Digest, string>>): string {
  const metrics = [...new Set(arms.flatMap(({ rates }) => Object.keys(rates)))];
  const needed = (arm: ArmSummary): string => (arm.medianLatencyMs === null ? '-' : `${arm.medianLatencyMs.toFixed(0)} ms, ${(arm.meanOutputTokens ?? 0).toFixed(0)} tokens`);
  return [
    `### ${name} (${purpose.replaceAll('_', ' ')})`,
    `${description === '' ? '' : `${description.trim()} `}${cases} of ${of} cases.${trainingSide.length === 0 ? '' : ` ${trainingSide.length} more were left out, since what they ask is on the training side: ${trainingSide.slice(0, 10).join(', ')}${trainingSide.length > 10 ? ' …' : ''}.`}`,
    [row('', ...arms.map(({ arm }) => arm)), row('---', ...arms.map(() => '---')), ...metrics.map((metric) => row(metric.replaceAll('_', ' '), ...arms.map(({ rates }) => rateText(rates[metric])))), row('median latency, mean length', ...arms.map(needed)), row('no answer', ...arms.map(({ missing }) => missing))].join('\n'),
    ...guards.filter(({ wanted, clusters }) => wanted === null || wanted > clusters).map(({ id, wanted, clusters }) => `Guard "${id}" wants ${wanted === null ? 'more cases than can be planned for' : `about ${wanted} clusters`} to pass a harmless candidate, the suite has ${clusters}: raise its margin or add cases.`),
    ...(judge ? judged(judge, answers) : []),
  ].join('\n\n');
}

/** What a judge says is a model's word about a model's word: never more than text in a block. */
function judged({ digest, model, revision, absent, asked, kept, unreadable, differences }: JudgeReport, answers: Readonly<Record<Digest, string>>): string[] {
  const who = `Judge \`${model}\` (${revision}), \`${digest}\``;
  if (absent !== null) return [`${who}, was not heard: ${absent}.`];
  const lost = differences.filter(({ change }) => change === 'lost');
  return [
    `${who}: ${asked} answers judged, ${kept} verdicts kept from earlier, ${unreadable} not readable (they count as not passed). Of the answers that pass every check it finds against the candidate alone in ${lost.length}, against the current alone in ${differences.length - lost.length}.`,
    ...lost.slice(0, DIFFERENCES_SHOWN).map(({ caseId, reasonDigest }) => `Case \`${caseId}\`:\n\n${block(reasonDigest === null ? '(not readable)' : (answers[reasonDigest] ?? reasonDigest))}`),
  ];
}

const STATES: Record<PastFailureState, string> = { fixed: 'fixed by the candidate', still_fixed: 'fixed before, and still', still_broken: 'still broken', broken_again: 'broken again' };

function pastFailures({ evaluation }: RunReport): string {
  if (!evaluation?.pastFailures) return '';
  const { known, failures } = evaluation.pastFailures;
  const count = (state: PastFailureState): number => failures.filter((failure) => failure.state === state).length;
  const open = failures.filter(({ state }) => state === 'broken_again' || state === 'still_broken');
  return [
    '## Is it still fixed?',
    `${failures.length} of ${known} failures that earlier adapters learned from were asked again. They were learned from, so they prove nothing: they say whether a lesson lasts.`,
    ['| now | failures |', '| --- | --- |', ...(['still_fixed', 'fixed', 'broken_again', 'still_broken'] as const).map((state) => row(STATES[state], count(state))), row('equal to the correction', failures.filter(({ equalsCorrection }) => equalsCorrection).length)].join('\n'),
    ...(open.length === 0 ? [] : [['| interaction | failed as | learned in | now |', '| --- | --- | --- | --- |', ...open.slice(0, PAST_FAILURES_SHOWN).map((failure) => row(failure.interactionDigest, failure.failureClasses.join(', '), failure.learnedIn, STATES[failure.state]))].join('\n')]),
  ].join('\n\n');
}

function flips({ flips: all = [] }: RunReport, answers: Readonly<Record<Digest, string>>): string {
  if (all.length === 0) return '';
  const section = (change: Flip['change'], title: string): string[] => {
    const some = all.filter((flip) => flip.change === change);
    if (some.length === 0) return [];
    return [`### ${title}: ${some.length}`, ...some.slice(0, FLIPS_SHOWN).map((flip) => [`Case \`${flip.caseDigest}\``, side('current', flip.current, answers), side('candidate', flip.candidate, answers)].join('\n\n'))];
  };
  return ['## What changed', ...section('lost', 'Only the current passes'), ...section('gained', 'Only the candidate passes')].join('\n\n');
}

function side(arm: string, { answerDigest, failureClasses, equalsTruth }: FlipSide, answers: Readonly<Record<Digest, string>>): string {
  const wrong = [...failureClasses, ...(equalsTruth === false ? ['not equal to the truth'] : [])];
  const text = answerDigest === null ? '(no answer)' : (answers[answerDigest] ?? answerDigest);
  return `${arm}${wrong.length === 0 ? '' : ` (${wrong.join(', ')})`}:\n\n${block(text)}`;
}

/** No line of a text can end an indented block. */
const block = (text: string): string => text.split(/\r\n|[\n\r\u2028\u2029]/).map((line) => `    ${line}`).join('\n');

/** A report only: the estimate that promoted an adapter is large by selection, this one is not. */
function reestimated({ reestimate }: RunReport): string {
  return reestimate === undefined ? '' : `## The adapter that was live\n\n\`${reestimate.adapterDigest}\`: ${reestimateInWords(reestimate)}.`;
}

function cost({ cost: spent }: RunReport): string {
  if (spent === null) return '';
  return [
    '## Cost',
    ['| step | seconds |', '| --- | --- |', ...spent.steps.map(({ step, seconds }) => row(step, seconds.toFixed(1)))].join('\n'),
    `${spent.gpuSeconds.toFixed(1)} s of training on ${spent.trainedTokens} tokens; ${spent.evaluationAnswers} evaluation answers with ${spent.evaluationTokens} tokens.`,
  ].join('\n\n');
}

function digests({ run }: RunReport): string {
  const named = { workload: run.workloadDigest, manifest: run.manifestDigest, dataset: run.datasetDigest, adapter: run.adapterDigest, verdict: run.verdictDigest };
  const known = Object.entries(named).filter(([, digest]) => digest !== null);
  return ['## Digests', ['| what | digest |', '| --- | --- |', ...known.map(([what, digest]) => row(what, digest))].join('\n')].join('\n\n');
}
