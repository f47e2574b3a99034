// What every metadata store must do, whatever it is built on.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Schedule, WatchPolicy, type ApproverKey, type Interaction, type ScheduleChange, type WaitingPromotion, type WatchRecord } from '../../core/contracts/index.ts';
import { digestOfJson } from '../../core/digest.ts';
import type { ErrorCode } from '../../core/errors.ts';
import { openEProcess } from '../../core/gate/e-process.ts';
import type { HeldCandidate } from '../../core/gate/held.ts';
import { WATCHED_CLASSES } from '../../core/watch/judge.ts';
import type { ChannelSwap, MeetCorrection, MetadataStore, NewInteraction } from '../../stores/ports.ts';
import { SOURCE, TIME, digestNo, drawnInteraction, newCorrection, newInteraction, outcomeNo, runNo, schemaViolation, someVerdict, undetermined } from './records.ts';

/** A place for one store; opened twice, it gives two connections to the same data. */
export interface StorePlace {
  open(): Promise<MetadataStore>;
  remove(): Promise<void>;
}

const coded = (code: ErrorCode) => expect.objectContaining({ code }) as Error;
const CHANNEL = 'tickets/production';
const nothing = { interactions: [], corrections: [], deadLetters: [] };
const letter = { position: { topic: 'agent.interactions', partition: 0, offset: '9' }, reason: 'RECORD_NOT_JSON', detail: 'byte 4', hmac: 'x', at: TIME };

