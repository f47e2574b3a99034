// Raw records become interactions, corrections or dead letters that name a place and never a value.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Workload } from '../../core/contracts/index.ts';
import { clusterIdOf, sideOf } from '../../core/curate/cluster.ts';
import { canonicalJson, digestOfJson } from '../../core/digest.ts';
import { RatchetError } from '../../core/errors.ts';
import { correctionEvent, interactionEvent, type InteractionFields } from '../../core/events.ts';
import { createIngest } from '../../intake/ingest.ts';
import { createJudge } from '../../intake/judge.ts';
import { ingestMetrics } from '../../intake/metrics.ts';
import { parseRecord } from '../../intake/parse.ts';
import type { RawRecord } from '../../intake/raw-records.ts';
import { isSettled, replayLetters, type ReplayedLetter } from '../../intake/replay.ts';
import { hmacOf } from '../../intake/sort.ts';
import type { InteractionSource, SourceBatch } from '../../intake/source.ts';
import { createRedactors } from '../../stores/redactors.ts';
import { openMetadataStore } from '../../stores/sqlite/index.ts';
import type { DeadLetterRow, MetadataStore, RecordPosition, Rejudged } from '../../stores/ports.ts';
import type { LoadedWorkload } from '../../stores/workloads.ts';
import { TIME, interactionNo } from '../contracts/records.ts';

const keys = { identity: 'i', split: 's', redaction: 'r', subject: 'p', keyId: 'k1' };
const limits = { maxBytes: 4096, maxDepth: 20 };
const outputSchema = { type: 'object', properties: { a: { type: 'number' }, email: { enum: ['jo@corp.example'] } } };
const workload = (over: object = {}): LoadedWorkload => ({
  workload: Workload.parse({ apiVersion: 'ratchet.dev/v1', name: 'tickets', channel: 'tickets/production', baseModel: 'base', ...over }),
  digest: digestOfJson(over),
  outputSchema,
  file: 'workload.yaml',
});

const eventNo = (n: number, over: Partial<InteractionFields> = {}) => interactionEvent({ ...interactionNo(n), answer: { text: '{"a":1}' }, ...over });
const encode = (value: unknown): Buffer => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const failure = (bytes: Uint8Array | null): RatchetError => {
  try {
    parseRecord(bytes, limits);
  } catch (error) {
    return error as RatchetError;
  }
  throw new Error('the record was accepted');
};

