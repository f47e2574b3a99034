// People's part in a promotion: opens it for decisions, checks each decision's signature, and says who has approved.
import { approvalOf } from '../core/approval/statement.ts';
import { approversNeeded, approversOf, countingApprovals, judgeDecision, personsOf, reminderTimes, stricterMode } from '../core/approval/rules.ts';
import { SignedStatement, type Approval, type ApprovalPolicy, type ApproverKey, type Digest, type PromotionEnd, type RunRecord, type Verdict, type WaitingPromotion } from '../core/contracts/index.ts';
import { digestOfJson } from '../core/digest.ts';
import { RatchetError } from '../core/errors.ts';
import { now, type Deps, type RunRef } from './deps.ts';
import { channelEntryId, promotionIntentId } from './intents.ts';
import type { PromoteInput } from './promote.ts';
import { requestOf } from './runs.ts';

const HOUR_MS = 3_600_000;
export const MAX_COMMENT_BYTES = 4_000;

export type OpenPromotionInput = Omit<PromoteInput, 'by' | 'approvalDigest'>;

export interface OpenPromotionOutput {
  schemaVersion: 1;
  /** All that a decision is bound to, as the store has it. */
  bound: Pick<WaitingPromotion, 'promotionId' | 'channel' | 'candidateDigest' | 'datasetDigest' | 'evaluationDigest' | 'verdictDigest' | 'policyDigest' | 'expectedGeneration'>;
  needed: number;
  expiresAt: string;
  /** Instants at which people are reminded. */
  remindAt: string[];
  /** Whether there is a webhook to tell. */
  tells: boolean;
}

/**
 * Puts a promotion up for decision and ends those of the channel that began to wait before: their candidates are older.
 * The same answer when asked again.
 */
export async function openPromotion(deps: Deps, input: OpenPromotionInput): Promise<OpenPromotionOutput> {
  const { run, channel } = input;
  const verdict = await provenBy(deps, input);
  const record = await recordOf(deps, run);
  const policy = await policyOf(deps, record);
  const since = now(deps);
  const { promotion, older } = await deps.store.openPromotion({
    ...{ schemaVersion: 1, promotionId: promotionIntentId(run.runId), runId: run.runId, workload: record.workload, channel },
    ...{ candidateDigest: verdict.candidateDigest, datasetDigest: verdict.datasetDigest, evaluationDigest: verdict.evaluationDigest },
    ...{ verdictDigest: input.verdictDigest, policyDigest: verdict.policyDigest, expectedGeneration: verdict.currentGeneration },
    ...{ policy, requestedBy: (await requestOf(deps, record))?.by ?? null, since, expiresAt: new Date(Date.parse(since) + policy.expiresAfterHours * HOUR_MS).toISOString(), ended: null },
  });
  assertWaits(promotion);
  await supersede(deps, older, `${promotion.promotionId} of the same channel`);
  const { promotionId, candidateDigest, datasetDigest, evaluationDigest, verdictDigest, policyDigest, expectedGeneration, expiresAt } = promotion;
  return {
    schemaVersion: 1,
    bound: { promotionId, channel, candidateDigest, datasetDigest, evaluationDigest, verdictDigest, policyDigest, expectedGeneration },
    needed: approversNeeded(policy.mode),
    expiresAt,
    remindAt: reminderTimes(policy, Date.parse(promotion.since), Date.parse(expiresAt)).map((ms) => new Date(ms).toISOString()),
    tells: deps.notifier !== null,
  };
}

export interface SupersedeWaitingInput {
  schemaVersion: 1;
  run: RunRef;
  channel: string;
}

/** After a promotion: what else still waits was judged against an adapter that is live no longer. */
export async function supersedeWaiting(deps: Deps, { run, channel }: SupersedeWaitingInput): Promise<{ schemaVersion: 1; superseded: number }> {
  const own = promotionIntentId(run.runId);
  const others = (await deps.store.waitingPromotions({ channel, limit: 1000 })).filter(({ promotionId }) => promotionId !== own);
  await supersede(deps, others, `${own}, which is live now`);
  return { schemaVersion: 1, superseded: others.length };
}