export function metadataStoreContract(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(`metadata store: ${name}`, () => {
    let place: StorePlace;
    let store: MetadataStore;
    const opened: MetadataStore[] = [];
    const open = async () => {
      const another = await place.open();
      opened.push(another);
      return another;
    };
    beforeEach(async () => {
      place = await makePlace();
      store = await open();
    });
    afterEach(async () => {
      for (const each of opened.splice(0)) await each.close();
      await place.remove();
    });

    describe('intake', () => {
      it('keeps a batch and gives it back as it was, also to a process that opens the store later', async () => {
        const item = newInteraction(1, { findings: [schemaViolation, undetermined] });
        const correction = newCorrection(1, 1);
        const result = await store.storeBatch({ interactions: [item], corrections: [correction], deadLetters: [letter] });
        expect(result).toEqual({ stored: 2, duplicates: 0, conflicts: 0, deadLetters: 1 });

        const later = await open();
        const expected = { seq: 1, digest: item.digest, interaction: item.interaction, findings: item.findings, clusterId: item.ledger.clusterId, side: 'train' };
        expect(await later.interactions([item.digest])).toEqual([expected]);
        expect(await later.interactionByRef({ source: SOURCE, id: 'i-1' })).toEqual(expected);
        expect(await later.corrections([correction.digest])).toEqual([{ digest: correction.digest, correction: correction.correction }]);
        expect(await later.deadLetters({ limit: 10 })).toEqual([{ id: 1, letter, state: 'open', replays: 0, lastReplay: null }]);
        await expect(later.interactions([digestNo('nobody')])).rejects.toThrow(coded('NOT_FOUND'));
        expect(await later.interactionByRef({ source: SOURCE, id: 'nobody' })).toBeNull();
      });

      it('takes the same batch any number of times', async () => {
        const batch = { interactions: [newInteraction(1, { findings: [schemaViolation] }), newInteraction(1, { findings: [schemaViolation] })], corrections: [newCorrection(1, 1)], deadLetters: [letter, letter] };
        expect(await store.storeBatch(batch)).toEqual({ stored: 2, duplicates: 1, conflicts: 0, deadLetters: 1 });
        expect(await store.storeBatch(batch)).toEqual({ stored: 0, duplicates: 3, conflicts: 0, deadLetters: 0 });
        expect(await store.counts('tickets')).toMatchObject({ interactions: 1, failing: 1, corrections: 1, deadLetters: 1 });
        expect(await store.watermark('tickets')).toBe(2);
      });

      it('sends an identity that comes again with other content to the dead letters, once', async () => {
        const other = { ...newInteraction(1, {}, { answer: { text: 'other' } }), hmac: 'other', position: { topic: 'agent.interactions', partition: 2, offset: '77' } };
        await store.storeBatch({ ...nothing, interactions: [newInteraction(1)], corrections: [newCorrection(1, 1)] });
        const again = { ...nothing, interactions: [other], corrections: [{ ...newCorrection(1, 1, { answer: 'x' }), hmac: 'other' }] };
        expect(await store.storeBatch(again)).toEqual({ stored: 0, duplicates: 0, conflicts: 2, deadLetters: 2 });
        expect(await store.storeBatch(again)).toMatchObject({ conflicts: 2, deadLetters: 0 });
        const [first] = await store.deadLetters({ limit: 1 });
        expect(first?.letter).toMatchObject({ position: other.position, reason: 'IDENTITY_CONFLICT', hmac: 'other' });
        expect((await store.deadLetters({ limit: 10, afterId: first?.id ?? 0 })).length).toBe(1);
        expect((await store.interactionByRef({ source: SOURCE, id: 'i-1' }))?.interaction.answer.text).toBe('{}');
      });

      it('keeps all of a batch or nothing', async () => {
        const broken = newInteraction(2);
        (broken.interaction as { workload: unknown }).workload = null;
        await expect(store.storeBatch({ ...nothing, interactions: [newInteraction(1), broken] })).rejects.toThrow();
        expect(await store.counts('tickets')).toMatchObject({ interactions: 0 });
        expect(await store.storeBatch({ ...nothing, interactions: [newInteraction(1)] })).toMatchObject({ stored: 1 });
      });

      it('tells a correction with its interaction, whichever came first, once', async () => {
        const meet: MeetCorrection = (interaction, correction) => ({ ...correction, answer: `${correction.answer} as ${interaction.id} says` });
        const item = newInteraction(5);
        const [early, late, other] = [newCorrection(1, 5), newCorrection(2, 5), newCorrection(3, 6)];
        await store.storeBatch({ ...nothing, corrections: [early, other] }, meet);
        const parked = { interactions: [], corrections: [] };
        expect(await store.digestsUpTo('tickets', await store.watermark('tickets'))).toEqual(parked);
        await store.storeBatch({ ...nothing, interactions: [item] }, meet);
        await store.storeBatch({ ...nothing, corrections: [late] }, meet);
        // The same records again, as after a crash, or with the other order in one batch.
        for (let n = 0; n < 2; n += 1) expect(await store.storeBatch({ ...nothing, interactions: [item], corrections: [late, early, other] }, meet)).toMatchObject({ stored: 0, duplicates: 4, conflicts: 0 });
        await store.storeBatch({ ...nothing, deadLetters: [letter] });
        const [dead] = await store.deadLetters({ limit: 1 });
        expect(await store.replayDeadLetter(dead!.id, { correction: newCorrection(5, 5) }, 'dana', TIME, meet)).toBe('stored');
        const together = newInteraction(7);
        await store.storeBatch({ ...nothing, interactions: [together], corrections: [newCorrection(4, 7)] }, meet);

        const { corrections } = await store.digestsUpTo('tickets', await store.watermark('tickets'));
        const met = await store.corrections(corrections);
        expect(met.map(({ correction: { id, answer } }) => `${id}: ${answer}`).sort()).toEqual(['k-1: {"a":1} as i-5 says', 'k-2: {"a":1} as i-5 says', 'k-4: {"a":1} as i-7 says', 'k-5: {"a":1} as i-5 says']);
        for (const { digest, correction } of met) expect([digest, (await store.linksTo(digest)).map(({ relation }) => relation)]).toEqual([digestOfJson(correction), ['corrected_by']]);
        expect(await store.linksFrom(item.digest)).toHaveLength(3);
        expect(await store.counts('tickets')).toMatchObject({ corrections: 5, parkedCorrections: 1 });
        // What it was before is nowhere.
        for (const { digest } of [early, late]) await expect(store.corrections([digest])).rejects.toMatchObject({ code: 'NOT_FOUND' });
      });

      it('parks a correction until its interaction comes', async () => {
        const correction = newCorrection(1, 5);
        await store.storeBatch({ ...nothing, corrections: [correction] });
        expect(await store.counts('tickets')).toMatchObject({ corrections: 1, parkedCorrections: 1 });
        const item = newInteraction(5, { findings: [schemaViolation] });
        await store.storeBatch({ ...nothing, interactions: [item] });
        expect(await store.counts('tickets')).toMatchObject({ corrections: 1, parkedCorrections: 0 });
        expect(await store.linksTo(correction.digest)).toEqual([{ fromKind: 'interaction', from: item.digest, relation: 'corrected_by', toKind: 'correction', to: correction.digest }]);
        expect((await store.failures({ limit: 1 }))[0]?.corrected).toBe(true);
      });

      it('replays a dead letter: kept and settled in one step, or still dead with the reason of today', async () => {
        const letters = [1, 2, 3, 4].map((n) => ({ ...letter, position: { ...letter.position, offset: String(n) }, reason: n === 4 ? 'RECORD_TOO_BIG' : 'RECORD_CONTRACT' }));
        await store.storeBatch({ interactions: [newInteraction(9)], corrections: [], deadLetters: letters });
        expect(await store.deadLetterTotals()).toEqual([{ reason: 'RECORD_CONTRACT', open: 3 }, { reason: 'RECORD_TOO_BIG', open: 1 }]);
        expect((await store.deadLetters({ limit: 10, reason: 'RECORD_TOO_BIG' })).map((row) => row.id)).toEqual([4]);

        expect(await store.replayDeadLetter(1, { interaction: newInteraction(1) }, 'dana', TIME)).toBe('stored');
        expect(await store.replayDeadLetter(1, { interaction: newInteraction(1) }, 'dana', TIME)).toBe('settled');
        expect(await store.replayDeadLetter(2, { interaction: newInteraction(1) }, 'dana', TIME)).toBe('duplicate');
        expect(await store.replayDeadLetter(3, { interaction: { ...newInteraction(1), hmac: letter.hmac, position: letters[2]?.position ?? null } }, 'dana', TIME)).toBe('conflict');
        expect(await store.replayDeadLetter(4, { deadLetter: { ...letter, reason: 'RECORD_TOO_DEEP', detail: 'byte 7' } }, 'dana', TIME)).toBe('dead_letter');
        expect(await store.replayDeadLetter(99, { deadLetter: letter }, 'dana', TIME)).toBe('settled');

        expect((await store.deadLetters({ limit: 10 })).map((row) => [row.id, row.letter.reason, row.replays])).toEqual([[3, 'IDENTITY_CONFLICT', 1], [4, 'RECORD_TOO_DEEP', 1]]);
        expect((await store.deadLetters({ limit: 10, state: 'all' })).length).toBe(4);
        expect(await store.deadLetter(1)).toMatchObject({ state: 'replayed', letter: { reason: 'RECORD_CONTRACT' }, lastReplay: { at: TIME, by: 'dana' } });
        expect(await store.deadLetter(99)).toBeNull();
        expect(await store.deadLetterTotals()).toEqual([{ reason: 'IDENTITY_CONFLICT', open: 1 }, { reason: 'RECORD_TOO_DEEP', open: 1 }]);
        expect(await store.counts('tickets')).toMatchObject({ interactions: 2, deadLetters: 2 });
      });

      it('keeps its totals equal to what a count of the rows gives, whatever comes and comes again', async () => {
        const refused = { ...schemaViolation, class: 'refusal' as const };
        const batches = [
          { ...nothing, interactions: [drawnInteraction(1, 1, '1'), drawnInteraction(2, 1, '2'), newInteraction(3, { findings: [schemaViolation, refused, { ...schemaViolation, detector: 'b@1' }] })] },
          { ...nothing, corrections: [newCorrection(1, 3), newCorrection(2, 7), newCorrection(3, 7)] },
          { ...nothing, interactions: [newInteraction(7, { findings: [refused] }), newInteraction(3), { ...newInteraction(3), hmac: 'other' }], corrections: [newCorrection(4, 8)] },
        ];
        for (const batch of [...batches, ...batches]) await store.storeBatch(batch);
        expect(await store.counts('tickets')).toEqual({ interactions: 4, failing: 2, corrections: 4, parkedCorrections: 1, cases: 1, deadLetters: 1, byClass: { schema_violation: 1, refusal: 2 } });
      });

      it('counts by class and by the adapter that answered', async () => {
        const adapterDigest = digestNo('adapter');
        await store.storeBatch({
          ...nothing,
          interactions: [
            newInteraction(1, { findings: [schemaViolation, { ...schemaViolation, class: 'refusal' }] }),
            newInteraction(2, { findings: [schemaViolation] }, { adapterDigest, generation: 1 }),
            newInteraction(3, { findings: [undetermined] }, { adapterDigest, generation: 1 }),
            newInteraction(4, { findings: [schemaViolation] }, { workload: 'other' }),
          ],
        });
        expect(await store.counts('tickets')).toEqual({ interactions: 3, failing: 2, corrections: 0, parkedCorrections: 0, cases: 0, deadLetters: 0, byClass: { schema_violation: 2, refusal: 1 } });
        expect(await store.countsByAdapter('tickets')).toEqual([
          { adapterDigest: null, generation: 0, interactions: 1, byClass: { schema_violation: 1, refusal: 1 } },
          { adapterDigest, generation: 1, interactions: 2, byClass: { schema_violation: 1 } },
        ]);
      });
    });

    describe('reading for a run', () => {
      it('gives the digests at or under a watermark, sorted, per workload', async () => {
        const first = [newInteraction(1), newInteraction(2)];
        await store.storeBatch({ ...nothing, interactions: first });
        const watermark = await store.watermark('tickets');
        const late = newCorrection(1, 1);
        await (await open()).storeBatch({ ...nothing, interactions: [newInteraction(3, {}, { workload: 'other' })], corrections: [late] });
        expect(await store.digestsUpTo('tickets', watermark)).toEqual({ interactions: first.map((item) => item.digest).sort(), corrections: [] });
        expect(await store.digestsUpTo('tickets', await store.watermark('tickets'))).toMatchObject({ corrections: [late.digest] });
        expect(await store.watermark('tickets')).toBe(4);
        expect(await store.watermark('nobody')).toBe(0);
      });

      it('lists failures newest first, or onwards from one', async () => {
        await store.storeBatch({ ...nothing, interactions: [1, 2, 3].map((n) => newInteraction(n, { findings: [n === 2 ? { ...schemaViolation, class: 'refusal' } : schemaViolation] })) });
        const all = await store.failures({ workload: 'tickets', limit: 10 });
        expect(all.map((row) => row.interactionRef.id)).toEqual(['i-3', 'i-2', 'i-1']);
        expect(await store.failures({ limit: 10, class: 'refusal' })).toEqual([all[1]]);
        expect(await store.failures({ limit: 10, afterSeq: all[2]?.seq ?? 0 })).toEqual([all[1], all[0]]);
        expect(await store.failures({ limit: 1 })).toEqual([all[0]]);
        const one = all[0];
        expect(one && (await store.failure(one.id))).toEqual(one);
        expect(await store.failure(digestNo('nobody'))).toBeNull();
        expect(one && (await store.linksTo(one.id))).toMatchObject([{ relation: 'showed', fromKind: 'interaction', from: one?.failure.interactionDigest }]);
      });
    });

    describe('split ledger and cases', () => {
      it('decides a side once: a later opinion changes nothing', async () => {
        const train = newInteraction(1);
        const second = drawnInteraction(2, 1, '01');
        await store.storeBatch({ ...nothing, interactions: [train, second] });
        expect(await store.ledger('tickets')).toEqual([train.ledger]);
        expect((await store.interactions([second.digest]))[0]?.side).toBe('train');
        expect(await store.cases('tickets')).toEqual([]);
      });

      it('takes the first drawn interaction of a cluster as its case, in draw order', async () => {
        const items = [drawnInteraction(1, 1, 'bb'), drawnInteraction(2, 2, 'aa', true), drawnInteraction(3, 1, '00')];
        await store.storeBatch({ ...nothing, interactions: items });
        const rows = await store.cases('tickets');
        expect(rows.map((row) => [row.drawOrder, row.label, row.truth, row.retiredBy])).toEqual([['aa', true, null, null], ['bb', false, null, null]]);
        expect(rows[1]?.case).toEqual(items[0]?.drawn?.case);
        expect(await store.counts('tickets')).toMatchObject({ cases: 2 });
      });

      it('asks for labels of chosen cases only, and takes truths for those only', async () => {
        await store.storeBatch({ ...nothing, interactions: [drawnInteraction(1, 1, 'aa'), drawnInteraction(2, 2, 'cc', true), drawnInteraction(3, 3, 'bb', true)] });
        const truth = (caseDigest: string, text = '{}') => ({ schemaVersion: 1 as const, caseDigest, truth: text, author: 'dana', time: TIME });
        const [unchosen] = await store.cases('tickets');
        const next = await store.nextToLabel('tickets');
        expect(next?.drawOrder).toBe('bb');
        await store.setTruth(truth(next?.caseDigest ?? ''));
        await store.setTruth(truth(next?.caseDigest ?? '', '{"a":2}'));
        expect((await store.cases('tickets'))[1]?.truth).toBe('{"a":2}');
        expect((await store.nextToLabel('tickets'))?.drawOrder).toBe('cc');
        await expect(store.setTruth(truth(unchosen?.caseDigest ?? ''))).rejects.toThrow(coded('REQUEST_INVALID'));
        await expect(store.setTruth(truth(digestNo('nobody')))).rejects.toThrow(coded('NOT_FOUND'));

        const last = (await store.nextToLabel('tickets'))?.caseDigest ?? '';
        await store.retireCases([last], digestNo('verdict'));
        await store.retireCases([last], digestNo('another verdict'));
        expect((await store.cases('tickets')).find((row) => row.caseDigest === last)?.retiredBy).toBe(digestNo('verdict'));
        expect(await store.nextToLabel('tickets')).toBeNull();
        await expect(store.setTruth(truth(last))).rejects.toThrow(coded('REQUEST_INVALID'));
      });

      it('keeps the first outcome of an arm for a case', async () => {
        await store.saveOutcomes([outcomeNo(1, 'current', true), outcomeNo(1, 'candidate', true)]);
        await store.saveOutcomes([outcomeNo(1, 'current', false), outcomeNo(2, 'current', false)]);
        const outcomes = await store.outcomes('e-1');
        expect(outcomes.length).toBe(3);
        expect(outcomes).toContainEqual(outcomeNo(1, 'current', true));
        expect(await store.outcomes('e-2')).toEqual([]);
      });

      it('keeps the first confirmed answer to a question, apart by adapter, engine build and sampling', async () => {
        const key = { adapterDigest: digestNo('a'), engineBuild: 'vllm-1', samplingDigest: digestNo('greedy') };
        const [first, second] = [digestNo('evaluation 1'), digestNo('evaluation 2')];
        const answer = (n: number, over: object = {}) => ({ ...key, questionDigest: digestNo(`question ${n}`), askedIn: first, answerDigest: digestNo(`answer ${n}`), latencyMs: 12.5, outputTokens: 7, ...over });
        await store.keepAnswers([answer(1), answer(2), answer(1, { adapterDigest: null, answerDigest: digestNo('of the base') })]);
        const questionDigests = [1, 2, 3].map((n) => digestNo(`question ${n}`));
        const other = await open();
        expect(await other.keptAnswers({ ...key, evaluationId: first, questionDigests })).toEqual([answer(1), answer(2)]);
        expect(await other.keptAnswers({ ...key, evaluationId: second, questionDigests })).toEqual([]);
        // What nobody has confirmed makes room.
        const again = answer(1, { askedIn: second, answerDigest: digestNo('another') });
        await store.keepAnswers([again]);
        await store.confirmEvaluation(second);
        await store.confirmEvaluation(second);
        await store.keepAnswers([answer(1)]);
        expect(await other.keptAnswers({ ...key, evaluationId: digestNo('evaluation 3'), questionDigests })).toEqual([again]);
        await store.confirmEvaluation(first);
        expect(await other.keptAnswers({ ...key, evaluationId: second, questionDigests })).toEqual([again, answer(2)]);
        expect(await other.keptAnswers({ ...key, adapterDigest: null, evaluationId: second, questionDigests })).toEqual([answer(1, { adapterDigest: null, answerDigest: digestNo('of the base') })]);
        for (const differs of [{ engineBuild: 'vllm-2' }, { samplingDigest: digestNo('warm') }, { adapterDigest: digestNo('b') }]) expect(await store.keptAnswers({ ...key, ...differs, evaluationId: second, questionDigests })).toEqual([]);
      });

      it('keeps the first verdict of a judge on an answer to a case', async () => {
        const judgement = (n: number, over: object = {}) => ({ judgeDigest: digestNo('judge'), caseDigest: digestNo(`case ${n}`), answerDigest: digestNo(`answer ${n}`), passed: n === 1, reasonDigest: digestNo(`reason ${n}`), askedIn: 'e-1', ...over });
        await store.keepJudgements([judgement(1), judgement(2), judgement(1, { judgeDigest: digestNo('other'), passed: false })]);
        await store.keepJudgements([judgement(1, { passed: false, askedIn: 'e-2' })]);
        const other = await open();
        expect(await other.keptJudgements(digestNo('judge'), [judgement(1), judgement(2), judgement(3)])).toEqual([judgement(1), judgement(2)]);
        expect(await other.keptJudgements(digestNo('other'), [judgement(1), judgement(2)])).toEqual([judgement(1, { judgeDigest: digestNo('other'), passed: false })]);
        expect(await other.keptJudgements(digestNo('judge'), [{ caseDigest: digestNo('case 1'), answerDigest: digestNo('answer 2') }])).toEqual([]);
      });
    });

    describe('documents and lineage', () => {
      it('names documents by what they are', async () => {
        const verdict = someVerdict();
        const digest = await store.putDocument('verdict', verdict);
        expect(await store.putDocument('verdict', Object.fromEntries(Object.entries(verdict).reverse()))).toBe(digest);
        const second = await store.putDocument('evaluation', { schemaVersion: 1, z: [1, 2] });
        expect(await store.document(digest)).toEqual({ kind: 'verdict', document: verdict });
        expect(await store.verdict(digest)).toEqual(verdict);
        expect(await store.adapter(digest)).toBeNull();
        expect(await store.approval(digest)).toBeNull();
        expect(await store.document(digestNo('nobody'))).toBeNull();
        expect(await store.documents('evaluation', 5)).toEqual([{ digest: second, document: { schemaVersion: 1, z: [1, 2] } }]);
      });

      it('links both ways, once', async () => {
        const link = { fromKind: 'dataset' as const, from: digestNo('d'), relation: 'trained', toKind: 'run' as const, to: 'nightly-tickets-1' };
        await store.link([link, link]);
        await store.link([link]);
        expect(await store.linksFrom(link.from)).toEqual([link]);
        expect(await store.linksTo(link.to)).toEqual([link]);
        expect(await store.linksTo(link.from)).toEqual([]);
      });

      it('finds ids of every kind by their beginning', async () => {
        const item = newInteraction(1, { findings: [schemaViolation] });
        await store.storeBatch({ ...nothing, interactions: [item] });
        await store.saveRun(runNo(1));
        await store.ensureChannel(CHANNEL, TIME);
        await store.link([{ fromKind: 'example', from: digestNo('e'), relation: 'in', toKind: 'dataset', to: digestNo('d') }]);
        expect(await store.findIds(item.digest.slice(0, 30), 5)).toEqual([{ kind: 'interaction', id: item.digest }]);
        expect(await store.findIds('nightly-tick', 5)).toEqual([{ kind: 'run', id: 'nightly-tickets-1' }]);
        expect(await store.findIds('tickets/', 5)).toEqual([{ kind: 'channel_entry', id: `${CHANNEL}@0` }]);
        expect(await store.findIds(digestNo('e').slice(0, 30), 5)).toEqual([{ kind: 'example', id: digestNo('e') }]);
        expect((await store.findIds('sha256:', 3)).length).toBe(3);
        expect(await store.findIds('%', 5)).toEqual([]);
      });
    });

    describe('runs', () => {
      const request = (n: number) => ({ schemaVersion: 1 as const, id: `r-${n}`, workload: 'tickets', by: 'dana', reason: 'early', options: {}, requestedAt: TIME, claimedBy: null });

      it('gives the oldest request to the run that asks first, and again to the same run', async () => {
        await store.createRequest(request(1));
        await store.createRequest(request(2));
        await store.createRequest(request(1));
        const other = await open();
        expect(await store.claimRequest('tickets', 'run-a')).toEqual({ ...request(1), claimedBy: 'run-a' });
        expect(await other.claimRequest('tickets', 'run-b')).toEqual({ ...request(2), claimedBy: 'run-b' });
        expect(await other.claimRequest('tickets', 'run-a')).toEqual({ ...request(1), claimedBy: 'run-a' });
        expect(await store.claimRequest('tickets', 'run-c')).toBeNull();
        expect(await store.claimRequest('other', 'run-a')).toBeNull();
      });

      it('keeps the last state of each run, newest run first', async () => {
        await store.saveRun(runNo(1));
        await store.saveRun(runNo(2, { workload: 'other' }));
        await store.saveRun(runNo(1, { status: 'skipped', reason: 'too little' }));
        expect((await store.run('nightly-tickets-1'))?.status).toBe('skipped');
        expect(await store.run('nobody')).toBeNull();
        expect((await store.runs({ limit: 5 })).map((run) => run.runId)).toEqual(['nightly-tickets-2', 'nightly-tickets-1']);
        expect((await store.runs({ workload: 'tickets', limit: 5 })).map((run) => run.runId)).toEqual(['nightly-tickets-1']);
        expect((await store.runs({ limit: 1 })).length).toBe(1);
      });
    });

    describe("the gate's ledger", () => {
      const ask = (runId: string, at: string, over: object = {}) =>
        store.reserveDecision({ channel: CHANNEL, runId, policyDigest: digestNo('policy 1'), decisionsPerPeriod: 2, periodDays: 30, at, ...over });

      it('gives each run one decision of the period, and no more than planned', async () => {
        const first = await ask('run-1', '2026-01-01T00:00:00.000Z');
        expect(first).toMatchObject({ decisionNumber: 1, decisionsPerPeriod: 2, periodStart: '2026-01-01T00:00:00.000Z', verdictDigest: null });
        expect(await ask('run-1', '2026-03-01T00:00:00.000Z')).toEqual(first);
        expect(await ask('run-2', '2026-01-30T23:59:59.000Z')).toMatchObject({ decisionNumber: 2 });
        await expect(ask('run-3', '2026-01-30T23:59:59.999Z')).rejects.toThrow(coded('GATE_BUDGET_SPENT'));
        expect(await ask('run-3', '2026-01-31T00:00:00.000Z')).toMatchObject({ decisionNumber: 1, periodStart: '2026-01-31T00:00:00.000Z' });
        expect(await ask('run-4', '2026-01-01T00:00:00.000Z', { channel: 'other/production' })).toMatchObject({ decisionNumber: 1 });
        expect((await store.decisions(CHANNEL)).map((decision) => decision.runId)).toEqual(['run-1', 'run-2', 'run-3']);
      });

      it('lets a changed policy govern from the next period on, counted from the first decision', async () => {
        const changed = { policyDigest: digestNo('policy 2'), decisionsPerPeriod: 4, periodDays: 7 };
        await ask('run-1', '2026-01-01T12:00:00.000Z');
        expect(await ask('run-2', '2026-01-10T00:00:00.000Z', changed)).toMatchObject({ policyDigest: digestNo('policy 1'), decisionsPerPeriod: 2, decisionNumber: 2 });
        expect(await ask('run-3', '2026-04-10T00:00:00.000Z', changed)).toMatchObject({ policyDigest: digestNo('policy 2'), decisionsPerPeriod: 4, decisionNumber: 1, periodStart: '2026-04-04T12:00:00.000Z' });
        expect(await ask('run-4', '2026-04-10T00:00:00.000Z')).toMatchObject({ policyDigest: digestNo('policy 2'), periodStart: '2026-04-04T12:00:00.000Z', decisionNumber: 2 });
      });

      it('closes a decision with one verdict', async () => {
        await ask('run-1', TIME);
        await store.closeDecision('run-1', digestNo('v'));
        await store.closeDecision('run-1', digestNo('v'));
        expect((await store.decisions(CHANNEL))[0]?.verdictDigest).toBe(digestNo('v'));
        await expect(store.closeDecision('run-1', digestNo('other'))).rejects.toThrow(coded('REQUEST_INVALID'));
        await expect(store.closeDecision('nobody', digestNo('v'))).rejects.toThrow(coded('NOT_FOUND'));
      });

      const [first, second, third] = [1, 2, 3].map((n) => drawnInteraction(n, n, `0${n}`)) as [NewInteraction, NewInteraction, NewInteraction];
      const caseOf = ({ drawn }: NewInteraction): string => drawn?.caseDigest ?? '';
      const retiredBy = async () => Object.fromEntries((await store.cases('tickets')).map((row) => [row.caseDigest, row.retiredBy]));
      const heldBy = (verdict: string): HeldCandidate => ({
        heldVerdictDigest: digestNo(verdict),
        currentGeneration: 0,
        periodEnd: '2026-02-01T00:00:00.000Z',
        process: openEProcess({ candidateDigest: digestNo('candidate'), currentDigest: null, level: 0.01, maxCases: 100 }),
        looks: [],
        openedAt: TIME,
        endedAt: null,
      });
      const lookOf = (held: HeldCandidate, runId: string, verdict: string, status: 'open' | 'promote' = 'open'): HeldCandidate => ({
        ...held,
        process: { ...held.process, n: held.process.n + 1, looks: held.process.looks + 1, status },
        looks: [...held.looks, { runId, evaluationId: `e ${runId}`, verdictDigest: digestNo(verdict), at: TIME }],
      });

      it('takes a verdict with its cases, and no case twice: all of it or nothing', async () => {
        await store.storeBatch({ ...nothing, interactions: [first, second, third] });
        await ask('run-1', TIME);
        await ask('run-2', TIME);
        await store.closeDecision('run-1', digestNo('v1'), { cases: [caseOf(first), caseOf(second)], held: null });
        await store.closeDecision('run-1', digestNo('v1'), { cases: [caseOf(first), caseOf(second)], held: null });
        await expect(store.closeDecision('run-2', digestNo('v2'), { cases: [caseOf(third), caseOf(second)], held: heldBy('v2') })).rejects.toThrow(coded('REQUEST_INVALID'));
        expect(await retiredBy()).toEqual({ [caseOf(first)]: digestNo('v1'), [caseOf(second)]: digestNo('v1'), [caseOf(third)]: null });
        expect((await store.decisions(CHANNEL)).map(({ verdictDigest }) => verdictDigest)).toEqual([digestNo('v1'), null]);
        expect(await store.heldCandidates(CHANNEL)).toEqual([]);
      });

      it('carries a held candidate from look to look, one open per channel, ended once', async () => {
        await store.storeBatch({ ...nothing, interactions: [first, second, third] });
        await ask('run-1', TIME);
        await ask('run-2', TIME);
        const held = heldBy('v1');
        await store.closeDecision('run-1', digestNo('v1'), { cases: [caseOf(first)], held });
        expect(await store.heldCandidates(CHANNEL)).toEqual([held]);
        await expect(store.closeDecision('run-2', digestNo('v2'), { cases: [], held: heldBy('v2') })).rejects.toThrow(coded('REQUEST_INVALID'));

        const looked = lookOf(held, 'night-2', 'look 1');
        await store.keepLook(looked, [caseOf(second)]);
        // Tried again, and a look that was made beside it.
        await store.keepLook(lookOf(held, 'night-2', 'look 1 again'), [caseOf(third)]);
        await expect(store.keepLook(lookOf(held, 'night-3', 'beside'), [caseOf(third)])).rejects.toThrow(coded('REQUEST_INVALID'));
        await expect(store.keepLook(lookOf(looked, 'night-3', 'look 2'), [caseOf(second)])).rejects.toThrow(coded('REQUEST_INVALID'));
        expect(await store.heldCandidates(CHANNEL)).toEqual([looked]);
        expect(await retiredBy()).toEqual({ [caseOf(first)]: digestNo('v1'), [caseOf(second)]: digestNo('look 1'), [caseOf(third)]: null });

        const promoted = lookOf(looked, 'night-3', 'look 2', 'promote');
        await store.keepLook(promoted, [caseOf(third)]);
        await store.endHeld(digestNo('v1'), { ...promoted.process, status: 'reject' }, TIME);
        await expect(store.keepLook(lookOf(promoted, 'night-4', 'look 3'), [])).rejects.toThrow(coded('REQUEST_INVALID'));
        await store.closeDecision('run-2', digestNo('v2'), { cases: [], held: heldBy('v2') });
        await store.endHeld(digestNo('v2'), { ...held.process, status: 'reject', reason: 'Reject: a person ends it.' }, '2026-01-20T00:00:00.000Z');
        expect((await store.heldCandidates(CHANNEL)).map(({ process, endedAt }) => [process.status, endedAt])).toEqual([['promote', null], ['reject', '2026-01-20T00:00:00.000Z']]);
        await expect(store.endHeld(digestNo('nobody'), held.process, TIME)).rejects.toThrow(coded('NOT_FOUND'));
      });
    });

    const swap = (expectedGeneration: number, live: string | null, over: Partial<ChannelSwap> = {}): ChannelSwap => ({
      ...{ channel: CHANNEL, expectedGeneration, live, action: 'promoted', by: 'gate', reason: 'better' },
      ...{ verdictDigest: digestNo('v'), approvalDigest: null, time: TIME, ...over },
    });

    describe('channels', () => {
      it('begin at generation 0 with the base model', async () => {
        expect(await store.channel(CHANNEL)).toBeNull();
        const created = await store.ensureChannel(CHANNEL, TIME);
        expect(created).toMatchObject({ generation: 0, live: null, action: 'created' });
        expect(await (await open()).ensureChannel(CHANNEL, '2026-02-01T00:00:00.000Z')).toEqual(created);
        expect(await store.channels()).toEqual([created]);
        await expect(store.swapChannel(swap(0, null, { channel: 'other/production' }))).rejects.toThrow(coded('NOT_FOUND'));
      });

      it('let one of two changes win and tell the other', async () => {
        await store.ensureChannel(CHANNEL, TIME);
        const other = await open();
        const results = await Promise.allSettled([store.swapChannel(swap(0, digestNo('a'))), other.swapChannel(swap(0, digestNo('b')))]);
        expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
        expect(results.find((result) => result.status === 'rejected')?.reason).toEqual(coded('CHANNEL_CONFLICT'));
        const live = await store.channel(CHANNEL);
        expect(live).toMatchObject({ generation: 1, previous: null });
        expect(await store.channelHistory(CHANNEL)).toHaveLength(2);
      });

      it('go back to what was live before, as a new generation', async () => {
        await store.ensureChannel(CHANNEL, TIME);
        await store.swapChannel(swap(0, digestNo('a')));
        await store.swapChannel(swap(1, digestNo('b')));
        const back = { action: 'rolled_back' as const, verdictDigest: null };
        await expect(store.swapChannel(swap(2, digestNo('never'), back))).rejects.toThrow(coded('REQUEST_INVALID'));
        expect(await store.swapChannel(swap(2, digestNo('a'), back))).toMatchObject({ generation: 3, live: digestNo('a'), previous: digestNo('b') });
        expect(await store.swapChannel(swap(3, null, back))).toMatchObject({ generation: 4, live: null });
        expect((await store.channelHistory(CHANNEL)).map((entry) => entry.generation)).toEqual([0, 1, 2, 3, 4]);
        expect((await store.channels())[0]?.generation).toBe(4);
      });

      it('remember promotions under way', async () => {
        const intent = { id: 'p-1', channel: CHANNEL, candidate: digestNo('a'), expectedGeneration: 0, at: TIME };
        expect(await store.openIntent(intent)).toEqual({ ...intent, state: 'open' });
        expect(await (await open()).openIntents()).toEqual([{ ...intent, state: 'open' }]);
        await store.closeIntent('p-1', 'done');
        await store.closeIntent('p-1', 'failed');
        expect(await store.openIntents()).toEqual([]);
        expect(await store.openIntent(intent)).toEqual({ ...intent, state: 'done' });
        await expect(store.closeIntent('nobody', 'done')).rejects.toThrow(coded('NOT_FOUND'));
      });

      it('take no change of a promotion that was given up, unless it is taken up again', async () => {
        await store.ensureChannel(CHANNEL, TIME);
        const intent = { id: 'p-1', channel: CHANNEL, candidate: digestNo('a'), expectedGeneration: 0, at: TIME };
        await store.openIntent(intent);
        await store.closeIntent('p-1', 'failed');
        await expect(store.swapChannel({ ...swap(0, digestNo('a')), intentId: 'p-1' })).rejects.toThrow(coded('CHANNEL_CONFLICT'));
        expect(await store.channelHistory(CHANNEL)).toHaveLength(1);
        expect(await store.openIntent(intent)).toEqual({ ...intent, state: 'open' });
        const entry = await store.swapChannel({ ...swap(0, digestNo('a')), intentId: 'p-1' });
        expect(entry).not.toHaveProperty('intentId');
        // Given up by another hand after its swap: what is in the channel is done.
        await store.closeIntent('p-1', 'failed');
        await store.closeIntent('p-1', 'done');
        expect(await store.openIntent(intent)).toEqual({ ...intent, state: 'done' });
      });

      it('keep a rollback by hand until Temporal has heard of it', async () => {
        await store.ensureChannel(CHANNEL, TIME);
        await store.swapChannel(swap(0, digestNo('a')));
        const back = await store.swapChannel(swap(1, null, { action: 'rolled_back', verdictDigest: null, byHand: true }));
        expect(back.byHand).toBe(true);
        expect(await (await open()).rollbacksToRecord()).toEqual([back]);
        await store.rollbackRecorded(CHANNEL, 2);
        await store.rollbackRecorded(CHANNEL, 2);
        expect(await store.rollbacksToRecord()).toEqual([]);
      });
    });

    describe('replicas', () => {
      const mark = (inTraffic: boolean, cause: 'isolation' | 'person', more: object = {}) => ({ replica: 'http://a', inTraffic, cause, reason: 'why', by: cause === 'person' ? 'dana' : 'isolation check', at: TIME, ...more });

      it('are taken out and put back, by the check what the check took out, by a person anything', async () => {
        expect(await store.replicaMarks()).toEqual([]);
        expect(await store.markReplica(mark(true, 'isolation'))).toBe(false);
        expect(await store.markReplica(mark(false, 'isolation'))).toBe(true);
        expect(await store.markReplica(mark(false, 'isolation'))).toBe(false);
        expect(await store.markReplica(mark(true, 'isolation'))).toBe(true);
        expect(await store.markReplica(mark(false, 'isolation'))).toBe(true);
        expect(await store.markReplica(mark(false, 'person'))).toBe(true);
        expect(await store.markReplica(mark(true, 'isolation'))).toBe(false);
        expect(await store.markReplica({ ...mark(false, 'isolation'), replica: 'http://b' })).toBe(true);
        expect((await (await open()).replicaMarks()).map(({ replica, inTraffic, cause }) => [replica, inTraffic, cause])).toEqual([['http://a', false, 'person'], ['http://b', false, 'isolation']]);
        expect(await store.markReplica(mark(true, 'person'))).toBe(true);
        expect(await store.markReplica(mark(true, 'person'))).toBe(false);
        expect((await store.replicaMarks())[0]).toEqual(mark(true, 'person'));
      });

      it('are looked at by one at a time', async () => {
        const [first, second] = ['2026-01-01T00:00:00.000Z', '2026-01-01T00:10:00.000Z'];
        expect(await store.claimReplicaCheck('http://a', first, first)).toBe(true);
        expect(await store.claimReplicaCheck('http://a', first, first)).toBe(false);
        expect(await (await open()).claimReplicaCheck('http://b', first, first)).toBe(true);
        expect(await store.claimReplicaCheck('http://a', second, '2026-01-01T00:05:00.000Z')).toBe(true);
        expect(await store.claimReplicaCheck('http://a', second, '2026-01-01T00:05:00.000Z')).toBe(false);
      });
    });

    describe('approvals', () => {
      const key = (name: string): ApproverKey => ({ schemaVersion: 1, keyId: digestNo(`key of ${name}`), publicKey: `${'A'.repeat(43)}=`, name, channels: [CHANNEL], enrolledBy: 'admin', enrolledAt: TIME, revoked: null });
      const promotionNo = (n: number, over: Partial<WaitingPromotion> = {}): WaitingPromotion => ({
        ...{ schemaVersion: 1, promotionId: `promotion/p-${n}`, runId: `p-${n}`, workload: 'tickets', channel: CHANNEL, candidateDigest: digestNo(`c ${n}`), datasetDigest: digestNo('d') },
        ...{ evaluationDigest: digestNo('e'), verdictDigest: digestNo('v'), policyDigest: digestNo('p'), expectedGeneration: 0, policy: { mode: 'one_approver', neverOneself: false, expiresAfterHours: 72, remindHoursBefore: [] } },
        ...{ requestedBy: null, since: TIME, expiresAt: '2026-01-09T00:00:00.000Z', ended: null, ...over },
      });

      it('enrol a key once and revoke it once', async () => {
        await store.enrolKey(key('dana'));
        await store.enrolKey(key('erin'));
        await expect(store.enrolKey({ ...key('dana'), name: 'mallory' })).rejects.toThrow(coded('REQUEST_INVALID'));
        expect((await (await open()).approverKeys()).map(({ name }) => name)).toEqual(['dana', 'erin']);
        const { keyId } = key('dana');
        const revoked = { by: 'admin', at: TIME, reason: 'laptop lost' };
        expect(await store.revokeKey(keyId, revoked)).toEqual({ ...key('dana'), revoked });
        expect(await store.revokeKey(keyId, { ...revoked, by: 'mallory' })).toMatchObject({ revoked });
        expect(await store.approverKey(keyId)).toMatchObject({ revoked });
        await expect(store.enrolKey(key('dana'))).rejects.toThrow(coded('REQUEST_INVALID'));
        await expect(store.revokeKey(digestNo('nobody'), revoked)).rejects.toThrow(coded('NOT_FOUND'));
        expect(await store.approverKey(digestNo('nobody'))).toBeNull();
      });

      it('allow no change by a key that was revoked, or of a promotion that has ended', async () => {
        await store.ensureChannel(CHANNEL, TIME);
        await store.enrolKey(key('dana'));
        await store.enrolKey(key('erin'));
        for (const n of [1, 2]) {
          await store.openPromotion(promotionNo(n));
          await store.openIntent({ id: `promotion/p-${n}`, channel: CHANNEL, candidate: digestNo(`c ${n}`), expectedGeneration: 0, at: TIME });
        }
        await store.revokeKey(key('dana').keyId, { by: 'admin', at: TIME, reason: 'laptop lost' });
        const swapOf = (n: number, ...names: string[]) => store.swapChannel({ ...swap(0, digestNo(`c ${n}`)), intentId: `promotion/p-${n}`, approvedBy: names.map((name) => key(name).keyId) });
        await expect(swapOf(1, 'erin', 'dana')).rejects.toThrow(coded('APPROVAL_VOID'));
        await store.endPromotion('promotion/p-2', { as: 'superseded', reason: 'a newer one', at: TIME });
        await expect(swapOf(2, 'erin')).rejects.toThrow(coded('CHANNEL_CONFLICT'));
        expect(await store.channelHistory(CHANNEL)).toHaveLength(1);
        const entry = await swapOf(1, 'erin');
        expect(entry).toMatchObject({ generation: 1, live: digestNo('c 1') });
        expect(entry).not.toHaveProperty('approvedBy');
      });

      it('open a promotion once, name those that wait before it, and end it once', async () => {
        expect(await store.openPromotion(promotionNo(1))).toEqual({ promotion: promotionNo(1), older: [] });
        await store.openPromotion(promotionNo(2, { channel: 'other/production' }));
        const other = await open();
        expect((await other.openPromotion(promotionNo(3))).older).toEqual([promotionNo(1)]);
        expect(await store.openPromotion(promotionNo(1, { requestedBy: 'mallory' }))).toEqual({ promotion: promotionNo(1), older: [] });
        const ended = { as: 'superseded' as const, reason: 'a newer one', at: TIME };
        expect(await store.endPromotion('promotion/p-1', ended)).toEqual(promotionNo(1, { ended }));
        expect(await store.endPromotion('promotion/p-1', { ...ended, as: 'promoted' })).toMatchObject({ ended });
        expect(await other.waitingPromotion('promotion/p-1')).toMatchObject({ ended });
        expect((await store.openPromotion(promotionNo(3))).older).toEqual([]);
        const ids = async (query: object): Promise<string[]> => (await store.waitingPromotions({ limit: 10, ...query })).map(({ runId }) => runId);
        expect(await ids({})).toEqual(['p-3', 'p-2']);
        expect(await ids({ ended: true })).toEqual(['p-3', 'p-2', 'p-1']);
        expect(await ids({ channel: CHANNEL, ended: true })).toEqual(['p-3', 'p-1']);
        expect(await store.waitingPromotion('nobody')).toBeNull();
        await expect(store.endPromotion('nobody', ended)).rejects.toThrow(coded('NOT_FOUND'));
      });
    });

    describe('the watch', () => {
      const until = '2026-01-05T03:04:05.000Z';
      const record = (over: Partial<WatchRecord> = {}): WatchRecord => ({
        ...{ schemaVersion: 1, channel: CHANNEL, generation: 1, workload: 'tickets', live: digestNo('a'), holdback: null, policy: WatchPolicy.parse({ perCaller: 2 }) },
        ...{ classes: [...WATCHED_CLASSES], by: 'gate', startedAt: TIME, status: 'open', reason: null, endedAt: null, ...over },
      });
      const drawn = (n: number, arm: 'live' | 'holdback', fields: Partial<Interaction> = {}, failing = false) =>
        newInteraction(n, failing ? { findings: [schemaViolation] } : {}, { generation: 1, adapterDigest: arm === 'live' ? digestNo('a') : null, holdback: { arm, share: 0.1 }, ...fields });
      const keep = (...interactions: ReturnType<typeof drawn>[]) => store.storeBatch({ ...nothing, interactions });
      const countAll = async (limit = 100) => {
        while ((await store.countWatch(CHANNEL, 1, { limit, window: 3 })).read > 0);
        return (await store.watchCounts(CHANNEL, 1)).find((counts) => counts.class === 'schema_violation');
      };

      beforeEach(async () => {
        await store.ensureChannel(CHANNEL, TIME);
        await store.swapChannel({ channel: CHANNEL, expectedGeneration: 0, live: digestNo('a'), action: 'promoted', by: 'gate', reason: 'better', verdictDigest: digestNo('v'), approvalDigest: null, time: TIME });
      });

      it('sets a holdback on the live entry, changes it and keeps every change', async () => {
        const set = { channel: CHANNEL, generation: 1, digest: null, share: 0.1, until, by: 'gate', reason: 'after the promotion', time: TIME };
        const holdback = { digest: null, share: 0.1, until };
        expect(await store.setHoldback(set)).toMatchObject({ generation: 1, live: digestNo('a'), holdback });
        expect((await (await open()).channel(CHANNEL))?.holdback).toEqual(holdback);
        expect((await store.channels())[0]?.holdback).toEqual(holdback);
        await store.setHoldback({ ...set, share: 0.2, by: 'dana' });
        expect((await store.channelHistory(CHANNEL)).map((entry) => entry.holdback?.share)).toEqual([undefined, 0.2]);
        expect((await store.holdbacks(CHANNEL, 1)).map(({ by, share }) => [by, share])).toEqual([['gate', 0.1], ['dana', 0.2]]);
        await expect(store.setHoldback({ ...set, generation: 0 })).rejects.toThrow(coded('CHANNEL_CONFLICT'));
        await expect(store.setHoldback({ ...set, digest: digestNo('a') })).rejects.toThrow(coded('REQUEST_INVALID'));
        await expect(store.setHoldback({ ...set, digest: digestNo('other') })).rejects.toThrow(coded('REQUEST_INVALID'));
        await expect(store.setHoldback({ ...set, channel: 'other/production' })).rejects.toThrow(coded('NOT_FOUND'));
        await store.swapChannel({ channel: CHANNEL, expectedGeneration: 1, live: null, action: 'rolled_back', by: 'dana', reason: 'r', verdictDigest: null, approvalDigest: null, time: TIME });
        expect((await store.channel(CHANNEL))?.holdback).toBeUndefined();
      });

      it('counts each answer that was drawn once, whoever asks, and none from before it began', async () => {
        await keep(drawn(1, 'live', {}, true));
        expect(await store.openWatch(record())).toEqual(record());
        expect(await store.openWatch(record({ by: 'dana' }))).toMatchObject({ by: 'gate' });
        await keep(drawn(2, 'live', {}, true), drawn(3, 'live'), drawn(4, 'holdback'), newInteraction(5, { findings: [schemaViolation] }), drawn(6, 'live', { generation: 0 }, true), drawn(7, 'holdback', { finishReason: 'aborted' }));
        const other = await open();
        await Promise.all([store.countWatch(CHANNEL, 1, { limit: 2, window: 3 }), other.countWatch(CHANNEL, 1, { limit: 2, window: 3 })]);
        expect((await countAll(2))?.strata).toEqual([{ window: 3, share: 0.1, live: { answers: 2, failing: 1 }, holdback: { answers: 1, failing: 0 } }]);
        // The same records again change nothing.
        await keep(drawn(2, 'live', {}, true));
        expect((await countAll())?.strata[0]?.live.answers).toBe(2);
        await expect(store.countWatch(CHANNEL, 7, { limit: 1, window: 0 })).rejects.toThrow(coded('NOT_FOUND'));
      });

      it('counts a session once and a caller so often as the policy says, over batches; several tenants count as callers', async () => {
        await store.openWatch(record());
        await keep(drawn(1, 'live', { session: 's1' }, true), drawn(2, 'live', { session: 's1' }, true));
        await countAll();
        await keep(drawn(3, 'live', { session: 's1' }, true), drawn(4, 'live', { session: 's2', subject: 'kim' }));
        expect(await countAll()).toMatchObject({ strata: [{ live: { answers: 2, failing: 1 } }], callers: [{ caller: 'caller acme kim' }] });
        await keep(...[5, 6, 7, 8].map((n) => drawn(n, 'live', { subject: 'kim' }, true)), drawn(9, 'holdback', { tenant: 'other' }));
        const counts = await countAll();
        expect(counts?.strata).toEqual([{ window: 3, share: 0.1, live: { answers: 3, failing: 2 }, holdback: { answers: 1, failing: 0 } }]);
        expect(counts?.callers.map(({ caller }) => caller).toSorted()).toEqual(['caller acme kim', 'tenant acme', 'tenant other']);
        expect(counts?.callers.find(({ caller }) => caller === 'caller acme kim')?.strata).toMatchObject([{ live: { answers: 2, failing: 1 } }]);
      });

      it('keeps shares apart, and the sums after its end; the first end stays', async () => {
        await store.openWatch(record());
        await keep(drawn(1, 'live', { subject: 'kim' }), drawn(2, 'live', { holdback: { arm: 'live', share: 0.2 } }));
        expect((await countAll())?.strata.map(({ share }) => share).toSorted()).toEqual([0.1, 0.2]);
        expect(await store.noteWatch(CHANNEL, 1, 'one caller carries it')).toMatchObject({ status: 'open', reason: 'one caller carries it' });
        const end = { status: 'passed' as const, reason: 'nothing rose', endedAt: until };
        expect(await store.closeWatch(CHANNEL, 1, end)).toMatchObject(end);
        expect(await store.closeWatch(CHANNEL, 1, { status: 'ended', reason: 'by hand', endedAt: until })).toMatchObject(end);
        await keep(drawn(3, 'live'));
        await store.countWatch(CHANNEL, 1, { limit: 10, window: 3 });
        const counts = (await store.watchCounts(CHANNEL, 1))[0];
        expect(counts?.strata.reduce((sum, { live }) => sum + live.answers, 0)).toBe(2);
        expect(counts?.callers).toEqual([]);
        expect(await store.watches({ limit: 5 })).toEqual([expect.objectContaining(end)]);
        expect(await store.watches({ channel: 'other/production', limit: 5 })).toEqual([]);
        expect(await store.watch(CHANNEL, 0)).toBeNull();
      });
    });

    it('keeps every change of a schedule, in order, by workload', async () => {
      const change = (cron: string, workload = 'tickets'): ScheduleChange => ({ schemaVersion: 1, workload, set: Schedule.parse({ cron }), by: 'dana', reason: 'r', time: TIME });
      await store.setSchedule(change('0 1 * * *'));
      await store.setSchedule({ ...change('0 1 * * *'), set: null });
      await store.setSchedule(change('0 3 * * *', 'other'));
      expect((await (await open()).scheduleChanges('tickets')).map(({ set }) => set?.cron)).toEqual(['0 1 * * *', undefined]);
      expect(await store.scheduleChanges('nobody')).toEqual([]);
    });

    it("keeps callers' keys, and the first revocation of each", async () => {
      const key = { id: 'k_1', name: 'bot', hash: 'ab', tenant: 'acme', mayNameTenant: true, requestsPerMinute: 60, tokensPerMinute: null, createdAt: TIME, createdBy: 'dana', revokedAt: null, revokedBy: null };
      const second = { ...key, id: 'k_2', hash: 'cd', mayNameTenant: false, requestsPerMinute: null, tokensPerMinute: 9 };
      await store.addCallerKey(key);
      await store.addCallerKey(second);
      expect(await (await open()).callerKeys()).toEqual([key, second]);
      const revoked = { ...key, revokedAt: TIME, revokedBy: 'kim' };
      expect(await store.revokeCallerKey('k_1', 'kim', TIME)).toEqual(revoked);
      expect(await store.revokeCallerKey('k_1', 'lee', '2030-01-01T00:00:00.000Z')).toEqual(revoked);
      expect(await store.callerKeys()).toEqual([revoked, second]);
      await expect(store.revokeCallerKey('nobody', 'kim', TIME)).rejects.toThrow(coded('NOT_FOUND'));
    });
  });
}
