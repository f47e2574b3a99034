// Who decides about promotions in the model test, and who only pretends to.
import { generateKeyPairSync, verify, type KeyObject } from 'node:crypto';
import { keyIdOf, rawPublicKey } from '../../core/approval/keys.ts';
import { signStatement, statementBytes, statementOf } from '../../core/approval/statement.ts';
import type { ApproverKey, SignedStatement, WaitingPromotion } from '../../core/contracts/index.ts';

interface Person {
  key: ApproverKey;
  publicKey: KeyObject;
  privateKey: KeyObject;
}

function person(name: string, channels: string[]): Person {
  const { privateKey, publicKey: object } = generateKeyPairSync('ed25519');
  const publicKey = rawPublicKey(object);
  return { privateKey, publicKey: object, key: { schemaVersion: 1, keyId: keyIdOf(publicKey), publicKey, name, channels, enrolledBy: 'admin', enrolledAt: '2026-01-01T00:00:00.000Z', revoked: null } };
}

export const APPROVERS = ['erin', 'frank'] as const;
export type Approver = (typeof APPROVERS)[number];

/** `gwen` may decide in another channel; `mallory` was never enrolled. */
export const PEOPLE = { erin: person('erin', ['*']), frank: person('frank', ['*']), gwen: person('gwen', ['other/production']), mallory: person('mallory', ['*']) };
export const ENROLLED = [PEOPLE.erin, PEOPLE.frank, PEOPLE.gwen];

/** Whether the key of an approver signed exactly this: by node:crypto alone, not by the code that is looked at. */
export function signedBy({ statement, signature }: SignedStatement): Approver | null {
  const name = APPROVERS.find((each) => PEOPLE[each].key.keyId === statement.keyId);
  return name !== undefined && statement.by === name && verify(null, statementBytes(statement), PEOPLE[name].publicKey, Buffer.from(signature, 'base64')) ? name : null;
}

export const FORGERIES = ['unsigned', 'stranger', 'as another', 'other channel', 'replayed', 'altered', 'for another'] as const;
export type Forgery = (typeof FORGERIES)[number];

/** @param sent rightly signed decisions that somebody saw pass by; null: this forgery needs one, and there is none */
export function forge(how: Forgery, waiting: WaitingPromotion, others: readonly WaitingPromotion[], sent: readonly SignedStatement[], time: string): SignedStatement | null {
  const approve = (by: Person, of: WaitingPromotion = waiting, name = by.key.name, keyId = by.key.keyId) => statementOf(of, { decision: 'approve', keyId, by: name, time });
  const last = sent.findLast(({ statement }) => statement.decision === 'approve' && statement.promotionId !== waiting.promotionId);
  const other = others.at(-1);
  switch (how) {
    case 'unsigned':
      return { statement: approve(PEOPLE.erin), signature: Buffer.alloc(64).toString('base64') };
    case 'stranger':
      return signStatement(approve(PEOPLE.mallory), PEOPLE.mallory.privateKey);
    case 'as another':
      return signStatement(approve(PEOPLE.mallory, waiting, 'erin', PEOPLE.erin.key.keyId), PEOPLE.mallory.privateKey);
    case 'other channel':
      return signStatement(approve(PEOPLE.gwen), PEOPLE.gwen.privateKey);
    case 'replayed':
      return last ?? null;
    case 'altered':
      return last ? { ...last, statement: { ...last.statement, ...approve(PEOPLE.erin), keyId: last.statement.keyId, by: last.statement.by } } : null;
    // Rightly signed, for what a former promotion proposed; only its name is that of the one that waits.
    case 'for another':
      return other ? signStatement({ ...approve(PEOPLE.erin, other), promotionId: waiting.promotionId }, PEOPLE.erin.privateKey) : null;
  }
}
