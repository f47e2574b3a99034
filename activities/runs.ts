// A run's record from its first step to its last, and the settings it was started with.
import type { Digest, RunRecord, RunRequest, WatchPolicy, Workload } from '../core/contracts/index.ts';
import { canonicalJson } from '../core/digest.ts';
import type { Suite } from '../core/suites/suite.ts';
import { RatchetError } from '../core/errors.ts';
import { coolsOff } from './cooling-off.ts';
import { now, type Deps, type RunRef } from './deps.ts';

/** The workload as it was when the run began: a file edited during the night changes the next one. */
export interface Settings {
  workload: Workload;
  workloadDigest: Digest;
  outputSchema: Record<string, unknown> | null;
  /** Settings of a run from before there were suites have none. */
  suites?: Suite[];
}

export interface ClaimRunInput {
  schemaVersion: 1;
  workload: string;
  runId: string;
  temporalRunId: string;
}

export interface ClaimRunOutput {
  schemaVersion: 1;
  run: RunRef;
  channel: string;
  requestId: string | null;
  approval: { mode: 'automatic' | 'one_approver'; expiresAfterHours: number };
  gpu: { taskQueue: string; scheduleToStartMs: number };
  /** How the channel is watched after a promotion; left out: it is not. */
  watch?: WatchPolicy;
}

/** Claims the oldest run request of the workload, if any, and opens the run's record. The same answer when asked again. */
export async function claimRun(deps: Deps, input: ClaimRunInput): Promise<ClaimRunOutput> {
  const loaded = deps.workloads.get(input.workload);
  if (!loaded) throw new RatchetError('NOT_FOUND', `this worker knows no workload named ${input.workload}; it has ${[...deps.workloads.keys()].join(', ') || 'none'}`);
  const { workload } = loaded;
  const settings: Settings = { workload, workloadDigest: loaded.digest, outputSchema: loaded.outputSchema ?? null, ...(loaded.suites && { suites: loaded.suites }) };
  const settingsDigest = await deps.blobs.put(Buffer.from(canonicalJson(settings)));
  await deps.store.ensureChannel(workload.channel, now(deps));
  const request = await deps.store.claimRequest(input.workload, input.runId);
  const known = await deps.store.run(input.runId);
  if (known?.temporalRunId !== input.temporalRunId) {
    await deps.store.saveRun(newRun(input, loaded.digest, request, now(deps)));
  }
  if (request) await deps.store.link([{ fromKind: 'request', from: request.id, relation: 'claimed_by', toKind: 'run', to: input.runId }]);
  const approval = { ...workload.approval, ...(request?.options.approval === undefined ? {} : { mode: request.options.approval }) };
  // While the channel cools off from an automatic rollback a person decides.
  if (approval.mode === 'automatic' && (await coolsOff(deps, workload.channel, workload.watch))) approval.mode = 'one_approver';
  const run: RunRef = { schemaVersion: 1, runId: input.runId, workload: input.workload, settingsDigest };
  return { schemaVersion: 1, run, channel: workload.channel, requestId: request?.id ?? null, approval, gpu: deps.gpu, ...(workload.watch === undefined ? {} : { watch: workload.watch }) };
}

function newRun(input: ClaimRunInput, workloadDigest: Digest, request: RunRequest | null, startedAt: string): RunRecord {
  return {
    schemaVersion: 1,
    runId: input.runId,
    temporalRunId: input.temporalRunId,
    workload: input.workload,
    requestId: request?.id ?? null,
    status: 'running',
    step: 'claim',
    reason: null,
    workloadDigest,
    manifestDigest: null,
    datasetDigest: null,
    adapterDigest: null,
    verdictDigest: null,
    decision: null,
    reportDigest: null,
    startedAt,
    endedAt: null,
  };
}

/** Notes in the run's record how far it has come. */
export async function updateRun(deps: Pick<Deps, 'store'>, runId: string, change: Partial<RunRecord>): Promise<RunRecord> {
  const run = await deps.store.run(runId);
  if (!run) throw new RatchetError('NOT_FOUND', `no record of run ${runId}`);
  const changed = { ...run, ...change };
  await deps.store.saveRun(changed);
  return changed;
}

export async function readSettings(deps: Pick<Deps, 'blobs'>, run: RunRef): Promise<Settings> {
  return readJsonBlob<Settings>(deps, run.settingsDigest);
}

/** Reads back a document that a step of ours wrote; the blob store checks its digest. */
export async function readJsonBlob<T>(deps: Pick<Deps, 'blobs'>, digest: Digest): Promise<T> {
  return JSON.parse(Buffer.from(await deps.blobs.get(digest)).toString('utf8')) as T;
}
