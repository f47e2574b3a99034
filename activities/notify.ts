// Tells people through their webhook: that a promotion waits, is reminded of or has ended, and that a watch has rolled back or needs a person. Digests, names and counts only.
import { approversNeeded } from '../core/approval/rules.ts';
import { digestOfJson } from '../core/digest.ts';
import { RatchetError } from '../core/errors.ts';
import { approvalsOf } from './approval.ts';
import { now, type Deps, type RunRef } from './deps.ts';
import { promotionIntentId } from './intents.ts';
import type { Touch } from './step.ts';
import type { WatchRef } from './watch.ts';

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
  return tell(deps, { promotionId, type, number }, type, data, signal);
}

/**
 * Says that the watch rolled back, or that a person has to decide; a watch that ended otherwise is nothing to be woken for.
 * @throws WEBHOOK_UNAVAILABLE (tried again), WEBHOOK_FORBIDDEN
 */
export async function notifyWatch(deps: Deps, { channel, generation }: WatchRef, { signal }: Touch): Promise<{ schemaVersion: 1 }> {
  const record = await deps.store.watch(channel, generation);
  if (record?.status !== 'rolled_back' && record?.status !== 'alarm') return { schemaVersion: 1 };
  const { workload, live, holdback, status, reason, startedAt, endedAt } = record;
  const type = `watch.${status}` as const;
  return tell(deps, { channel, generation, type }, type, { channel, generation, workload, live, former: holdback, reason, startedAt, endedAt }, signal);
}

/** @param what the message is about: tried again, it is the same message */
async function tell(deps: Deps, what: object, type: string, data: object, signal: AbortSignal): Promise<{ schemaVersion: 1 }> {
  const id = `msg_${digestOfJson(what).slice(7, 39)}`;
  await deps.notifier?.({ id, time: deps.clock(), body: JSON.stringify({ type, timestamp: now(deps), data }) }, signal);
  return { schemaVersion: 1 };
}
