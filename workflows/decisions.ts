// The waiting half of a promotion: takes signed decisions, reminds, and ends when enough people agree, one declines or the time is up.
import { allHandlersFinished, ApplicationFailure, condition, defineUpdate, isCancellation, log, setHandler } from '@temporalio/workflow';
import type { EndPromotionOutput, OpenPromotionOutput } from '../activities/approval.ts';
import type { NoticeType } from '../activities/notify.ts';
import type { Digest, PromotionEnd, SignedStatement } from '../core/contracts/index.ts';
import { endOf, innermost } from './failures.ts';
import type { PromotionInput, PromotionState } from './promotion.ts';
import { checkDecision, endPromotion, notify, openPromotion } from './steps.ts';

/** A person's signed decision. What it says is checked again by a step, against the enrolled keys; the update alone does nothing. */
export const decide = defineUpdate<PromotionState, [SignedStatement]>('decide');

/** So many decisions that looked right and were not are an attack: the promotion is void, well before Temporal's 2,000 updates are used up. */
const MAX_REFUSED = 30;
const MAX_CHECKED_AT_ONCE = 4;
const STATEMENT_FIELDS = 15;
const MAX_FIELD_LENGTH = 500;
const SIGNATURE_LENGTH = 88;

export interface Approved {
  as: 'approved';
  by: string;
  approvalDigest: Digest | null;
}

export interface TurnedDown {
  as: Extract<PromotionEnd, 'rejected' | 'expired' | 'void' | 'lost'>;
  reason: string;
}

export interface Desk {
  /** Resolves once it is decided, or with the reason why it will not be. Throws when the workflow is cancelled. */
  decided(): Promise<Approved | TurnedDown>;
  /** Notes the end in the store and tells people, once. Returns the end that stands: another one may have been first. */
  close(as: PromotionEnd, reason: string): Promise<EndPromotionOutput>;
}

/** Sets the handler for decisions; it takes none before `decided` is called and the promotion is open. */
export function decisions({ run, channel, candidateDigest, verdictDigest, expectedGeneration }: PromotionInput, view: PromotionState): Desk {
  let opened: OpenPromotionOutput | null = null;
  let ending: Approved | TurnedDown | null = null;
  let closed: EndPromotionOutput | null = null;
  let checking = 0;
  const told: Promise<unknown>[] = [];
  const isOver = (): boolean => ending !== null;

  /** A webhook that is away holds nothing up. */
  const tell = (type: NoticeType, number = 1): void => {
    if (opened?.tells !== true) return;
    told.push(notify({ schemaVersion: 1, run, type, number }).catch((error: unknown) => log.warn('the webhook was not told', { type, reason: endOf(error).reason })));
  };

  setHandler(
    decide,
    async (signed) => {
      checking += 1;
      try {
        const { result, decision, by, reason, approvers, approvalDigest, complete } = await checkDecision({ schemaVersion: 1, run, signed });
        if (result === 'void') {
          ending ??= { as: 'lost', reason: `CHANNEL_CONFLICT: ${reason ?? ''}` };
          throw ApplicationFailure.nonRetryable(reason, 'APPROVAL_VOID');
        }
        view.approvers = approvers;
        if (decision === 'reject') ending ??= { as: 'rejected', reason: `rejected by ${by}` };
        else if (complete) ending ??= { as: 'approved', by: approvers.join(' and '), approvalDigest };
        else tell('approval.counted', approvers.length);
        return view;
      } catch (error) {
        if (isCancellation(error)) throw error;
        view.refused += 1;
        if (view.refused >= MAX_REFUSED) ending ??= { as: 'void', reason: `APPROVAL_VOID: ${view.refused} decisions did not stand the check: somebody who reaches Temporal forges them` };
        const cause = innermost(error);
        throw cause instanceof ApplicationFailure ? ApplicationFailure.nonRetryable(cause.message, cause.type) : error;
      } finally {
        checking -= 1;
      }
    },
    { validator: (signed: SignedStatement) => assertFits(signed, opened, view, checking, isOver()) },
  );

  return {
    async decided() {
      opened = await openPromotion({ schemaVersion: 1, run, channel, candidateDigest, verdictDigest, expectedGeneration });
      const { needed, expiresAt, remindAt } = opened;
      Object.assign(view, { state: 'awaiting_approval', needed, expiresAt });
      tell('approval.waiting');
      for (const [index, at] of remindAt.entries()) {
        if (await condition(isOver, Math.max(1, Date.parse(at) - Date.now()))) break;
        tell('approval.reminder', index + 1);
      }
      await condition(isOver, Math.max(1, Date.parse(expiresAt) - Date.now()));
      view.state = 'settling';
      // Whoever decided in time is answered, and counts.
      await condition(allHandlersFinished);
      return ending ?? { as: 'expired', reason: `APPROVAL_EXPIRED: ${view.approvers.length} of ${needed} approvals by ${expiresAt}` };
    },

    async close(as, reason) {
      if (closed === null) {
        closed = await endPromotion({ schemaVersion: 1, run, as, reason });
        tell('approval.ended');
      }
      await Promise.all(told);
      return closed;
    },
  };
}

/** Cheap and without waiting: Temporal asks before it writes the update into history. */
function assertFits(signed: SignedStatement, opened: OpenPromotionOutput | null, view: PromotionState, checking: number, over: boolean): void {
  const refuse = (type: string, message: string): never => {
    throw ApplicationFailure.create({ type, message, nonRetryable: true });
  };
  if (opened === null || view.state !== 'awaiting_approval' || over) return refuse('APPROVAL_VOID', `nothing waits for a decision: this promotion is ${view.state}`);
  if (checking >= MAX_CHECKED_AT_ONCE) refuse('APPROVAL_VOID', 'other decisions are being checked: try again in a moment');
  const statement: unknown = (signed as Partial<SignedStatement> | null | undefined)?.statement;
  const signature: unknown = (signed as Partial<SignedStatement> | null | undefined)?.signature;
  if (typeof statement !== 'object' || statement === null || typeof signature !== 'string' || signature.length !== SIGNATURE_LENGTH || Object.keys(signed).length !== 2) return refuse('APPROVAL_UNSIGNED', 'the decision is not a signed statement: use `ratchet approvals approve`');
  const fields = Object.entries(statement);
  if (fields.length !== STATEMENT_FIELDS || fields.some(([, value]) => (typeof value === 'string' ? value.length > MAX_FIELD_LENGTH : typeof value === 'object' && value !== null))) refuse('APPROVAL_UNSIGNED', 'the statement has another form');
  const said = Object.fromEntries(fields) as Record<string, unknown>;
  for (const [field, value] of Object.entries(opened.bound)) {
    if (said[field] !== value) refuse('APPROVAL_VOID', `the statement names another ${field} than the promotion that waits`);
  }
}
