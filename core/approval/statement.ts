// The statement that an approver signs, and the check of its signature.
import { sign, verify, type KeyObject } from 'node:crypto';
import { Approval, ApprovalStatement, type Digest, type SignedStatement, type WaitingPromotion } from '../contracts/index.ts';
import { canonicalJson, digestOfBytes } from '../digest.ts';
import { exactBase64, keyIdOf, publicKeyObject } from './keys.ts';

const SIGNATURE_BYTES = 64;

/** The fields that a decision is bound to: as they stood when the promotion began to wait. */
export const BOUND = ['promotionId', 'channel', 'candidateDigest', 'datasetDigest', 'evaluationDigest', 'verdictDigest', 'policyDigest', 'expectedGeneration'] as const;
export type Bound = Pick<WaitingPromotion, (typeof BOUND)[number]>;

export const commentDigestOf = (comment: string | undefined): Digest | null => (comment === undefined ? null : digestOfBytes(comment));

export function statementOf(bound: Bound, decided: Pick<ApprovalStatement, 'decision' | 'keyId' | 'by' | 'time'> & { comment?: string | undefined }): ApprovalStatement {
  const { promotionId, channel, candidateDigest, datasetDigest, evaluationDigest, verdictDigest, policyDigest, expectedGeneration } = bound;
  const { decision, keyId, by, time, comment } = decided;
  return {
    ...{ schemaVersion: 1, purpose: 'ratchet.approval.v1', promotionId, channel, decision },
    ...{ candidateDigest, datasetDigest, evaluationDigest, verdictDigest, policyDigest, expectedGeneration },
    ...{ keyId, by, time, commentDigest: commentDigestOf(comment) },
  };
}

/** What is signed, byte for byte. */
export const statementBytes = (statement: ApprovalStatement): Buffer => Buffer.from(canonicalJson(statement));

/** @param privateKey an Ed25519 key (RFC 8032, pure: no context, no hash before) */
export function signStatement(statement: ApprovalStatement, privateKey: KeyObject): SignedStatement {
  return { statement, signature: sign(null, statementBytes(statement), privateKey).toString('base64') };
}

/** Whether this very key signed this very statement. */
export function isSignedBy({ statement, signature }: SignedStatement, publicKey: string): boolean {
  const key = publicKeyObject(publicKey);
  const bytes = exactBase64(signature, SIGNATURE_BYTES);
  return key !== null && bytes !== null && statement.keyId === keyIdOf(publicKey) && verify(null, statementBytes(statement), key, bytes);
}

/** The document that is kept: readable at the top, with all that another check needs beside it. */
export function approvalOf({ statement, signature }: SignedStatement, publicKey: string, comment: string | undefined): Approval {
  const { channel, decision, candidateDigest, verdictDigest, expectedGeneration, by, time } = statement;
  return { schemaVersion: 1, channel, decision, candidateDigest, verdictDigest, expectedGeneration, by, ...(comment === undefined ? {} : { comment }), time, statement, signature, publicKey };
}

/** What is wrong with a kept approval taken by itself, one line each; empty: the key named in it signed all that it says. */
export function faultsOf(document: unknown): string[] {
  const parsed = Approval.safeParse(document);
  if (!parsed.success) return parsed.error.issues.map((issue) => `${issue.path.join('.') || 'the document'}: ${issue.message}`);
  const approval = parsed.data;
  const { statement, signature, publicKey, comment } = approval;
  if (statement === undefined || signature === undefined || publicKey === undefined) return ['it carries no signature: it was given before approvals were signed, or by no one'];
  const said = ['channel', 'decision', 'candidateDigest', 'verdictDigest', 'expectedGeneration', 'by', 'time'] as const;
  return [
    ...(isSignedBy({ statement, signature }, publicKey) ? [] : ['signature: it is not the named key\'s over this statement']),
    ...said.filter((field) => approval[field] !== statement[field]).map((field) => `${field}: the statement says another`),
    ...(commentDigestOf(comment) === statement.commentDigest ? [] : ['comment: it is not the one that was signed']),
  ];
}
