// Makes the dataset of a run: a pure function of what the snapshot names, the workload and the split ledger.
import type { Correction, Dataset, Digest, Example, FailureClass, Finding, Interaction, LedgerEntry, Workload } from '../contracts/index.ts';
import { canonicalJson, digestOfBytes, digestOfJson, keyedHash } from '../digest.ts';
import { canonicalAnswer } from './answers.ts';
import { clusterIdOf, finalTurnText, plainText, textOf } from './cluster.ts';
import { entriesByCluster, ledgerDigest } from './ledger.ts';
import { lessonOf, type KeptCorrection } from './targets.ts';

/** One template must not fill the dataset: at most so many rows of a cluster, replay included. */
export const MAX_EXAMPLES_PER_CLUSTER = 2;

export interface CurateRecord {
  digest: Digest;
  interaction: Interaction;
  findings: readonly Finding[];
  /** The cluster under which intake wrote the ledger; another cluster function may have been in force then. */
  clusterId?: Digest;
}

export interface CurateInput {
  workload: Workload;
  workloadDigest: Digest;
  manifestDigest: Digest;
  /** All interactions and corrections that the manifest names, in any order. */
  records: readonly CurateRecord[];
  corrections: readonly { digest: Digest; correction: Correction }[];
  ledger: readonly LedgerEntry[];
  detectorVersions: readonly string[];
  redactorVersion: string;
  /** A correction's answer with the surrogates of its interaction, also where only that one's words gave a value away. */
  redactTarget: (interaction: Interaction, answer: string) => string;
  /** True when this answer to this interaction passes the workload's detectors. */
  checkTarget: (interaction: Interaction, answer: string) => boolean;
  /** Records in which the workload's injection judge finds no injection followed; left out where it has no such judge. */
  notFollowed?: ReadonlySet<Digest>;
}

interface Candidate {
  record: CurateRecord;
  clusterId: Digest;
  target: KeptCorrection | null;
  classes: FailureClass[];
}

const byText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
/** By what was asked, then by record: the same tasks come in the same order whenever they arrived. */
const byTask = (a: Candidate, b: Candidate): number => byText(a.clusterId, b.clusterId) || byText(a.record.digest, b.record.digest);
const refKey = (ref: { source: string; id: string }): string => `${ref.source}\n${ref.id}`;
const completionOf = ({ record, target }: Candidate): string => target?.correction.answer ?? record.interaction.answer.text;

function exampleOf(candidate: Candidate): Example {
  const { record, clusterId, target, classes } = candidate;
  return {
    schemaVersion: 1,
    kind: 'sft',
    messages: record.interaction.messages,
    ...(record.interaction.tools && { tools: record.interaction.tools }),
    completion: completionOf(candidate),
    clusterId,
    source: { interactionDigest: record.digest, correctionDigest: target?.digest ?? null, failureClasses: classes, replay: target === null },
  };
}

/** Two keys; a candidate that shares either with one already taken is a duplicate. */
function duplicateKeys(candidate: Candidate): [string, string] {
  const { messages } = candidate.record.interaction;
  const prompt = messages.map((message) => [message.role, textOf(message).normalize('NFKC').replace(/\s+/g, ' ').trim()]);
  // The same prompt with two right answers would teach both: the first stays. A prompt that differs in case, punctuation
  // or in what stood before the final turn is the same lesson only with the same answer.
  return [`prompt:${canonicalJson(prompt)}`, `lesson:${plainText(finalTurnText(messages))}\n${canonicalAnswer(completionOf(candidate))}`];
}

/** Takes candidates until a cluster is full, each lesson once. */
function createTaker() {
  const seen = new Set<string>();
  const perCluster = new Map<Digest, number>();
  return (candidate: Candidate): 'taken' | 'duplicate' | 'capped' => {
    const keys = duplicateKeys(candidate);
    if (keys.some((key) => seen.has(key))) return 'duplicate';
    const taken = perCluster.get(candidate.clusterId) ?? 0;
    if (taken >= MAX_EXAMPLES_PER_CLUSTER) return 'capped';
    for (const key of keys) seen.add(key);
    perCluster.set(candidate.clusterId, taken + 1);
    return 'taken';
  };
}

/** The examples as the trainer reads them: JSONL, one canonical JSON document a line. */
export const examplesJsonl = (examples: readonly Example[]): string => examples.map((example) => `${canonicalJson(example)}\n`).join('');

/**
 * Chooses the training rows. Counts: `interactions` = `evalSide` + `barred` (member of a cluster that has an eval member,
 * or of one that the ledger does not know) + `keptOut` (no consent, or redaction changed the verdict) + those that may be
 * learned from. Of these, `failures` = `corrected` + `withoutTarget` + `duplicates` + `capped` + `judgedOut` (by an injection
 * judge, where there is one); `replay` rows come on top.
 */
