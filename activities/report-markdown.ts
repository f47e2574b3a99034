// A run's report for people: what came in, what was trained, the verdict and why, what it cost.
import type { RunReport } from './report.ts';

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

export function reportMarkdown(report: RunReport): string {
  const { run } = report;
  const parts = [
    `# ${run.workload}: the run ${HEADLINES[run.status]}`,
    [run.reason, `Run \`${run.runId}\`, from ${run.startedAt} to ${run.endedAt ?? 'now'}${report.request ? `, asked for by ${report.request.by}: ${report.request.reason}` : ''}.`].filter(Boolean).join('\n\n'),
    cameIn(report),
    trained(report),
    verdict(report),
    cost(report),
    digests(report),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function cameIn({ cameIn: counts, dataset }: RunReport): string {
  const classes = Object.entries(counts.byClass).toSorted(([, a], [, b]) => b - a);
  return [
    '## What came in',
    `${counts.interactions} interactions, ${counts.failing} of them with a failure; ${counts.corrections} corrections, ${counts.cases} cases, ${counts.deadLetters} dead letters so far.`,
    ...(classes.length === 0 ? [] : [['| failure class | interactions |', '| --- | --- |', ...classes.map(([name, count]) => row(name, count))].join('\n')]),
    ...(dataset === null ? [] : [`The dataset: ${dataset.corrected} corrected and ${dataset.replay} replayed examples; left out: ${dataset.evalSide} of the evaluation side, ${dataset.duplicates} duplicates, ${dataset.withoutTarget} without a right answer, ${dataset.barred} barred.`]),
  ].join('\n\n');
}

function trained({ training }: RunReport): string {
  if (training === null) return '';
  return `## What was trained\n\n${training.examples} examples, ${training.steps} steps, ${training.tokens} tokens; loss ${training.firstLoss.toFixed(3)} → ${training.finalLoss.toFixed(3)}.`;
}

function verdict({ verdict: found, channel }: RunReport): string {
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
    `One-sided p = ${pOneSided.toPrecision(4)} at level ${level}; effect ${percent(effect)}, 95 % interval ${percent(interval[0])} to ${percent(interval[1])}; ${found.labelled} cases with a blind truth. ${
      found.selfDisagreement === null ? '' : `The current adapter disagreed with itself on ${percent(found.selfDisagreement)} of repeated cases.`
    }`.trim(),
    ...(found.guards.length === 0 ? [] : [['| guard | result | harm | bounds | margin |', '| --- | --- | --- | --- | --- |', ...found.guards.map((guard) => row(guard.id, guard.result, guard.harm.toFixed(3), `${guard.lower.toFixed(3)} … ${guard.upper.toFixed(3)}`, guard.margin))].join('\n')]),
    ...(channel === null ? [] : [`Channel ${channel.name} is at generation ${channel.generation}: ${channel.live ?? 'the base model'}.`]),
  ].join('\n\n');
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
