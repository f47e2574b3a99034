// Signed decisions as far as they need no server: what a signature covers, whose counts, when, and for what.
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flipsOf } from '../../core/approval/flips.ts';
import { exactBase64, keyIdOf, parsePublicKey, rawPublicKey } from '../../core/approval/keys.ts';
import { approversOf, judgeDecision, reminderTimes, stricterMode } from '../../core/approval/rules.ts';
import { approvalOf, faultsOf, isSignedBy, signStatement, statementBytes, statementOf } from '../../core/approval/statement.ts';
import { Approval, ApprovalPolicy, type ApproverKey, type Outcome, type SignedStatement, type WaitingPromotion } from '../../core/contracts/index.ts';
import { RatchetError } from '../../core/errors.ts';
import { harmless, timeLeft } from '../../cli/approval-text.ts';

const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
const SINCE = '2026-01-02T02:00:00.000Z';
const TIME = '2026-01-02T03:00:00.000Z';
const NOW_MS = Date.parse('2026-01-02T03:00:01.000Z');

const promotion: WaitingPromotion = {
  ...{ schemaVersion: 1, promotionId: 'promotion/nightly/tickets-1', runId: 'nightly/tickets-1', workload: 'tickets', channel: 'tickets/production' },
  ...{ candidateDigest: digest('1'), datasetDigest: digest('2'), evaluationDigest: digest('3'), verdictDigest: digest('4'), policyDigest: digest('5'), expectedGeneration: 3 },
  ...{ policy: ApprovalPolicy.parse({ mode: 'two_approvers', neverOneself: true }), requestedBy: 'dana', since: SINCE, expiresAt: '2026-01-05T02:00:00.000Z', ended: null },
};

interface Person {
  privateKey: KeyObject;
  key: ApproverKey;
}

function person(name: string, over: Partial<ApproverKey> = {}): Person {
  const { privateKey, publicKey: object } = generateKeyPairSync('ed25519');
  const publicKey = rawPublicKey(object);
  return { privateKey, key: { schemaVersion: 1, keyId: keyIdOf(publicKey), publicKey, name, channels: ['tickets/production'], enrolledBy: 'admin', enrolledAt: SINCE, revoked: null, ...over } };
}

const erin = person('erin');
const frank = person('frank');
const signed = ({ key, privateKey }: Person, over: Partial<Parameters<typeof statementOf>[1]> = {}, waits = promotion): SignedStatement =>
  signStatement(statementOf(waits, { decision: 'approve', keyId: key.keyId, by: key.name, time: TIME, ...over }), privateKey);

function codeOf(work: () => unknown): string {
  try {
    work();
    return 'counted';
  } catch (error) {
    return error instanceof RatchetError ? error.code : String(error);
  }
}
const judge = (given: unknown, over: Partial<Parameters<typeof judgeDecision>[0]> = {}): string => codeOf(() => judgeDecision({ signed: given, promotion, key: erin.key, approvedBy: [], nowMs: NOW_MS, ...over }));