/** The store says first that it is over; then the workflow, which waits for nobody any more, is told to look. One that is going live just now ends by itself. */
async function supersede(deps: Deps, promotions: readonly WaitingPromotion[], by: string): Promise<void> {
  const goingLive = new Set((await deps.store.openIntents()).map(({ id }) => id));
  for (const { promotionId } of promotions.filter((promotion) => !goingLive.has(promotion.promotionId))) {
    await deps.store.endPromotion(promotionId, { as: 'superseded', reason: `APPROVAL_SUPERSEDED: a newer candidate took its place: ${by}`, at: now(deps) });
    await deps.cancelWorkflow(promotionId);
  }
}

export interface CheckDecisionInput {
  schemaVersion: 1;
  run: RunRef;
  /** What came with the update: hostile until it is checked. */
  signed: SignedStatement;
}

export interface CheckDecisionOutput {
  schemaVersion: 1;
  /** `counted`: it is kept; `void`: it is rightly signed, but what it is bound to has changed. */
  result: 'counted' | 'void';
  decision: 'approve' | 'reject';
  by: string;
  reason: string | null;
  approvalDigest: Digest | null;
  approvers: string[];
  /** Enough different persons have approved. */
  complete: boolean;
}

/**
 * Checks a decision against the enrolled keys and keeps it. Asked again with the same statement, nothing changes.
 * @throws APPROVAL_UNSIGNED, APPROVER_UNKNOWN, APPROVER_BARRED, APPROVAL_VOID, APPROVAL_EXPIRED, APPROVAL_SUPERSEDED
 */
export async function checkDecision(deps: Deps, { run, signed }: CheckDecisionInput): Promise<CheckDecisionOutput> {
  const promotion = await waitingPromotion(deps, run);
  const parsed = SignedStatement.safeParse(signed);
  const key = parsed.success ? await deps.store.approverKey(parsed.data.statement.keyId) : null;
  const given = await approvalsOf(deps, promotion);
  const others = given.filter(({ statement }) => !parsed.success || digestOfJson(statement) !== digestOfJson(parsed.data.statement));
  const approvedBy = approversOf(promotion, others, await keysById(deps));
  const checked = judgeDecision({ signed, promotion, key, approvedBy, nowMs: deps.clock().getTime() });
  const { decision, by } = checked.statement;
  const common = { schemaVersion: 1 as const, decision, by };

  const channel = await deps.store.channel(promotion.channel);
  if (channel?.generation !== promotion.expectedGeneration) {
    const reason = `${promotion.channel} moved on to generation ${channel?.generation ?? 0}; the evaluation was against generation ${promotion.expectedGeneration}`;
    return { ...common, result: 'void', reason, approvalDigest: null, approvers: approvedBy, complete: false };
  }
  const approval = approvalOf(checked, key?.publicKey ?? '', await commentOf(deps, checked.statement.commentDigest));
  const approvalDigest = await deps.store.putDocument('approval', approval);
  await deps.store.link([{ fromKind: 'verdict', from: promotion.verdictDigest, relation: 'decided_by', toKind: 'approval', to: approvalDigest }]);
  const approvers = approversOf(promotion, [...others, approval], await keysById(deps));
  return { ...common, result: 'counted', reason: null, approvalDigest, approvers, complete: approvers.length >= approversNeeded(promotion.policy.mode) };
}

export interface EndPromotionInput {
  schemaVersion: 1;
  run: RunRef;
  as: PromotionEnd;
  reason: string;
}

export interface EndPromotionOutput {
  schemaVersion: 1;
  /** The end that stands: another one may have been first. */
  as: PromotionEnd;
  reason: string;
}

