// The HTTP door: who may enter, what is taken, what is said when something is not, and when 202 is said.
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { once } from 'node:events';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { RatchetError } from '../../core/errors.ts';
import { correctionEvent, interactionEvent } from '../../core/events.ts';
import { startDoor, type Door, type DoorOptions } from '../../intake/http/door.ts';
import { doorMetrics } from '../../intake/http/metrics.ts';
import type { SinkRecord } from '../../intake/produce.ts';
import { TIME, interactionNo } from '../contracts/records.ts';

const TOKEN = 'a-token-of-some-length';
const event = interactionEvent(interactionNo(1));
const eventNo = (n: number, over: object = {}) => ({ ...interactionEvent(interactionNo(n)), ...over });
const correction = correctionEvent({ source: '/p', id: 'k', time: TIME, workload: 'tickets', interaction: { source: '/a', id: 'i' }, answer: '{}', author: 'dana', authority: 'person' });

let door: Door | undefined;
afterEach(async () => {
  await door?.close();
  door = undefined;
});
const registry = new Registry();
const metrics = doorMetrics(registry);
const logged: string[] = [];

async function open(over: Partial<DoorOptions> = {}) {
  const sent: SinkRecord[] = [];
  const log = (...line: unknown[]) => void logged.push(JSON.stringify(line));
  const sink = { send: async (records: readonly SinkRecord[]) => void sent.push(...records) };
  door = await startDoor({
    ...{ host: '127.0.0.1', port: 0, tokens: [TOKEN], environment: 'production', tls: { mayBePlain: true }, maxBodyBytes: 50_000, sink, metrics, logger: { info: log, warn: log, error: log } },
    accept: { limits: { maxBytes: 5_000, maxDepth: 20 }, topics: { interactions: 'ti', corrections: 'tc' }, workloads: new Set(['tickets']) },
    ...over,
  });
  const { url } = door;
  const post = async (path: string, body: unknown, headers: Record<string, string | undefined> = {}) => {
    const all = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/cloudevents+json', ...headers };
    const response = await fetch(url + path, { method: 'POST', body: typeof body === 'string' || Buffer.isBuffer(body) ? (body as string) : JSON.stringify(body), headers: Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined) });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: JSON.parse(text) as { accepted?: number; refused?: number; error?: { code: string; message: string; next: string }; results?: { index: number; status: number; error?: { code: string; message: string } }[] } };
  };
  const batch = (events: unknown, headers = {}) => post('/v1/interactions', events, { 'content-type': 'application/cloudevents-batch+json', ...headers });
  return { url, sent, post, batch };
}

describe('who may enter', () => {
  it('refuses to start without a token, unless on loopback in development', async () => {
    for (const over of [{ environment: 'production' as const }, { environment: 'development' as const, host: '0.0.0.0' }]) await expect(open({ tokens: [], ...over })).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('API_TOKEN') as string });
    const { post } = await open({ tokens: [], environment: 'development' });
    expect((await post('/v1/interactions', event, { authorization: undefined })).status).toBe(202);
    expect((await post('/v1/interactions', event, { authorization: undefined, origin: 'https://page.example' })).status).toBe(401);
  });

  it('takes each of its tokens and no other, before it reads the body', async () => {
    const { post, sent } = await open({ tokens: [TOKEN, 'the-next-token-here'] });
    for (const authorization of [undefined, '', 'Bearer', 'Bearer ', `Basic ${TOKEN}`, TOKEN, `Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`, 'Bearer the-next']) {
      const { status, headers, body } = await post('/v1/interactions', 'x'.repeat(60_000), { authorization });
      expect([authorization, status, headers.get('www-authenticate'), body.error?.code]).toEqual([authorization, 401, 'Bearer', 'UNAUTHORIZED']);
    }
    expect(sent).toEqual([]);
    for (const authorization of [`bearer ${TOKEN}`, 'Bearer the-next-token-here']) expect((await post('/v1/interactions', event, { authorization })).status).toBe(202);
  });
});

