// Tells people through their webhook that a promotion waits, is reminded of, or has ended. Digests and names only.
import { approversNeeded } from '../core/approval/rules.ts';
import { digestOfJson } from '../core/digest.ts';
import { RatchetError } from '../core/errors.ts';
import { approvalsOf } from './approval.ts';
import { now, type Deps, type RunRef } from './deps.ts';
import { promotionIntentId } from './intents.ts';
import type { Touch } from './step.ts';

export type NoticeType = 'approval.waiting' | 'approval.reminder' | 'approval.counted' | 'approval.ended';

export interface NotifyInput {
  schemaVersion: 1;
  run: RunRef;
  type: NoticeType;
  /** Tells messages of one kind apart; with it, a message that is tried again is known as the same. */
  number: number;
}

/** @throws WEBHOOK_UNAVAILABLE (tried again), WEBHOOK_FORBIDDEN */
export async function notify(deps: Deps, { run, type, number }: NotifyInput, { signal }: Touch): Promise<{ schemaVersion: 1 }> {
  if (deps.notifier === null) return { schemaVersion: 1 };
  const promotion = await deps.store.waitingPromotion(promotionIntentId(run.runId));
  if (!promotion) throw new RatchetError('NOT_FOUND', `the promotion of run ${run.runId} never waited`);
  const { promotionId, runId, workload, channel, candidateDigest, verdictDigest, expectedGeneration, requestedBy, since, expiresAt, ended } = promotion;
  const decisions = (await approvalsOf(deps, promotion)).map(({ by, decision, time }) => ({ by, decision, time })).toSorted((a, b) => a.time.localeCompare(b.time));
  const data = { promotionId, runId, workload, channel, candidateDigest, verdictDigest, expectedGeneration, requestedBy, since, expiresAt, approvalsNeeded: approversNeeded(promotion.policy.mode), decisions, ended };
  const id = `msg_${digestOfJson({ promotionId, type, number }).slice(7, 39)}`;
  await deps.notifier({ id, time: deps.clock(), body: JSON.stringify({ type, timestamp: now(deps), data }) }, signal);
  return { schemaVersion: 1 };
}