export function curate(input: CurateInput): { dataset: Dataset; examples: Example[] } {
  const { workload } = input;
  const records = [...new Map(input.records.map((record) => [record.digest, record])).values()].sort((a, b) => byText(a.digest, b.digest));
  const ledger = entriesByCluster(input.ledger);

  const corrections = new Map<string, KeptCorrection[]>();
  for (const kept of new Map(input.corrections.map((each) => [each.digest, each])).values()) {
    if (kept.correction.workload !== workload.name) continue;
    const key = refKey(kept.correction.interaction);
    corrections.set(key, [...(corrections.get(key) ?? []), kept]);
  }

  const correctionsOf = (interaction: Interaction): KeptCorrection[] =>
    (corrections.get(refKey(interaction)) ?? []).map(({ digest, correction }) => ({ digest, correction: { ...correction, answer: input.redactTarget(interaction, correction.answer) } }));

  const members = records.map((record) => {
    const clusterId = clusterIdOf(record.interaction.messages);
    const ids = new Set([clusterId, record.clusterId ?? clusterId]);
    return { record, clusterId, entries: [...ids].flatMap((id) => ledger.get(id) ?? []) };
  });
  const clustersWithEval = new Set(members.filter(({ entries }) => entries.some((entry) => entry.side === 'eval')).map(({ clusterId }) => clusterId));

  const counts = { interactions: records.length, failures: 0, corrected: 0, replay: 0, duplicates: 0, evalSide: 0, withoutTarget: 0, barred: 0, keptOut: 0, capped: 0 };
  const failing: Candidate[] = [];
  const good: Candidate[] = [];
  for (const { record, clusterId, entries } of members) {
    const { interaction } = record;
    if (entries.length > 0 && entries.every((entry) => entry.side === 'eval')) counts.evalSide += 1;
    else if (entries.length === 0 || clustersWithEval.has(clusterId)) counts.barred += 1;
    else if (interaction.consentBasis === 'none' || interaction.operation !== undefined || interaction.redaction?.changedVerdict) counts.keptOut += 1;
    else {
      const lesson = lessonOf(interaction, record.findings, correctionsOf(interaction), workload, input.checkTarget);
      if (lesson.kind === 'good') good.push({ record, clusterId, target: null, classes: [] });
      if (lesson.kind !== 'failure') continue;
      counts.failures += 1;
      if (lesson.target) failing.push({ record, clusterId, target: lesson.target, classes: lesson.classes });
      else counts.withoutTarget += 1;
    }
  }

  const take = createTaker();
  const taken: Candidate[] = [];
  const fromPerson = (candidate: Candidate) => Number(candidate.target?.correction.authority === 'person');
  for (const candidate of failing.sort((a, b) => fromPerson(b) - fromPerson(a) || byTask(a, b))) {
    const result = take(candidate);
    if (result === 'taken') taken.push(candidate);
    else if (result === 'duplicate') counts.duplicates += 1;
    else counts.capped += 1;
  }
  counts.corrected = taken.length;

  // The recipe's seed, not chance, says which good answers are repeated; one that is chosen stays chosen as records come in.
  const replayWanted = Math.round(workload.recipe.replayShare * counts.corrected);
  const drawOrder = new Map(good.map(({ clusterId }) => [clusterId, keyedHash(`replay:${workload.recipe.seed}`, clusterId)]));
  for (const candidate of good.sort((a, b) => byText(drawOrder.get(a.clusterId) ?? '', drawOrder.get(b.clusterId) ?? '') || byTask(a, b))) {
    if (counts.replay >= replayWanted) break;
    if (take(candidate) !== 'taken') continue;
    taken.push(candidate);
    counts.replay += 1;
  }

  // Only now: a row that the judge keeps out makes room for no other, so that it can bring none in.
  const { notFollowed } = input;
  const kept = taken.filter(({ record, target }) => target === null || notFollowed?.has(record.digest) !== true);
  const judgedOut = taken.length - kept.length;
  counts.corrected -= judgedOut;

  const rows = kept.sort(byTask).map(exampleOf).map((example) => ({ example, digest: digestOfJson(example) }));
  const examples = rows.map((row) => row.example);
  const dataset: Dataset = {
    schemaVersion: 1,
    workload: workload.name,
    workloadDigest: input.workloadDigest,
    manifestDigest: input.manifestDigest,
    // Of the entries about these records only: lines written for later traffic do not rename the dataset.
    ledgerDigest: ledgerDigest(members.flatMap(({ entries }) => entries)),
    detectorVersions: [...new Set(input.detectorVersions)].sort(),
    redactorVersion: input.redactorVersion,
    examplesDigest: digestOfBytes(examplesJsonl(examples)),
    exampleDigests: rows.map((row) => row.digest),
    counts: notFollowed === undefined ? counts : { ...counts, judgedOut },
  };
  return { dataset, examples };
}