describe('a signed decision', () => {
  it('counts when the enrolled key signed exactly what waits', () => {
    expect(judge(signed(erin))).toBe('counted');
    expect(judge(signed(erin, { decision: 'reject', comment: 'no' }))).toBe('counted');
  });

  it('is void with any field changed, signed again or not', () => {
    const good = signed(erin, { comment: 'yes' });
    const others: Record<string, unknown> = { schemaVersion: 2, purpose: 'other', promotionId: 'promotion/other', channel: 'tickets/staging', decision: 'reject', candidateDigest: digest('a'), datasetDigest: digest('a'), evaluationDigest: digest('a'), verdictDigest: digest('a'), policyDigest: digest('a'), expectedGeneration: 4, keyId: frank.key.keyId, by: 'frank', time: '2026-01-02T03:00:00.001Z', commentDigest: null };
    expect(Object.keys(others).toSorted()).toEqual(Object.keys(good.statement).toSorted());
    for (const [field, value] of Object.entries(others)) {
      const tampered = { ...good, statement: { ...good.statement, [field]: value } };
      expect([field, judge(tampered)]).not.toEqual([field, 'counted']);
      expect(isSignedBy(tampered, erin.key.publicKey)).toBe(false);
    }
    for (const field of ['promotionId', 'channel', 'candidateDigest', 'datasetDigest', 'evaluationDigest', 'verdictDigest', 'policyDigest', 'expectedGeneration']) {
      const again = signStatement({ ...good.statement, [field]: others[field] }, erin.privateKey);
      expect([field, judge(again)]).toEqual([field, 'APPROVAL_VOID']);
    }
  });

  it('is bound to its promotion: an old signature does not fit another one', () => {
    const other = { ...promotion, promotionId: 'promotion/nightly/tickets-2' };
    expect(judge(signed(erin), { promotion: other })).toBe('APPROVAL_VOID');
    const forged = { ...signed(erin), statement: signed(erin, {}, other).statement };
    expect(judge(forged, { promotion: other })).toBe('APPROVAL_UNSIGNED');
  });

  it('needs a key that is enrolled, unrevoked, of that name, and for that channel', () => {
    expect(judge(signed(erin), { key: null })).toBe('APPROVER_UNKNOWN');
    expect(judge(signed(frank))).toBe('APPROVER_UNKNOWN');
    expect(judge({ ...signed(erin), signature: signed(frank).signature })).toBe('APPROVAL_UNSIGNED');
    expect(judge(signed(erin), { key: { ...erin.key, revoked: { by: 'admin', at: TIME, reason: 'lost' } } })).toBe('APPROVER_UNKNOWN');
    expect(judge(signed(erin, { by: 'grace' }))).toBe('APPROVER_UNKNOWN');
    expect(judge(signed(erin), { key: { ...erin.key, channels: ['other/production'] } })).toBe('APPROVER_UNKNOWN');
    expect(judge(signed(erin), { key: { ...erin.key, channels: ['*'] } })).toBe('counted');
  });

  it('is taken in its time only', () => {
    expect(judge(signed(erin), { nowMs: Date.parse(promotion.expiresAt) + 1 })).toBe('APPROVAL_EXPIRED');
    expect(judge(signed(erin, { time: '2026-01-02T01:00:00.000Z' }))).toBe('APPROVAL_VOID');
    expect(judge(signed(erin, { time: '2026-01-02T04:00:00.000Z' }))).toBe('APPROVAL_VOID');
  });

  it('is not one\'s own to give, nor twice, in whatever spelling', () => {
    for (const name of ['dana', 'Dana', ' DANA '.trim()]) {
      const self = person(name);
      expect([name, judge(signed(self), { key: self.key })]).toEqual([name, 'APPROVER_BARRED']);
      expect(judge(signed(self, { decision: 'reject' }), { key: self.key })).toBe('counted');
      expect(judge(signed(self), { key: self.key, promotion: { ...promotion, policy: { ...promotion.policy, neverOneself: false } } })).toBe('counted');
    }
    expect(judge(signed(erin), { approvedBy: ['ERIN'] })).toBe('APPROVER_BARRED');
    expect(judge(signed(erin), { approvedBy: ['frank'] })).toBe('counted');
  });

  it('refuses every other form', () => {
    const good = signed(erin);
    const forms: unknown[] = [null, 'approve', [], {}, { by: 'erin' }, { ...good, signature: good.signature.slice(0, -1) }, { ...good, signature: good.signature.replace(/.$/, '') + ' ' }, { ...good, signature: good.signature.replaceAll('+', '-') + '!' }, { ...good, signature: `${'A'.repeat(86)}==` }, { ...good, more: true }, { ...good, statement: { ...good.statement, more: true } }];
    for (const form of forms) expect([form, judge(form)]).toEqual([form, 'APPROVAL_UNSIGNED']);
  });

  it('stays unsigned under any change of one signature byte', () => {
    const good = signed(erin);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 63 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const bytes = Buffer.from(good.signature, 'base64');
        bytes[at] = (bytes[at] ?? 0) ^ change;
        return judge({ ...good, signature: bytes.toString('base64') }) === 'APPROVAL_UNSIGNED';
      }),
      { numRuns: 200 },
    );
  });
});

describe('kept approvals', () => {
  const keys = (...persons: Person[]) => new Map(persons.map(({ key }) => [key.keyId, key]));
  const kept = (who: Person, comment?: string) => approvalOf(signed(who, { comment }), who.key.publicKey, comment);

  it('are counted by person, as long as their keys count', () => {
    const second = person('Erin');
    expect(approversOf(promotion, [kept(erin), kept(second)], keys(erin, second))).toEqual(['erin']);
    expect(approversOf(promotion, [kept(erin), kept(frank)], keys(erin, frank))).toEqual(['erin', 'frank']);
    const revoked = { ...frank, key: { ...frank.key, revoked: { by: 'admin', at: TIME, reason: 'lost' } } };
    expect(approversOf(promotion, [kept(erin), kept(frank)], keys(erin, revoked))).toEqual(['erin']);
    expect(approversOf(promotion, [kept(erin)], keys(frank))).toEqual([]);
    const dana = person('dana');
    expect(approversOf(promotion, [kept(dana)], keys(dana))).toEqual([]);
  });

  it('count nothing without a signature, for another promotion, or for a rejection', () => {
    const { statement: _s, signature: _g, publicKey: _p, ...unsigned } = kept(erin);
    expect(Approval.safeParse(unsigned).success).toBe(true);
    const elsewhere = approvalOf(signed(erin, {}, { ...promotion, promotionId: 'promotion/other' }), erin.key.publicKey, undefined);
    const against = approvalOf(signed(erin, { decision: 'reject' }), erin.key.publicKey, undefined);
    expect(approversOf(promotion, [unsigned, elsewhere, against], keys(erin))).toEqual([]);
  });

  it('are checked again by themselves', () => {
    const approval = kept(erin, 'looked at ten');
    expect(faultsOf(approval)).toEqual([]);
    expect(faultsOf({ ...approval, comment: 'looked at all' })).toEqual(['comment: it is not the one that was signed']);
    expect(faultsOf({ ...approval, by: 'frank' })).toEqual(['by: the statement says another']);
    expect(faultsOf({ ...approval, publicKey: frank.key.publicKey })[0]).toMatch(/^signature: /);
    expect(faultsOf({ ...approval, signature: undefined })[0]).toMatch(/no signature/);
    expect(faultsOf({})).not.toEqual([]);
  });
});

