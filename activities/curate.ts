// Step 3: turns the snapshot's failures and corrections into a dataset, and links every example to what it was made of.
import { isSpanContextValid, trace, TraceFlags, type SpanContext } from '@opentelemetry/api';
import type { Dataset, Digest, Example, Failure, SnapshotManifest, TrainAdapterInput } from '../core/contracts/index.ts';
import { curate, examplesJsonl } from '../core/curate/dataset.ts';
import { notFollowed, type InjectionJudgements } from '../core/curate/injection-judge.ts';
import { detect, DETECTOR_VERSIONS, passes } from '../core/detect/index.ts';
import { digestOfJson } from '../core/digest.ts';
import { RatchetError } from '../core/errors.ts';
import type { LineageLink, StoredInteraction } from '../stores/ports.ts';
import type { Deps, RunRef } from './deps.ts';
import { readJsonBlob, readSettings, updateRun, type Settings } from './runs.ts';

const READ_AT_ONCE = 500;
/** The default limit of links on one span. */
const MAX_SPAN_LINKS = 128;

export interface CurateDatasetInput {
  schemaVersion: 1;
  run: RunRef;
  manifestDigest: Digest;
  /** What the workload's injection judge said, where it has one. */
  judgementsDigest?: Digest;
}

export interface CurateDatasetOutput {
  schemaVersion: 1;
  datasetDigest: Digest;
  counts: Dataset['counts'];
  /** What the GPU worker is asked to train. */
  training: TrainAdapterInput;
}

export async function curateDataset(deps: Deps, { run, manifestDigest, judgementsDigest }: CurateDatasetInput): Promise<CurateDatasetOutput> {
  await updateRun(deps, run.runId, { step: 'curate' });
  const settings = await readSettings(deps, run);
  const { dataset, examples, records, judgements } = await curateSnapshot(deps, settings, manifestDigest, judgementsDigest);
  if (examples.length === 0) throw new RatchetError('DATASET_INVALID', `the dataset of run ${run.runId} has no examples`);
  const examplesDigest = await deps.blobs.put(Buffer.from(examplesJsonl(examples)));
  if (examplesDigest !== dataset.examplesDigest) throw new RatchetError('DATASET_INVALID', `the examples' digest is ${examplesDigest}, the dataset names ${dataset.examplesDigest}`);
  const datasetDigest = await deps.store.putDocument('dataset', dataset);
  await deps.store.link([...datasetLinks(run, settings, manifestDigest, datasetDigest, examples, records), ...(await judgementLinks(deps, datasetDigest, judgements, records))]);
  linkSpans(examples, records);
  await updateRun(deps, run.runId, { datasetDigest, step: 'train' });
  const { name, baseModel, recipe } = settings.workload;
  return {
    schemaVersion: 1,
    datasetDigest,
    counts: dataset.counts,
    training: { schemaVersion: 1, runId: run.runId, workload: name, baseModel, datasetDigest, examplesDigest, recipe },
  };
}

/**
 * The dataset of a snapshot: a pure function of the manifest, the settings, the split ledger and the record of what the
 * injection judge said. Only the ledger's lines about the snapshot's own clusters count, so that records arriving meanwhile
 * change nothing.
 */
export async function curateSnapshot(
  deps: Pick<Deps, 'store' | 'blobs' | 'redactors'>,
  settings: Settings,
  manifestDigest: Digest,
  judgementsDigest?: Digest,
): Promise<{ dataset: Dataset; examples: Example[]; records: Map<Digest, StoredInteraction>; judgements: InjectionJudgements | null }> {
  const { workload, workloadDigest, outputSchema } = settings;
  const manifest = await readJsonBlob<SnapshotManifest>(deps, manifestDigest);
  const records = await inChunks(manifest.interactions, (digests) => deps.store.interactions(digests));
  const corrections = await inChunks(manifest.corrections, (digests) => deps.store.corrections(digests));
  const withNames = workload.redaction.names;
  const clusters = new Set(records.map((record) => record.clusterId));
  const judgements = judgementsDigest === undefined ? null : await readJsonBlob<InjectionJudgements>(deps, judgementsDigest);
  const { dataset, examples } = curate({
    workload,
    workloadDigest,
    manifestDigest,
    records,
    corrections,
    ledger: (await deps.store.ledger(workload.name)).filter((entry) => clusters.has(entry.clusterId)),
    detectorVersions: [...DETECTOR_VERSIONS],
    redactorVersion: deps.redactors('', withNames).version,
    // Intake has done so where the two met in the store; corrections that were kept before it did so are met here.
    redactTarget: ({ tenant, redaction }, answer) => (redaction?.values === undefined ? answer : deps.redactors(tenant, withNames).redactAnswer(answer, redaction.values)),
    checkTarget: (interaction, answer) => {
      const { messages, tools } = interaction;
      const schema = interaction.outputSchema ?? outputSchema ?? undefined;
      return passes(detect({ messages, tools, outputSchema: schema, answer: { text: answer }, finishReason: 'stop' }, workload.detectors));
    },
    ...(judgements && { notFollowed: notFollowed(judgements) }),
  });
  const byDigest = new Map(records.map((record) => [record.digest, record]));
  if (judgements === null || judgementsDigest === undefined) return { dataset, examples, records: byDigest, judgements: null };
  const count = (wanted: true | null): number => judgements.judgements.filter(({ followed }) => followed === wanted).length;
  const { judgeDigest, absent } = judgements;
  return { dataset: { ...dataset, injectionJudge: { judgeDigest, judgementsDigest, followed: count(true), unconfirmed: count(null), absent } }, examples, records: byDigest, judgements };
}