describe('parsing', () => {
  it('accepts both events and keeps what it does not know', () => {
    expect(parseRecord(encode(eventNo(1)), limits)).toEqual({ kind: 'interaction', event: eventNo(1) });
    const correction = { ...correctionEvent({ source: '/p', id: 'k', time: TIME, workload: 'tickets', interaction: { source: '/a', id: 'i' }, answer: '{}', author: 'dana', authority: 'person' }), extension: 1 };
    expect(parseRecord(encode(correction), limits)).toEqual({ kind: 'correction', event: correction });
  });

  it.each([
    ['nothing', null, 'RECORD_NOT_JSON', /empty/],
    ['text', 'SECRET', 'RECORD_NOT_JSON', /^not JSON/],
    ['half a document', '{"SECRET":', 'RECORD_NOT_JSON', /^not JSON/],
    ['bytes that are no text', Buffer.from([0x22, 0xff, 0x22]), 'RECORD_NOT_JSON', /UTF-8/],
    ['a list', '[]', 'RECORD_CONTRACT', /^\/ must be an object/],
    ['too many bytes', JSON.stringify({ a: 'SECRET'.repeat(1000) }), 'RECORD_TOO_BIG', /6008 bytes, at most 4096/],
    ['too much nesting', '['.repeat(21) + ']'.repeat(21), 'RECORD_TOO_DEEP', /byte 20/],
    ['brackets without end', '{"a":'.repeat(800), 'RECORD_TOO_DEEP', /byte 100/],
    ['an unknown type', { ...eventNo(1), type: 'com.SECRET' }, 'RECORD_CONTRACT', /^\/type/],
    ['a later event version', { ...eventNo(1), type: 'dev.ratchet.interaction.v2' }, 'RECORD_VERSION_UNKNOWN', /^\/type/],
    ['a later CloudEvents version', { ...eventNo(1), specversion: '2.0' }, 'RECORD_VERSION_UNKNOWN', /^\/specversion/],
    ['a later schema version', { ...eventNo(1), data: { ...eventNo(1).data, 'ratchet.schema_version': 2 } }, 'RECORD_VERSION_UNKNOWN', /schema_version/],
    ['a missing field', { ...eventNo(1), data: { ...eventNo(1).data, 'ratchet.tenant': undefined } }, 'RECORD_CONTRACT', /^\/data\/ratchet\.tenant invalid_type$/],
    ['a wrong field', { ...eventNo(1), data: { ...eventNo(1).data, 'ratchet.consent.basis': 'SECRET' } }, 'RECORD_CONTRACT', /^\/data\/ratchet\.consent\.basis invalid_value$/],
  ])('%s: the reason and the place, never the value', (_, record, code, place) => {
    const error = failure(record === null ? null : Buffer.isBuffer(record) ? record : encode(record));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(place);
    expect(error.message).not.toContain('SECRET');
    expect(error.cause).toBeUndefined();
  });

  it('does not count brackets inside of strings as nesting', () => {
    expect(parseRecord(encode(eventNo(1, { answer: { text: `\\"${'['.repeat(100)}` } })), limits).kind).toBe('interaction');
  });

  it('survives any bytes', () => {
    fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.json().map(encode)), (bytes) => {
      expect(failure(bytes).code).toMatch(/^RECORD_/);
    }));
  });

  it('mends half a character that a cut-off answer ends with', () => {
    const event = eventNo(1, { answer: { text: 'cut \ud83d' } });
    const parsed = parseRecord(encode(event), limits);
    expect(() => canonicalJson(parsed)).not.toThrow();
    expect(JSON.stringify(parsed)).toContain('cut \ufffd');
    expect(parseRecord(encode(eventNo(1, { answer: { text: 'whole 😀' } })), limits)).toEqual({ kind: 'interaction', event: eventNo(1, { answer: { text: 'whole 😀' } }) });
  });
});

describe('judging', () => {
  const raw = (text: string, over: object = {}) => ({ ...interactionNo(1), answer: { text }, messages: [{ role: 'user' as const, parts: [{ text: 'write to jo@corp.example, please', trusted: true }] }], ...over });

  it('keeps nothing raw: neither text, nor person, nor unknown attributes', () => {
    const { interaction } = createJudge(keys).interaction(
      raw('{"a":1,"note":"jo@corp.example"}', { subject: 'customer-4711', session: 'jo@corp.example', attributes: { 'acme.x': { 'jo@corp.example': ['jo@corp.example', 1] } } }),
      workload(),
    );
    const kept = JSON.stringify(interaction);
    expect(kept).not.toContain('jo@corp.example');
    expect(kept).not.toContain('customer-4711');
    expect(interaction.subject).toMatch(/^[0-9a-f]{64}$/);
    expect(interaction.redaction).toMatchObject({ changedVerdict: false });
    expect(interaction.redaction?.replaced).toBeGreaterThanOrEqual(2);
  });

  it('gives the same record for the same keys, and other surrogates to another tenant', () => {
    const judged = (judge = createJudge(keys), over = {}) => judge.interaction(raw('{"note":"jo@corp.example"}', over), workload());
    expect(judged()).toEqual(judged());
    expect(judged(createJudge(keys), { tenant: 'other' }).interaction.answer).not.toEqual(judged().interaction.answer);
    expect(judged().digest).toBe(digestOfJson(judged().interaction));
  });

  it('finds the failure and its class', () => {
    const { findings } = createJudge(keys).interaction(raw('{"a":'), workload());
    expect(findings.map((finding) => finding.class)).toEqual(['malformed_json']);
  });

  it('marks a record whose verdict redaction would change, and keeps the verdict on what was said', () => {
    const judged = createJudge(keys).interaction(raw('{"a":1,"email":"jo@corp.example"}'), workload());
    expect(judged.interaction.redaction?.changedVerdict).toBe(true);
    expect(judged.findings).toEqual([]);
  });

  it('takes side and case from the cluster and the keyed hash, not from the answer', () => {
    const evalOnly = workload({ collection: { evalShare: 1, caseShare: 1, labelShare: 1 } });
    const good = createJudge(keys).interaction(raw('{"a":1}'), evalOnly);
    const bad = createJudge(keys).interaction(raw('no'), evalOnly);
    expect(good.ledger).toEqual({ clusterId: clusterIdOf(good.interaction.messages), side: 'eval', clusterFunction: expect.any(String) as string, keyId: 'k1' });
    expect(bad.ledger).toEqual(good.ledger);
    expect(good.drawn).toMatchObject({ label: true, drawOrder: bad.drawn?.drawOrder });
    expect(createJudge(keys).interaction(raw('{"a":1}'), workload({ collection: { evalShare: 0 } })).drawn).toBeNull();
    expect(sideOf(good.ledger.clusterId, keys.split, 1)).toBe('eval');
  });

  it("redacts a correction with its tenant's surrogates, so that it fits its interaction", () => {
    const judge = createJudge(keys);
    const { interaction } = judge.interaction(raw('{"note":"jo@corp.example"}'), workload());
    const correction = { schemaVersion: 1 as const, source: '/p', id: 'k', time: TIME, workload: 'tickets', interaction: { source: '/a', id: 'i' }, answer: '{"note":"jo@corp.example"}', author: 'dana', authority: 'person' as const };
    expect(judge.correction(correction, 'acme', workload()).correction.answer).toBe(interaction.answer.text);
  });
});

