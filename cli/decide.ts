// Signs a person's decision on a promotion that waits, and brings it there as an update.
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowNotFoundError, WorkflowUpdateFailedError, type Client } from '@temporalio/client';
import { MAX_COMMENT_BYTES } from '../activities/approval.ts';
import { promotionIntentId } from '../activities/intents.ts';
import { signStatement, statementOf } from '../core/approval/statement.ts';
import type { ApprovalStatement, ApproverKey, SignedStatement, WaitingPromotion } from '../core/contracts/index.ts';
import { ERROR_CODES, RatchetError, type ErrorCode } from '../core/errors.ts';
import type { MetadataStore } from '../stores/ports.ts';
import type { PromotionState } from '../workflows/promotion.ts';
import { openKey, ownKeys, type OwnKey } from './approver-keys.ts';
import { findRun, type Context } from './context.ts';
import { short } from './output.ts';
import { readPassphrase } from './passphrase.ts';

/** Between a run's record saying that it waits and its promotion being open for decisions. */
const OPENS_WITHIN_MS = 15_000;

export interface DecisionOptions {
  decision: 'approve' | 'reject';
  comment?: string | undefined;
  /** Which of one's own keys, by its file's name. */
  key?: string | undefined;
  passphraseFile?: string | undefined;
}

export interface Decided {
  statement: ApprovalStatement;
  approvers: string[];
  needed: number;
}

/** A promotion by its own id, its run's, or the start of the run's. */
export async function findPromotion(store: MetadataStore, id: string): Promise<WaitingPromotion | null> {
  return (await store.waitingPromotion(id)) ?? (await store.waitingPromotion(promotionIntentId((await findRun(store, id)).runId)));
}

/**
 * @throws APPROVER_KEY_MISSING, APPROVER_UNKNOWN, APPROVAL_VOID and the other codes of core/approval/rules.ts
 */
export async function decideOn(context: Context, id: string, options: DecisionOptions): Promise<Decided> {
  const store = await context.store();
  const { own, enrolled } = await signer(context, store, options.key);
  const promotion = await openedPromotion(store, id);
  const { comment, decision } = options;
  const bytes = comment === undefined ? null : Buffer.from(comment);
  if (bytes !== null && bytes.length > MAX_COMMENT_BYTES) throw new RatchetError('REQUEST_INVALID', `--comment: at most ${MAX_COMMENT_BYTES} bytes`);
  const privateKey = await openKey(own, () => readPassphrase(`passphrase for ${own.name}`, options.passphraseFile));
  // The words lie beside the other documents; what is signed, and what travels, is their digest.
  if (bytes !== null) await (await context.blobs()).put(bytes);
  const statement = statementOf(promotion, { decision, keyId: own.keyId, by: enrolled.name, time: new Date().toISOString(), comment });
  const after = await sendDecision(await context.temporal(), signStatement(statement, privateKey));
  return { statement, approvers: after.approvers, needed: after.needed };
}

/** One's own key: the one named, else the only one, else the only one that is enrolled. */
async function signer(context: Context, store: MetadataStore, name: string | undefined): Promise<{ own: OwnKey; enrolled: ApproverKey }> {
  const { keyDir, actor } = context.config;
  const all = await ownKeys(keyDir);
  const keys = name === undefined ? all : all.filter((key) => key.name === name);
  const [only] = keys;
  if (only === undefined) throw new RatchetError('APPROVER_KEY_MISSING', `no key ${name === undefined ? '' : `${name} `}in ${keyDir}`);
  const pairs = await Promise.all(keys.map(async (own) => ({ own, enrolled: await store.approverKey(own.keyId) })));
  const usable = pairs.filter((pair): pair is { own: OwnKey; enrolled: ApproverKey } => pair.enrolled !== null && pair.enrolled.revoked === null);
  const [first] = usable;
  if (usable.length > 1) throw new RatchetError('REQUEST_INVALID', `several of your keys are enrolled: name one of ${usable.map(({ own }) => own.name).join(', ')} with --key`);
  if (first !== undefined) return first;
  const revoked = pairs.some(({ enrolled }) => enrolled !== null);
  throw new RatchetError('APPROVER_UNKNOWN', revoked ? `your key ${short(only.keyId)} was revoked` : `your key ${only.name} (${short(only.keyId)}) is not enrolled: ratchet key enrol ${only.files.public} --as ${actor} --channel WORKLOAD/production`);
}

/** The promotion once it takes decisions. */
export async function openedPromotion(store: MetadataStore, id: string): Promise<WaitingPromotion> {
  const deadlineMs = performance.now() + OPENS_WITHIN_MS;
  for (;;) {
    const promotion = await findPromotion(store, id);
    if (promotion) {
      if (promotion.ended === null) return promotion;
      throw new RatchetError(promotion.ended.as === 'superseded' ? 'APPROVAL_SUPERSEDED' : 'APPROVAL_VOID', `${promotion.promotionId} waits no longer: ${promotion.ended.reason}`);
    }
    const run = await findRun(store, id);
    if (run.status !== 'awaiting_approval') throw new RatchetError('APPROVAL_VOID', `run ${run.runId} does not wait for an approval: it is ${run.status}`);
    if (performance.now() > deadlineMs) throw new RatchetError('TEMPORAL_UNAVAILABLE', `the promotion of run ${run.runId} is not open yet: is a pipeline worker running?`);
    await sleep(200);
  }
}

/** Brings a signed statement to its promotion. What it says and who signed it is checked there, not here. */
export async function sendDecision(client: Client, signed: SignedStatement): Promise<PromotionState> {
  const { promotionId } = signed.statement;
  const handle = client.workflow.getHandle(promotionId);
  try {
    const deadlineMs = performance.now() + OPENS_WITHIN_MS;
    while ((await handle.query<PromotionState>('state')).state === 'opening' && performance.now() < deadlineMs) await sleep(200);
    return await handle.executeUpdate<PromotionState, [SignedStatement]>('decide', { args: [signed] });
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw new RatchetError('APPROVAL_VOID', `${promotionId} has ended`);
    if (error instanceof WorkflowUpdateFailedError) throw refusal(error);
    throw error;
  }
}

/** The refusal's own code and words. */
function refusal({ cause }: WorkflowUpdateFailedError): RatchetError {
  const type = (cause as { type?: unknown } | undefined)?.type;
  const code: ErrorCode = typeof type === 'string' && Object.hasOwn(ERROR_CODES, type) ? (type as ErrorCode) : 'APPROVAL_VOID';
  return new RatchetError(code, cause?.message ?? 'refused');
}