/** What the injection judge said of a failure, as a thing that `ratchet trace` finds: also where the failure taught nothing for it. */
async function judgementLinks({ store }: Pick<Deps, 'store'>, dataset: Digest, judgements: InjectionJudgements | null, records: ReadonlyMap<Digest, StoredInteraction>): Promise<LineageLink[]> {
  if (judgements === null) return [];
  const { judgeDigest } = judgements;
  const links = judgements.judgements.map(async (judgement): Promise<LineageLink[]> => {
    const record = records.get(judgement.interactionDigest);
    if (record === undefined) return [];
    const to = await store.putDocument('judgement', { schemaVersion: 1, judgeDigest, ...judgement });
    const failures = failuresOf({ ...record, findings: record.findings.filter((finding) => finding.class === 'injection_followed') });
    return [
      ...failures.map((from): LineageLink => ({ fromKind: 'failure', from, relation: 'judged_in', toKind: 'judgement', to })),
      { fromKind: 'judgement', from: to, relation: judgement.followed === false ? 'kept_out_of' : 'weighed_in', toKind: 'dataset', to: dataset },
    ];
  });
  return (await Promise.all(links)).flat();
}

function datasetLinks(run: RunRef, settings: Settings, manifestDigest: Digest, dataset: Digest, examples: Example[], records: Map<Digest, StoredInteraction>): LineageLink[] {
  const links: LineageLink[] = [
    { fromKind: 'manifest', from: manifestDigest, relation: 'source_of', toKind: 'dataset', to: dataset },
    { fromKind: 'workload', from: settings.workloadDigest, relation: 'shaped', toKind: 'dataset', to: dataset },
    { fromKind: 'dataset', from: dataset, relation: 'trained_in', toKind: 'run', to: run.runId },
  ];
  for (const document of examples) {
    const example = digestOfJson(document);
    const { interactionDigest, correctionDigest } = document.source;
    links.push({ fromKind: 'example', from: example, relation: 'in', toKind: 'dataset', to: dataset });
    if (correctionDigest !== null) links.push({ fromKind: 'correction', from: correctionDigest, relation: 'became', toKind: 'example', to: example });
    const record = records.get(interactionDigest);
    for (const failure of record ? failuresOf(record) : []) links.push({ fromKind: 'failure', from: failure, relation: 'taught', toKind: 'example', to: example });
    links.push({ fromKind: 'interaction', from: interactionDigest, relation: 'asked_in', toKind: 'example', to: example });
  }
  return links;
}

/** The ids under which intake kept the record's failures: the digests of their documents. */
function failuresOf({ digest, interaction, findings }: StoredInteraction): Digest[] {
  return findings
    .filter((finding) => !passes([finding]))
    .map((finding): Failure => ({ schemaVersion: 1, interactionDigest: digest, workload: interaction.workload, adapterDigest: interaction.adapterDigest, finding }))
    .map(digestOfJson);
}

/** Ties the night's trace to the production calls it learned from. */
function linkSpans(examples: readonly Example[], records: ReadonlyMap<Digest, StoredInteraction>): void {
  const contexts = examples
    .map((example) => spanContextOf(records.get(example.source.interactionDigest)?.interaction.traceparent))
    .filter((context) => context !== null);
  trace.getActiveSpan()?.addLinks(contexts.slice(0, MAX_SPAN_LINKS).map((context) => ({ context })));
}

function spanContextOf(traceparent: string | undefined): SpanContext | null {
  const [, traceId = '', spanId = ''] = traceparent?.split('-') ?? [];
  const context = { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true };
  return isSpanContextValid(context) ? context : null;
}

async function inChunks<T>(digests: readonly Digest[], read: (digests: readonly Digest[]) => Promise<T[]>): Promise<T[]> {
  const all: T[] = [];
  for (let at = 0; at < digests.length; at += READ_AT_ONCE) all.push(...(await read(digests.slice(at, at + READ_AT_ONCE))));
  return all;
}