describe('one event', () => {
  it('goes to its topic as canonical JSON, the same bytes whoever wrote it', async () => {
    const { post, sent } = await open();
    expect(await post('/v1/interactions', event)).toMatchObject({ status: 202, body: { accepted: 1, refused: 0 } });
    const reordered = Object.fromEntries(Object.entries(event).reverse());
    expect((await post('/v1/interactions', JSON.stringify(reordered, null, 4), { 'content-type': 'application/json; charset="UTF-8"' })).status).toBe(202);
    expect((await post('/v1/corrections', correction)).status).toBe(202);
    expect(sent.map(({ topic, key }) => [topic, key])).toEqual([['ti', 'i-1'], ['ti', 'i-1'], ['tc', 'k']]);
    expect(sent[1]?.value.equals(sent[0]?.value as Buffer)).toBe(true);
    expect(JSON.parse(sent[0]?.value.toString() ?? '')).toEqual(event);
  });

  it.each([
    ['no JSON', '{"SECRET', 400, 'RECORD_NOT_JSON', /^not JSON/],
    ['nothing', '', 400, 'RECORD_NOT_JSON', /empty/],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 400, 'RECORD_NOT_JSON', /UTF-8/],
    ['a list', [event], 400, 'RECORD_CONTRACT', /^\/ must be an object/],
    ['a missing field', { ...event, id: undefined }, 400, 'RECORD_CONTRACT', /^\/id/],
    ['a wrong field', { ...event, data: { ...event.data, 'ratchet.consent.basis': 'SECRET' } }, 400, 'RECORD_CONTRACT', /^\/data\/ratchet\.consent\.basis/],
    ['a role that ingest would refuse', { ...event, data: { ...event.data, 'gen_ai.input.messages': [{ role: 'SECRET', parts: [] }] } }, 400, 'RECORD_CONTRACT', /^\/data\/gen_ai\.input\.messages\/0\/role/],
    ['another installation', { ...event, data: { ...event.data, 'ratchet.workload': 'secret' } }, 400, 'RECORD_CONTRACT', /^\/data\/ratchet\.workload names no workload/],
    ['a later version', { ...event, type: 'dev.ratchet.interaction.v2' }, 400, 'RECORD_VERSION_UNKNOWN', /^\/type/],
    ['a correction', correction, 400, 'RECORD_CONTRACT', /^\/type is taken at \/v1\/corrections/],
    ['a number that JSON cannot carry', JSON.stringify(event).replace('"data":{', '"data":{"x":1e999,'), 400, 'RECORD_CONTRACT', /canonical JSON/],
    ['too much nesting', `${'{"SECRET":'.repeat(25)}1${'}'.repeat(25)}`, 400, 'RECORD_TOO_DEEP', /byte \d+/],
    ['a big record', { ...event, padding: 'SECRET'.repeat(1_000) }, 413, 'RECORD_TOO_BIG', /at most 5000/],
    ['a big body', 'SECRET'.repeat(10_000), 413, 'RECORD_TOO_BIG', /API_MAX_BODY_BYTES/],
  ])('%s is refused with its place and never its value', async (_, body, status, code, place) => {
    const { post, sent } = await open();
    const answer = await post('/v1/interactions', body);
    expect([answer.status, answer.body.error?.code]).toEqual([status, code]);
    expect(answer.body.error?.message).toMatch(place);
    expect(answer.body.error?.next).toBeTruthy();
    expect(answer.text.toLowerCase()).not.toContain('secret');
    expect(sent).toEqual([]);
    expect(logged.join('').toLowerCase()).not.toContain('secret');
  });

  it('refuses other paths, methods, types and encodings', async () => {
    const { post, url } = await open();
    expect((await post('/v1/other', event)).status).toBe(404);
    const got = await fetch(`${url}/v1/interactions`);
    expect([got.status, got.headers.get('allow')]).toEqual([405, 'POST']);
    for (const headers of [{ 'content-type': 'text/plain' }, { 'content-type': undefined }, { 'content-type': 'application/json; charset=latin1' }, { 'content-encoding': 'gzip' }]) expect((await post('/v1/interactions', event, headers)).status).toBe(415);
  });

  it('counts a body without a length, and survives a sender that goes away', async () => {
    const { url, post } = await open();
    const req = httpRequest(`${url}/v1/interactions`, { method: 'POST', headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' } });
    const answered = once(req, 'response') as Promise<[import('node:http').IncomingMessage]>;
    for (let n = 0; n < 10; n += 1) req.write('x'.repeat(10_000));
    req.end();
    expect((await answered)[0].statusCode).toBe(413);
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write(`POST /v1/interactions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"half`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    expect((await post('/v1/interactions', event)).status).toBe(202);
  });
});

describe('a batch', () => {
  it('takes what is right and says of each other why not', async () => {
    const { batch, sent } = await open();
    const { status, body, text } = await batch([eventNo(1), { ...eventNo(2), time: 'SECRET' }, 'SECRET', correction, eventNo(3)]);
    expect([status, body.accepted, body.refused]).toEqual([207, 2, 3]);
    expect(body.results).toMatchObject([{ index: 0, status: 202 }, { index: 1, status: 400, error: { code: 'RECORD_CONTRACT', message: expect.stringMatching(/^\/time/) as string } }, { index: 2, status: 400 }, { index: 3, status: 400 }, { index: 4, status: 202 }]);
    expect(text).not.toContain('SECRET');
    expect(sent.map(({ key }) => key)).toEqual(['i-1', 'i-3']);
    expect(await batch([eventNo(1)])).toMatchObject({ status: 202, body: { accepted: 1, refused: 0 } });
    expect(await batch([{}])).toMatchObject({ status: 400, body: { accepted: 0, refused: 1 } });
    expect(await batch([])).toMatchObject({ status: 202, body: { accepted: 0 } });
    expect(sent[0]?.value.equals(sent[2]?.value as Buffer)).toBe(true);
  });

  it('is refused as a whole when it is no list, too long or too deep', async () => {
    const { batch } = await open();
    expect((await batch(event)).body.error).toMatchObject({ code: 'RECORD_CONTRACT', message: '/ must be an array of events' });
    expect(await batch(`[${'0,'.repeat(1_000)}0]`)).toMatchObject({ status: 413 });
    expect((await batch('['.repeat(40_000))).body.error?.code).toBe('RECORD_TOO_DEEP');
  });
});

describe('when Kafka is away', () => {
  it('answers 503 with a time to come back, and 202 only after Kafka has the record', async () => {
    let end: { resolve: () => void; reject: (error: unknown) => void } | undefined;
    const { post } = await open({ sink: { send: () => new Promise<void>((resolve, reject) => (end = { resolve, reject })) } });
    let isAnswered = false;
    const first = post('/v1/interactions', event).finally(() => (isAnswered = true));
    while (end === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(isAnswered).toBe(false);
    end.resolve();
    expect((await first).status).toBe(202);
    end = undefined;
    const second = post('/v1/interactions', event);
    while ((end as unknown) === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
    (end as unknown as { reject: (error: unknown) => void }).reject(new RatchetError('KAFKA_UNAVAILABLE', 'the record is not known to be in Kafka (KafkaJSConnectionError)'));
    const { status, headers, body } = await second;
    expect([status, headers.get('retry-after'), body.error?.code]).toEqual([503, '5', 'KAFKA_UNAVAILABLE']);
  });

  it('lets a request under way end before it closes', async () => {
    let finish: (() => void) | undefined;
    const { post } = await open({ sink: { send: () => new Promise<void>((resolve) => (finish = resolve)) } });
    const answered = post('/v1/interactions', event);
    while (finish === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
    const closed = door?.close();
    finish();
    expect((await answered).status).toBe(202);
    await closed;
    door = undefined;
  });

  it('counts requests and records', async () => {
    const text = await registry.metrics();
    expect(text).toMatch(/ratchet_door_requests_total\{path="\/v1\/interactions",status="202"\} \d+/);
    expect(text).toMatch(/ratchet_door_requests_total\{path="other",status="404"\} 1/);
    expect(text).toMatch(/ratchet_door_records_total\{kind="interaction",result="RECORD_CONTRACT"\} \d+/);
  });
});
