// A run's record from its first step to its last, and the settings it was started with.
import type { ApprovalPolicy, Digest, RunRecord, RunRequest, WatchPolicy, Workload } from '../core/contracts/index.ts';
import { stricterMode } from '../core/approval/rules.ts';
import { canonicalJson } from '../core/digest.ts';
import type { Suite } from '../core/suites/suite.ts';
import { RatchetError } from '../core/errors.ts';
import type { BlobStore } from '../stores/ports.ts';
import type { LoadedWorkload } from '../stores/workloads.ts';
import { coolsOff } from './cooling-off.ts';
import { now, type Deps, type RunRef } from './deps.ts';
import { openHold, type OpenHold } from './look.ts';

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
  approval: ApprovalPolicy;
  gpu: { taskQueue: string; scheduleToStartMs: number };
  /** A candidate of the channel that is held and goes on before a new one is trained. */
  hold?: OpenHold;
  /** How the channel is watched after a promotion; left out: it is not. */
  watch?: WatchPolicy;
  /** The workload has an injection judge. */
  confirmInjections?: true;
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
  const approval = await openRun(deps, input, loaded, request);
  if (request) await deps.store.link([{ fromKind: 'request', from: request.id, relation: 'claimed_by', toKind: 'run', to: input.runId }]);
  const run: RunRef = { schemaVersion: 1, runId: input.runId, workload: input.workload, settingsDigest };
  const hold = request?.options.newCandidate === true ? null : await openHold(deps, workload.channel);
  return { schemaVersion: 1, run, channel: workload.channel, requestId: request?.id ?? null, approval, gpu: deps.gpu, ...(hold === null ? {} : { hold }), ...(workload.watch === undefined ? {} : { watch: workload.watch }), ...(workload.injectionJudge === undefined ? {} : { confirmInjections: true }) };
}

/** Opens the run's record, if this execution has not yet, and says how its promotion is approved. */
async function openRun(deps: Deps, input: ClaimRunInput, { digest, workload }: LoadedWorkload, request: RunRequest | null): Promise<ApprovalPolicy> {
  const known = await deps.store.run(input.runId);
  if (known?.temporalRunId === input.temporalRunId && known.approval !== undefined) return known.approval;
  const asked = stricterMode(workload.approval.mode, request?.options.approval ?? 'automatic');
  // While the channel cools off from an automatic rollback a person decides.
  const approval: ApprovalPolicy = { ...workload.approval, mode: (await coolsOff(deps, workload.channel, workload.watch)) ? stricterMode(asked, 'one_approver') : asked };
  await deps.store.saveRun(newRun(input, { workloadDigest: digest, requestId: request?.id ?? null, approval, startedAt: now(deps) }));
  return approval;
}

function newRun(input: ClaimRunInput, opened: Required<Pick<RunRecord, 'workloadDigest' | 'requestId' | 'approval' | 'startedAt'>>): RunRecord {
  return {
    schemaVersion: 1,
    runId: input.runId,
    temporalRunId: input.temporalRunId,
    workload: input.workload,
    status: 'running',
    step: 'claim',
    reason: null,
    manifestDigest: null,
    datasetDigest: null,
    adapterDigest: null,
    verdictDigest: null,
    decision: null,
    reportDigest: null,
    ...opened,
    endedAt: null,
  };
}

/** The request that a run claimed; null when the schedule started it. */
export async function requestOf(deps: Pick<Deps, 'store'>, { requestId, workload, runId }: Pick<RunRecord, 'requestId' | 'workload' | 'runId'>): Promise<RunRequest | null> {
  return requestId === null ? null : deps.store.claimRequest(workload, runId);
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

/** Reads back what was written as JSONL, one value a line. */
export async function readJsonLines(blobs: Pick<BlobStore, 'get'>, digest: Digest): Promise<unknown[]> {
  const lines = Buffer.from(await blobs.get(digest)).toString('utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as unknown);
}

/** Reads back a document that a step of ours wrote; the blob store checks its digest. */
export async function readJsonBlob<T>(deps: Pick<Deps, 'blobs'>, digest: Digest): Promise<T> {
  return JSON.parse(Buffer.from(await deps.blobs.get(digest)).toString('utf8')) as T;
}
