// Whether a signed decision counts: whose key, on what, when, and what is still missing.
import type { Approval, ApprovalMode, ApprovalPolicy, ApproverKey, WaitingPromotion } from '../contracts/index.ts';
import { APPROVAL_MODES, SignedStatement } from '../contracts/index.ts';
import { RatchetError } from '../errors.ts';
import { BOUND, faultsOf, isSignedBy } from './statement.ts';

/** How far an approver's clock may be from ours. */
const CLOCK_SKEW_MS = 5 * 60_000;
const HOUR_MS = 3_600_000;
const MAX_REMINDERS = 20;

export const approversNeeded = (mode: ApprovalMode): number => APPROVAL_MODES.indexOf(mode);

/** A run may ask for more approvals than its workload wants, never for fewer. */
export const stricterMode = (a: ApprovalMode, b: ApprovalMode): ApprovalMode => (approversNeeded(a) >= approversNeeded(b) ? a : b);

/** Names are compared as people mean them: `Dana ` and `dana` are one person. */
export const samePerson = (a: string, b: string): boolean => canonicalName(a) === canonicalName(b);
export const canonicalName = (name: string): string => name.normalize('NFKC').trim().toLowerCase();

export const mayDecideIn = (key: Pick<ApproverKey, 'channels'>, channel: string): boolean => key.channels.some((name) => name === '*' || name === channel);

/** Instants at which people are reminded, in order, between the beginning and the end. */
export function reminderTimes(policy: ApprovalPolicy, sinceMs: number, expiresAtMs: number): number[] {
  const before = policy.remindHoursBefore.map((hours) => expiresAtMs - hours * HOUR_MS);
  const every = policy.remindEveryHours === undefined ? [] : Array.from({ length: MAX_REMINDERS }, (_, index) => sinceMs + (index + 1) * (policy.remindEveryHours ?? 0) * HOUR_MS);
  const times = [...new Set([...before, ...every])].filter((ms) => ms > sinceMs && ms < expiresAtMs).toSorted((a, b) => a - b);
  // The last ones matter most.
  return times.slice(-MAX_REMINDERS);
}

interface Judged {
  signed: unknown;
  promotion: WaitingPromotion;
  /** The enrolled key that the statement names, if there is one. */
  key: ApproverKey | null;
  /** Who has approved this promotion so far. */
  approvedBy: readonly string[];
  nowMs: number;
}

/**
 * Judges a decision that has just come in.
 * @throws APPROVAL_UNSIGNED, APPROVER_UNKNOWN, APPROVER_BARRED, APPROVAL_VOID or APPROVAL_EXPIRED
 */
export function judgeDecision({ signed, promotion, key, approvedBy, nowMs }: Judged): SignedStatement {
  const parsed = SignedStatement.safeParse(signed);
  if (!parsed.success) throw new RatchetError('APPROVAL_UNSIGNED', `the decision is not a signed statement: ${[...new Set(parsed.error.issues.map((issue) => issue.path.join('.') || 'its form'))].join(', ')}`);
  const { statement } = parsed.data;
  if (key?.keyId !== statement.keyId) throw new RatchetError('APPROVER_UNKNOWN', `key ${statement.keyId} is not enrolled`);
  if (!isSignedBy(parsed.data, key.publicKey)) throw new RatchetError('APPROVAL_UNSIGNED', `the signature is not that of key ${statement.keyId} over this statement`);
  if (key.revoked !== null) throw new RatchetError('APPROVER_UNKNOWN', `key ${statement.keyId} was revoked`);
  if (key.name !== statement.by) throw new RatchetError('APPROVER_UNKNOWN', `key ${statement.keyId} is enrolled for another name than the statement gives`);
  if (!mayDecideIn(key, promotion.channel)) throw new RatchetError('APPROVER_UNKNOWN', `key ${statement.keyId} may not decide in ${promotion.channel}`);
  const changed = BOUND.filter((field) => statement[field] !== promotion[field]);
  if (changed.length > 0) throw new RatchetError('APPROVAL_VOID', `the statement names another ${changed.join(', ')} than the promotion that waits`);
  const signedMs = Date.parse(statement.time);
  if (nowMs > Date.parse(promotion.expiresAt)) throw new RatchetError('APPROVAL_EXPIRED', `the time was up at ${promotion.expiresAt}`);
  if (signedMs < Date.parse(promotion.since) - CLOCK_SKEW_MS || signedMs > nowMs + CLOCK_SKEW_MS) throw new RatchetError('APPROVAL_VOID', 'it was signed before this promotion began to wait, or in the future: is the clock right?');
  assertMayDecide(promotion, key, statement.decision, approvedBy);
  return parsed.data;
}

/** @throws APPROVER_BARRED */
function assertMayDecide({ policy, requestedBy }: WaitingPromotion, { name }: ApproverKey, decision: 'approve' | 'reject', approvedBy: readonly string[]): void {
  // To turn one's own candidate down is nobody's loss.
  if (decision === 'reject') return;
  if (policy.neverOneself && requestedBy !== null && samePerson(name, requestedBy)) throw new RatchetError('APPROVER_BARRED', `${name} asked for this run: somebody else has to approve it`);
  if (approvedBy.some((other) => samePerson(other, name))) throw new RatchetError('APPROVER_BARRED', `${name} has approved already: another person has to`);
}

/** Which kept approvals count for this promotion now. One whose key was revoked since counts no longer. */
export function countingApprovals(promotion: WaitingPromotion, approvals: readonly Approval[], keys: ReadonlyMap<string, ApproverKey>): Approval[] {
  return approvals.filter((approval) => {
    const { statement } = approval;
    const key = keys.get(statement?.keyId ?? '');
    if (!statement || statement.decision !== 'approve' || !key || key.revoked !== null || key.publicKey !== approval.publicKey || key.name !== statement.by) return false;
    if (!mayDecideIn(key, promotion.channel) || BOUND.some((field) => statement[field] !== promotion[field]) || faultsOf(approval).length > 0) return false;
    return !(promotion.policy.neverOneself && promotion.requestedBy !== null && samePerson(key.name, promotion.requestedBy));
  });
}

/** The persons behind approvals that count, each once. */
export function personsOf(counting: readonly Approval[]): string[] {
  const persons = new Map<string, string>();
  for (const { by } of counting) if (!persons.has(canonicalName(by))) persons.set(canonicalName(by), by);
  return [...persons.values()];
}

export const approversOf = (...given: Parameters<typeof countingApprovals>): string[] => personsOf(countingApprovals(...given));