export async function endPromotion(deps: Deps, { run, as, reason }: EndPromotionInput): Promise<EndPromotionOutput> {
  const promotionId = promotionIntentId(run.runId);
  const waited = await deps.store.waitingPromotion(promotionId);
  if (waited === null) return { schemaVersion: 1, as, reason };
  if (as === 'promoted') await linkApprovals(deps, waited);
  const { ended } = await deps.store.endPromotion(promotionId, { as, reason, at: now(deps) });
  // A flood of forged decisions is an attack by someone who reaches Temporal: people have to hear of it.
  if (as === 'void') deps.logger.warn({ promotionId, reason }, 'ALARM: a promotion was made void');
  return { schemaVersion: 1, as: ended?.as ?? as, reason: ended?.reason ?? reason };
}

/** Each approval that counted leads to the generation that it allowed, not the last one alone. */
async function linkApprovals(deps: Pick<Deps, 'store'>, promotion: WaitingPromotion): Promise<void> {
  const entry = (await deps.store.channelHistory(promotion.channel)).find(({ verdictDigest, action }) => action === 'promoted' && verdictDigest === promotion.verdictDigest);
  if (!entry) return;
  const given = (await approvalsOf(deps, promotion)).filter(({ decision }) => decision === 'approve');
  await deps.store.link(given.map((approval) => ({ fromKind: 'approval' as const, from: digestOfJson(approval), relation: 'allowed', toKind: 'channel_entry' as const, to: channelEntryId(entry) })));
}

export interface Allowed {
  verdict: Verdict;
  by: string;
  approvalDigest: Digest | null;
  /** Keys whose approvals count. */
  approvedBy: Digest[];
}

/**
 * The last look before a candidate goes live, by the store and the signatures alone: whatever a workflow was told, or whoever told
 * it, only a proven candidate passes, and where people have to approve, only with enough approvals that count now.
 * @returns the verdict that proves it, and what the channel's entry says of who allowed it: not a workflow's word, where people had to
 * @throws REQUEST_INVALID, APPROVAL_VOID, APPROVAL_UNSIGNED, APPROVAL_SUPERSEDED
 */
export async function assertAllowed(deps: Deps, input: PromoteInput): Promise<Allowed> {
  const verdict = await provenBy(deps, input);
  const record = await recordOf(deps, input.run);
  if (record.verdictDigest !== input.verdictDigest) throw new RatchetError('APPROVAL_VOID', `run ${record.runId} did not end in verdict ${input.verdictDigest}`);
  if ((await policyOf(deps, record)).mode === 'automatic') return { verdict, by: input.by, approvalDigest: null, approvedBy: [] };
  const promotion = await waitingPromotion(deps, input.run);
  const counting = countingApprovals(promotion, await approvalsOf(deps, promotion), await keysById(deps));
  const approvers = personsOf(counting);
  const needed = approversNeeded(promotion.policy.mode);
  if (approvers.length < needed) throw new RatchetError('APPROVAL_UNSIGNED', `${promotion.promotionId} has ${approvers.length} of ${needed} approvals that count`);
  const digests = counting.map(digestOfJson);
  const approvalDigest = digests.find((digest) => digest === input.approvalDigest) ?? digests.at(-1) ?? null;
  return { verdict, by: approvers.join(' and '), approvalDigest, approvedBy: counting.flatMap(({ statement }) => statement?.keyId ?? []) };
}

/** The verdict, when it is one for exactly this change. */
async function provenBy(deps: Pick<Deps, 'store'>, { verdictDigest, channel, candidateDigest, expectedGeneration }: Omit<OpenPromotionInput, 'schemaVersion' | 'run'>): Promise<Verdict> {
  const verdict = await deps.store.verdict(verdictDigest);
  if (!verdict) throw new RatchetError('NOT_FOUND', `no verdict ${verdictDigest}`);
  const { decision } = verdict;
  if (decision !== 'promote') throw new RatchetError('REQUEST_INVALID', `verdict ${verdictDigest} says ${decision}: nothing is promoted by it`);
  if (verdict.candidateDigest !== candidateDigest || verdict.channel !== channel || verdict.currentGeneration !== expectedGeneration) {
    throw new RatchetError('REQUEST_INVALID', `verdict ${verdictDigest} is about ${verdict.candidateDigest} in ${verdict.channel} after generation ${verdict.currentGeneration}: it proves nothing of ${candidateDigest} in ${channel} after ${expectedGeneration}`);
  }
  return verdict;
}