describe('replaying dead letters', () => {
  const position = (n: number) => ({ topic: 't', partition: 0, offset: String(n) });
  const bytes = encode(eventNo(1));
  const row = (id: number, over: Partial<DeadLetterRow['letter']> = {}): DeadLetterRow => ({
    ...{ id, state: 'open', replays: 0, lastReplay: null },
    letter: { position: position(id), reason: 'RECORD_CONTRACT', detail: '/data/ratchet.workload', hmac: hmacOf(keys, bytes), at: TIME, ...over },
  });

  it('keeps what can be kept, and names each other letter with what became of its record', async () => {
    const raw: Record<string, RawRecord> = { 1: { bytes }, 2: { bytes: encode('SECRET') }, 3: { missing: 'expired' }, 4: { bytes: encode('no JSON SECRET') } };
    const kept: [number, Rejudged, string][] = [];
    const asked: RecordPosition[] = [];
    const outcomes: ReplayedLetter[] = [];
    const log = () => undefined;
    await replayLetters(
      {
        ...{ keys, workloads: new Map([['tickets', workload()]]), limits, logger: { warn: log }, clock: () => new Date(TIME), by: 'dana' },
        // The store is told how a correction and its interaction meet, as it is by ingest.
        store: { replayDeadLetter: async (id, rejudged, by, _at, meet) => (kept.push([id, rejudged, meet === undefined ? '' : by]), 'deadLetter' in rejudged ? 'dead_letter' : 'stored') },
        read: async (positions, handle) => {
          asked.push(...positions);
          for (const each of positions) await handle(each, raw[each.offset] ?? { missing: 'no_topic' });
        },
      },
      [row(1), row(2), row(3), row(4, { hmac: hmacOf(keys, encode('no JSON SECRET')) }), row(5), row(6, { position: { topic: '', partition: -1, offset: '' } }), row(7, { position: position(1), hmac: 'of a former topic' })],
      (letter) => outcomes.push(letter),
    );
    expect(Object.fromEntries(outcomes.map(({ id, outcome }) => [id, outcome]))).toEqual({ 1: 'stored', 2: 'changed', 3: 'expired', 4: 'dead_letter', 5: 'no_topic', 6: 'elsewhere', 7: 'changed' });
    expect(outcomes.find(({ id }) => id === 4)).toMatchObject({ reason: 'RECORD_NOT_JSON' });
    expect(kept.map(([id, , by]) => [id, by])).toEqual([[1, 'dana'], [4, 'dana']]);
    // Two letters of one place are read once.
    expect(asked.length).toBe(5);
    expect(outcomes.filter(({ outcome }) => isSettled(outcome)).map(({ id }) => id)).toEqual([1]);
    expect(JSON.stringify(outcomes)).not.toContain('SECRET');
  });
});