describe('a public key', () => {
  it('is read from PEM or base64, and named by its bytes', () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    const raw = rawPublicKey(publicKey);
    expect(parsePublicKey(publicKey.export({ format: 'pem', type: 'spki' }).toString())).toBe(raw);
    expect(parsePublicKey(` ${raw}\n`)).toBe(raw);
  });

  it('is refused when it is another kind, a private one, or signs nothing', () => {
    const { publicKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const { privateKey } = generateKeyPairSync('ed25519');
    const smallOrder = Buffer.from('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa', 'hex').toString('base64');
    for (const text of ['', 'AAAA', rsa.export({ format: 'pem', type: 'spki' }) as string, privateKey.export({ format: 'pem', type: 'pkcs8' }) as string, smallOrder, Buffer.alloc(32).toString('base64')]) {
      expect(codeOf(() => parsePublicKey(text))).toBe('REQUEST_INVALID');
    }
  });

  it('gives the signature that RFC 8032 gives (7.1, test 3), and base64 has one form', () => {
    const secret = Buffer.from('c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7', 'hex');
    const key = createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), secret]), format: 'der', type: 'pkcs8' });
    expect(Buffer.from(rawPublicKey(createPublicKey(key)), 'base64').toString('hex')).toBe('fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025');
    expect(sign(null, Buffer.from('af82', 'hex'), key).toString('hex')).toBe('6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a');
    expect(exactBase64('QQ==', 1)?.toString()).toBe('A');
    expect(exactBase64('QR==', 1)).toBeNull();
  });
});

it('signs the RFC 8785 text of the statement', () => {
  const text = statementBytes(signed(erin).statement).toString();
  expect(text.startsWith('{"by":"erin","candidateDigest":"sha256:1111')).toBe(true);
  expect(Object.keys(JSON.parse(text) as object)).toEqual(Object.keys(JSON.parse(text) as object).toSorted());
});

it('takes the stricter of two modes', () => {
  expect(stricterMode('automatic', 'one_approver')).toBe('one_approver');
  expect(stricterMode('two_approvers', 'automatic')).toBe('two_approvers');
});

it('reminds before the end and at an interval, in order and not without end', () => {
  const hour = 3_600_000;
  const policy = ApprovalPolicy.parse({ mode: 'one_approver', expiresAfterHours: 48, remindHoursBefore: [24, 4, 100] });
  expect(reminderTimes(policy, 0, 48 * hour)).toEqual([24 * hour, 44 * hour]);
  expect(reminderTimes({ ...policy, remindEveryHours: 12 }, 0, 48 * hour)).toEqual([12 * hour, 24 * hour, 36 * hour, 44 * hour]);
  expect(reminderTimes({ ...policy, remindEveryHours: 0.001 }, 0, 48 * hour)).toHaveLength(20);
});

it('says what a candidate changes, case by case', () => {
  const outcome = (caseDigest: string, arm: Outcome['arm'], pass: boolean) => ({ caseDigest, arm, pass }) as Outcome;
  const flips = flipsOf([outcome('a', 'current', false), outcome('a', 'candidate', true), outcome('b', 'current', true), outcome('b', 'candidate', false), outcome('c', 'current', true), outcome('c', 'candidate', true), outcome('d', 'current', true)]);
  expect([flips.fixes.map((flip) => flip.caseDigest), flips.breaks.map((flip) => flip.caseDigest), flips.bothPass, flips.bothFail]).toEqual([['a'], ['b'], 1, 0]);
});

it('shows other people\'s words without letting them touch the terminal', () => {
  expect(harmless('a\u001b[2Jb\r\nc\u202ed\u0007')).toBe('a\\u{1b}[2Jb\nc\\u{202e}d\\u{7}');
  expect([timeLeft('2026-01-02T02:30:00.000Z', Date.parse(SINCE)), timeLeft('2026-01-03T03:30:00.000Z', Date.parse(SINCE)), timeLeft('2026-01-06T02:00:00.000Z', Date.parse(SINCE)), timeLeft(SINCE, NOW_MS)]).toEqual(['30 min', '25 h 30 min', '4 days', 'none']);
});
