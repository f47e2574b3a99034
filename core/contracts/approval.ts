// What a person signs, what is kept of it, whose keys count, and promotions that wait.
import { z } from 'zod';
import { Actor, ChannelName, Digest, Instant, SchemaVersion } from './common.ts';
import { ApprovalPolicy } from './workload.ts';

/** Standard base64 (RFC 4648, with padding) of exactly 32 and 64 bytes: an Ed25519 public key and a signature. */
const PublicKey = z.string().regex(/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/, 'must be base64 of 32 bytes');
const Signature = z.string().regex(/^[A-Za-z0-9+/]{85}[AQgw]==$/, 'must be base64 of 64 bytes');

/** A person's name as it stands in the audit trail: printable, and short enough that two fit into a channel's entry. */
export const ApproverName = z.string().regex(/^[\p{L}\p{N}][\p{L}\p{N} ._@+-]{0,79}$/u, 'must be letters, digits, spaces and . _ @ + -');

/**
 * What an approver's key signs: the RFC 8785 canonical JSON of this document, and nothing else. Every digest that the decision
 * rests on is in it, and which promotion it is meant for: a change of any makes it void, and no other promotion takes it.
 */
export const ApprovalStatement = z.strictObject({
  schemaVersion: SchemaVersion,
  purpose: z.literal('ratchet.approval.v1'),
  promotionId: z.string().min(1).max(500),
  channel: ChannelName,
  decision: z.enum(['approve', 'reject']),
  candidateDigest: Digest,
  datasetDigest: Digest,
  evaluationDigest: Digest,
  verdictDigest: Digest,
  /** The gate policy that the verdict was given by. */
  policyDigest: Digest,
  expectedGeneration: z.int().min(0),
  keyId: Digest,
  by: ApproverName,
  time: Instant,
  /** sha256 of the comment's UTF-8 bytes; null: no comment. */
  commentDigest: Digest.nullable(),
});
export type ApprovalStatement = z.infer<typeof ApprovalStatement>;

export const SignedStatement = z.strictObject({ statement: ApprovalStatement, signature: Signature });
export type SignedStatement = z.infer<typeof SignedStatement>;

/** A person's decision on exact digests. With its statement, signature and public key anybody can check it again; those from before signatures have none. */
export const Approval = z.looseObject({
  schemaVersion: SchemaVersion,
  channel: ChannelName,
  decision: z.enum(['approve', 'reject']),
  candidateDigest: Digest,
  verdictDigest: Digest,
  expectedGeneration: z.int().min(0),
  by: Actor,
  comment: z.string().optional(),
  time: Instant,
  statement: ApprovalStatement.optional(),
  signature: Signature.optional(),
  publicKey: PublicKey.optional(),
});
export type Approval = z.infer<typeof Approval>;

/** A public key that may decide, and whose it is. `channels`: names, or `*` for all. */
export const ApproverKey = z.looseObject({
  schemaVersion: SchemaVersion,
  /** sha256 of the 32 bytes of the public key. */
  keyId: Digest,
  publicKey: PublicKey,
  name: ApproverName,
  channels: z.array(z.union([ChannelName, z.literal('*')])).min(1).max(100),
  enrolledBy: Actor,
  enrolledAt: Instant,
  revoked: z.looseObject({ by: Actor, at: Instant, reason: z.string().max(500) }).nullable(),
});
export type ApproverKey = z.infer<typeof ApproverKey>;

export const PROMOTION_ENDS = ['promoted', 'rejected', 'expired', 'superseded', 'void', 'lost', 'failed', 'cancelled'] as const;
export const PromotionEnd = z.enum(PROMOTION_ENDS);
export type PromotionEnd = z.infer<typeof PromotionEnd>;

/** A promotion that waits (or waited) for people, with all that their decision is bound to. */
export const WaitingPromotion = z.looseObject({
  schemaVersion: SchemaVersion,
  promotionId: z.string().min(1),
  runId: z.string(),
  workload: z.string(),
  channel: ChannelName,
  candidateDigest: Digest,
  datasetDigest: Digest,
  evaluationDigest: Digest,
  verdictDigest: Digest,
  policyDigest: Digest,
  expectedGeneration: z.int().min(0),
  policy: ApprovalPolicy,
  /** Who asked for the run; null: the schedule. */
  requestedBy: Actor.nullable(),
  since: Instant,
  expiresAt: Instant,
  ended: z.looseObject({ as: PromotionEnd, reason: z.string(), at: Instant }).nullable(),
});
export type WaitingPromotion = z.infer<typeof WaitingPromotion>;