describe('a batch', () => {
  let dir: string;
  let store: MetadataStore;
  const warnings: unknown[] = [];
  const registry = new Registry();
  const metrics = ingestMetrics(registry);

  const ingest = (...batches: unknown[][]) => ingestInto(store, ...batches);
  /** Gives the batches to ingest as a broker would, once each. */
  const ingestInto = async (into: Pick<MetadataStore, 'storeBatch'>, ...batches: unknown[][]) => {
    const source: InteractionSource = {
      async run(handle) {
        let offset = 0;
        for (const values of batches) {
          const batch: SourceBatch = { topic: 't', partition: 3, records: values.map((value) => ({ position: { topic: 't', partition: 3, offset: String(offset++) }, bytes: value === null ? null : encode(value) })) };
          await handle(batch);
        }
      },
      state: () => ({ state: 'reading', reason: '' }),
      close: async () => undefined,
    };
    const log = (...line: unknown[]) => void warnings.push(line);
    await createIngest({ store: into, source, keys, workloads: new Map([['tickets', workload()]]), limits, logger: { info: log, warn: log }, metrics, clock: () => new Date(TIME) }).run();
  };

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ratchet-intake-'));
    store = await openMetadataStore(join(dir, 'ratchet.db'));
    warnings.length = 0;
  });
  afterEach(async () => {
    await store.close();
    await rm(dir, { recursive: true });
  });

  it('keeps the good and sets the bad aside, each with its place', async () => {
    await ingest([
      eventNo(1),
      'no JSON SECRET',
      eventNo(2, { answer: { text: 'SECRET' } }),
      { ...eventNo(3), data: { ...eventNo(3).data, 'ratchet.workload': 'unknown' } },
      null,
      { ...eventNo(1), time: '2027-01-01T00:00:00.000Z' },
      eventNo(1),
    ]);
    expect(await store.counts('tickets')).toMatchObject({ interactions: 2, failing: 1, deadLetters: 4, byClass: { malformed_json: 1 } });
    const letters = await store.deadLetters({ limit: 10 });
    expect(letters.map(({ letter }) => [letter.position.offset, letter.reason, letter.detail.split(' ')[0]])).toEqual([
      ['5', 'IDENTITY_CONFLICT', '/id'],
      ['1', 'RECORD_NOT_JSON', 'not'],
      ['3', 'RECORD_CONTRACT', '/data/ratchet.workload'],
      ['4', 'RECORD_NOT_JSON', 'empty'],
    ]);
    expect(JSON.stringify([letters, warnings])).not.toContain('SECRET');
    const text = await registry.metrics();
    expect(text).toContain('ratchet_ingest_records_total{topic="t",result="stored"} 2');
    expect(text).toContain('ratchet_ingest_dead_letters_total{reason="IDENTITY_CONFLICT"} 1');
    expect(text).toContain('ratchet_ingest_failures_total{workload="tickets",class="malformed_json"} 1');
  });

  it('draws the same cases whatever was answered, and keeps passing answers for replay', async () => {
    const asked = (n: number) => ({ messages: [{ role: 'user' as const, parts: [{ text: `tell me about ${'abcdefghij'[n % 10]}${'klmnop'[n % 6]} apples`, trusted: true }] }] });
    const drawn = async (answer: string) => {
      const other = await openMetadataStore(join(dir, `${answer.length}.db`));
      await ingestInto(other, Array.from({ length: 60 }, (_, n) => eventNo(n, { ...asked(n), answer: { text: answer } })));
      const { failing } = await other.counts('tickets');
      const cases = (await other.cases('tickets')).map(({ drawOrder, case: { clusterId }, label }) => ({ drawOrder, clusterId, label }));
      const { interactions } = await other.digestsUpTo('tickets', await other.watermark('tickets'));
      const passing = (await other.interactions(interactions)).filter(({ findings }) => findings.length === 0).length;
      await other.close();
      return { failing, cases, passing };
    };
    const [good, bad] = [await drawn('{"a":1}'), await drawn('no')];
    expect([good.failing, good.passing, bad.failing, bad.passing]).toEqual([0, 60, 60, 0]);
    expect(good.cases.length).toBeGreaterThan(3);
    expect(bad.cases).toEqual(good.cases);
  });

  it('finds the one record that the store cannot take, and sets only that aside', async () => {
    const refusing: Pick<MetadataStore, 'storeBatch'> = {
      storeBatch: async (batch) => {
        if (batch.interactions.some(({ interaction }) => interaction.id === 'i-2')) throw new Error('SECRET');
        return store.storeBatch(batch);
      },
    };
    await ingestInto(refusing, [eventNo(1), eventNo(2), eventNo(3)]);
    expect(await store.counts('tickets')).toMatchObject({ interactions: 2, deadLetters: 1 });
    expect((await store.deadLetters({ limit: 2 })).map(({ letter }) => [letter.position.offset, letter.reason, letter.detail])).toEqual([['1', 'INTERNAL', 'Error']]);
    expect(JSON.stringify(warnings)).not.toContain('SECRET');
  });

  it.each([
    ['cannot work now', new RatchetError('STORE_UNAVAILABLE', 'full')],
    ['takes none of them', new Error('no such table')],
  ])('leaves a batch to the source when the store %s', async (_, error) => {
    const broken: Pick<MetadataStore, 'storeBatch'> = { storeBatch: () => Promise.reject(error) };
    await expect(ingestInto(broken, [eventNo(1), 'no JSON'])).rejects.toBe(error);
    expect(await store.counts('tickets')).toMatchObject({ interactions: 0, deadLetters: 0 });
  });

  it.each(['the interaction first', 'the correction first', 'both at once'])('keeps no number of a correction that only its interaction gives away: %s', async (order) => {
    const said = [{ role: 'user' as const, parts: [{ text: 'My telephone number is 5551234567', trusted: true }] }];
    const interaction = interactionEvent({ ...interactionNo(1), messages: said, answer: { text: 'no' } });
    const correction = correctionEvent({ source: '/people', id: 'k-1', time: TIME, workload: 'tickets', interaction: { source: interaction.source, id: 'i-1' }, answer: '{"a":"5551234567"}', author: 'dana', authority: 'person', tenant: interactionNo(1).tenant });
    if (order === 'both at once') await ingest([correction, interaction]);
    else await ingest(...(order === 'the interaction first' ? [[interaction], [correction]] : [[correction], [interaction]]));
    const stored = await store.interactionByRef({ source: interaction.source, id: 'i-1' });
    const surrogate = /\d{10}/.exec(stored?.interaction.messages[0]?.parts[0]?.text ?? '')?.[0];
    expect(surrogate).not.toBe('5551234567');
    const { corrections } = await store.digestsUpTo('tickets', await store.watermark('tickets'));
    const [kept] = await store.corrections(corrections);
    expect(kept?.correction.answer).toBe(`{"a":"${surrogate}"}`);
    // Curation meets them once more, and finds nothing to change.
    const { tenant, redaction } = stored!.interaction;
    expect(createRedactors(keys)(tenant, false).redactAnswer(kept!.correction.answer, redaction?.values ?? [])).toBe(kept!.correction.answer);
    await ingest([correction, interaction]);
    expect(await store.counts('tickets')).toMatchObject({ interactions: 1, corrections: 1, parkedCorrections: 0, deadLetters: 0 });
  });

  it('takes a correction before its interaction', async () => {
    const correction = correctionEvent({ source: '/people', id: 'k-1', time: TIME, workload: 'tickets', interaction: { source: eventNo(1).source, id: 'i-1' }, answer: '{"a":2}', author: 'dana', authority: 'person', tenant: 'acme' });
    await ingest([correction]);
    expect(await store.counts('tickets')).toMatchObject({ parkedCorrections: 1 });
    await ingest([eventNo(1, { answer: { text: 'no' } })]);
    expect(await store.counts('tickets')).toMatchObject({ corrections: 1, parkedCorrections: 0 });
    expect((await store.failures({ limit: 1 }))[0]?.corrected).toBe(true);
  });
});