async function recordOf(deps: Pick<Deps, 'store'>, { runId }: RunRef): Promise<RunRecord> {
  const record = await deps.store.run(runId);
  if (!record) throw new RatchetError('NOT_FOUND', `no record of run ${runId}`);
  return record;
}

/** As fixed when the run began; where the workload file has become stricter since, that. A workflow's own word does not count. */
async function policyOf(deps: Pick<Deps, 'store' | 'workloads'>, record: RunRecord): Promise<ApprovalPolicy> {
  const current = deps.workloads.get(record.workload)?.workload.approval;
  const fixed = record.approval ?? current;
  if (!fixed) throw new RatchetError('NOT_FOUND', `this worker knows no workload named ${record.workload}`);
  const asked = record.approval === undefined ? (await requestOf(deps, record))?.options.approval : undefined;
  const mode = [current?.mode, asked].reduce((strictest, other) => stricterMode(strictest ?? 'automatic', other ?? 'automatic'), fixed.mode) ?? fixed.mode;
  return { ...fixed, mode, neverOneself: fixed.neverOneself || (current?.neverOneself ?? false) };
}

/** @throws APPROVAL_VOID, or what it ended by, unless this run's promotion waits */
async function waitingPromotion(deps: Deps, run: RunRef): Promise<WaitingPromotion> {
  const promotion = await deps.store.waitingPromotion(promotionIntentId(run.runId));
  if (!promotion) throw new RatchetError('APPROVAL_VOID', `the promotion of run ${run.runId} was not opened for signed decisions: start a new run`);
  assertWaits(promotion);
  return { ...promotion, policy: await policyOf(deps, await recordOf(deps, run)) };
}

function assertWaits({ promotionId, ended }: WaitingPromotion): void {
  if (ended === null) return;
  throw new RatchetError(ended.as === 'superseded' ? 'APPROVAL_SUPERSEDED' : 'APPROVAL_VOID', `${promotionId} waits no longer: it ended as ${ended.as}`);
}

/** Every kept decision on the promotion's verdict, signed or not, in the order of their times. */
export async function approvalsOf(deps: Pick<Deps, 'store'>, { verdictDigest, promotionId }: Pick<WaitingPromotion, 'verdictDigest' | 'promotionId'>): Promise<Approval[]> {
  const links = (await deps.store.linksFrom(verdictDigest)).filter(({ relation }) => relation === 'decided_by');
  const approvals = await Promise.all(links.map(({ to }) => deps.store.approval(to)));
  const given = approvals.filter((approval) => approval !== null && approval.statement?.promotionId === promotionId) as Approval[];
  return given.toSorted((a, b) => Date.parse(a.time) - Date.parse(b.time));
}

const keysById = async (deps: Pick<Deps, 'store'>): Promise<Map<Digest, ApproverKey>> =>
  new Map((await deps.store.approverKeys()).map((key) => [key.keyId, key]));

/** Kept by the CLI as a blob: a person's words do not travel through workflow history. */
async function commentOf(deps: Pick<Deps, 'blobs'>, digest: Digest | null): Promise<string | undefined> {
  if (digest === null) return undefined;
  const bytes = await deps.blobs.get(digest);
  if (bytes.length > MAX_COMMENT_BYTES) throw new RatchetError('REQUEST_INVALID', `the comment has ${bytes.length} bytes, at most ${MAX_COMMENT_BYTES} are kept`);
  return Buffer.from(bytes).toString('utf8');
}
