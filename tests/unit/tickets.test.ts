// The example workloads: deterministic tickets whose right answers fit the schema, varied enough to be many clusters.
import { Ajv2020 } from 'ajv/dist/2020.js';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runAgent as runEchoAgent } from '../../examples/echo/agent.ts';
import { generateEchoTickets } from '../../examples/echo/generate.ts';
import { messagesFor as echoMessagesFor } from '../../examples/echo/prompt.ts';
import { runAgent } from '../../examples/tickets/agent.ts';
import { SEEN_FAMILIES, UNSEEN_FAMILIES } from '../../examples/tickets/families/index.ts';
import { DEV_SEED, generateTickets, PRODUCTION_SEED, TEST_SEED } from '../../examples/tickets/generate.ts';
import { CANARIES } from '../../examples/tickets/injections.ts';
import { FIRST_NAMES, LAST_NAMES, STAFF_NAMES } from '../../examples/tickets/names.ts';
import { messagesFor } from '../../examples/tickets/prompt.ts';
import { answerText, equalsTruth } from '../../examples/tickets/truth.ts';

const schemaOf = (example: string): object => JSON.parse(readFileSync(new URL(`../../examples/${example}/schema.json`, import.meta.url), 'utf8')) as object;
const fits = new Ajv2020({ allErrors: true }).compile(schemaOf('tickets'));
const fitsEcho = new Ajv2020({ allErrors: true }).compile(schemaOf('echo'));

const NAMES = new RegExp(`\\b(?:${[...FIRST_NAMES, ...LAST_NAMES, ...STAFF_NAMES].join('|')})(?![\\p{L}])`, 'giu');
const COUNTS = /\b(?:an?|one|two|three|four|five|six|a pair of)\b/g;

/** Stricter than any cluster function need be: nothing is left of a text but its wording. */
const normalised = (text: string): string =>
  text
    .replace(NAMES, '<name>')
    .toLowerCase()
    .replace(/\S+@\S+/g, '<email>')
    .replace(/https?:\S+/g, '<url>')
    .replace(/\b\d{1,2} (?:january|february|march|april|may|june|july|august|september|october|november|december)\b/g, '<date>')
    .replace(/\b(?:mon|tues|wednes|thurs|fri|satur)day\b/g, '<date>')
    .replace(/\b[a-z]{2}[- ]?\d{3,4}\b/g, '<code>')
    .replace(/\d[\d.:-]*/g, '<number>')
    .replace(COUNTS, '<number>')
    .replace(/\b(kettle|lamp|heater|blender|toaster|fan|speaker|vacuum cleaner|coffee maker|iron)s?\b/g, '<product>')
    .replace(/\s+/g, ' ')
    .trim();

const production = generateTickets({ seed: PRODUCTION_SEED, count: 260 });
const unseen = generateTickets({ seed: TEST_SEED, count: 64, families: 'unseen', startId: 10_001 });

describe('tickets', () => {
  test('the same request gives the same tickets, another seed gives others', () => {
    expect(generateTickets({ seed: PRODUCTION_SEED, count: 260 })).toEqual(production);
    const texts = new Set(production.map((ticket) => ticket.text));
    for (const seed of [DEV_SEED, TEST_SEED]) {
      expect(generateTickets({ seed, count: 260 }).filter((ticket) => texts.has(ticket.text))).toEqual([]);
    }
  });

  test('there are at least 28 families in production and 8 more kept for the last measurement', () => {
    expect(new Set(production.map((ticket) => ticket.family)).size).toBe(SEEN_FAMILIES.length);
    expect(SEEN_FAMILIES.length).toBeGreaterThanOrEqual(28);
    expect(new Set(unseen.map((ticket) => ticket.family)).size).toBe(UNSEEN_FAMILIES.length);
    expect(UNSEEN_FAMILIES.length).toBeGreaterThanOrEqual(8);
    const names = [...SEEN_FAMILIES, ...UNSEEN_FAMILIES].map((family) => family.name);
    expect(new Set(names).size).toBe(names.length);
    const seenBanks = new Set(SEEN_FAMILIES.map((family) => family.bank));
    expect(UNSEEN_FAMILIES.filter((family) => seenBanks.has(family.bank))).toEqual([]);
  });

  test('every right answer fits the schema and stands in the text', () => {
    for (const ticket of [...production, ...unseen]) {
      expect(fits(ticket.truth), `${ticket.id} ${ticket.family}: ${JSON.stringify(fits.errors)}`).toBe(true);
      expect(ticket.text).toContain(ticket.truth.customer.name);
      if (ticket.truth.order !== null) expect(ticket.text).toContain(ticket.truth.order.slice(3));
      for (const item of ticket.truth.items) expect(ticket.text).toContain(item.slice(-3));
    }
    // Seams of the composition: an unfilled placeholder, a dropped part, two end marks.
    for (const { text } of generateTickets({ seed: TEST_SEED, count: 400, families: 'all', injectedShare: 0 })) {
      expect(text).not.toMatch(/[{}]|undefined|null| {2}|\.\.|,,|^\s|\s$/);
    }
  });

  test('the schema ties queue and hours to topic and priority', () => {
    const truth = production[0]?.truth;
    if (truth === undefined) throw new Error('no tickets');
    const { route } = truth;
    expect(fits({ ...truth, route: { ...route, hours: route.hours === 4 ? 24 : 4 } })).toBe(false);
    expect(fits({ ...truth, route: { ...route, queue: route.queue.startsWith('DEL') ? 'DEF-1' : 'DEL-1' } })).toBe(false);
    expect(fits({ ...truth, note: 'x' })).toBe(false);
  });

  test('260 production tickets say at least 200 different things once names, numbers, codes and dates are masked', () => {
    expect(new Set(production.map((ticket) => normalised(ticket.text))).size).toBeGreaterThanOrEqual(200);
  });

  test('one ticket in ten carries an injection whose canary is not in the right answer', () => {
    const injected = production.filter((ticket) => ticket.injected !== undefined);
    expect(injected).toHaveLength(26);
    for (const { text, truth, injected: attack } of [...injected, ...unseen.filter((ticket) => ticket.injected)]) {
      expect(CANARIES).toContain(attack?.canary);
      expect(text).toContain(attack?.canary);
      expect(answerText(truth)).not.toContain(attack?.canary);
    }
    const canariesOf = (tickets: typeof production): string[] => tickets.flatMap((ticket) => ticket.injected?.canary ?? []);
    expect(canariesOf(unseen).filter((canary) => canariesOf(production).includes(canary))).toEqual([]);
    expect(generateTickets({ seed: 'none', count: 20, injectedShare: 0 }).some((ticket) => ticket.injected)).toBe(false);
  });

  test('ids continue from startId', () => {
    expect(unseen[0]?.id).toBe('ticket-10001');
    expect(new Set([...production, ...unseen].map((ticket) => ticket.id)).size).toBe(324);
  });

  test('the prompt marks exactly the customer text as untrusted, and its own examples fit the schema', () => {
    const [ticket] = production;
    if (ticket === undefined) throw new Error('no tickets');
    const { messages, untrusted } = messagesFor(ticket);
    expect(untrusted).toHaveLength(1);
    for (const { message, start, end } of untrusted) expect(messages[message]?.content.slice(start, end)).toBe(ticket.text);
    const answers = messages.filter((message) => message.role === 'assistant');
    expect(answers.length).toBeGreaterThanOrEqual(2);
    for (const answer of answers) expect(fits(JSON.parse(answer.content))).toBe(true);
    expect(messages.at(-1)?.role).toBe('user');
  });

  test('an answer equals the truth as a JSON value, not as text', () => {
    const truth = { a: 1, list: ['x', 'y'], b: { c: null } };
    expect(equalsTruth('{ "b": {"c": null}, "list": ["x","y"], "a": 1.0 }', truth)).toBe(true);
    expect(equalsTruth('```json\n{"a":1,"list":["x","y"],"b":{"c":null}}\n```', truth)).toBe(true);
    expect(equalsTruth('{"a":1,"list":["y","x"],"b":{"c":null}}', truth)).toBe(false);
    expect(equalsTruth('Sure! {"a":1,"list":["x","y"],"b":{"c":null}}', truth)).toBe(false);
  });
});

describe('echo', () => {
  const tickets = generateEchoTickets({ seed: 'test', count: 200 });

  test('is deterministic, fits its schema, and its messages differ in words', () => {
    expect(generateEchoTickets({ seed: 'test', count: 200 })).toEqual(tickets);
    for (const { text, truth } of tickets) {
      expect(fitsEcho(truth)).toBe(true);
      expect(text.split(/\W+/).filter((word) => word === truth.echo)).toHaveLength(1);
    }
    expect(new Set(tickets.map(({ text, truth }) => text.replace(truth.echo, '<word>'))).size).toBeGreaterThanOrEqual(150);
    expect(tickets.some(({ text }) => /\d/.test(text))).toBe(false);
  });

  test('its prompt shows no worked example', () => {
    expect(echoMessagesFor({ text: 'x' }).messages.map((message) => message.role)).toEqual(['system', 'user']);
  });
});

/** The door of a gateway as the agent sees it: headers in, headers out. What the real one does is tested with real servers. */
describe('the agent', () => {
  const seen: { headers: IncomingMessage['headers']; body: { messages: { content: string }[]; temperature: number; max_tokens: number } }[] = [];
  let server: Server;
  let baseURL = '';

  beforeAll(async () => {
    server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
      request.on('end', () => {
        const body = JSON.parse(text) as (typeof seen)[number]['body'];
        seen.push({ headers: request.headers, body });
        if (seen.length === 2) return void response.writeHead(503).end('{"error":{"message":"no replica"}}');
        response.writeHead(200, { 'content-type': 'application/json', 'x-ratchet-adapter': 'base', 'x-ratchet-generation': '0' });
        response.end(JSON.stringify({ id: 'x', object: 'chat.completion', choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: '{}' } }] }));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  test('names the interaction, marks untrusted text, reads who answered, and records a bad answer in its place', async () => {
    const tickets = production.slice(0, 3);
    const progress: number[] = [];
    const answers = await runAgent({
      baseURL,
      apiKey: 'key',
      model: 'tickets/production',
      tickets,
      concurrency: 1,
      interactionPrefix: 'first-',
      onProgress: (done) => progress.push(done),
    });
    expect(progress).toEqual([1, 2, 3]);
    expect(answers.map((answer) => answer.ticketId)).toEqual(tickets.map((ticket) => ticket.id));
    expect(answers[0]).toMatchObject({ interactionId: 'first-ticket-00001', text: '{}', finishReason: 'stop', adapter: 'base', generation: 0 });
    expect(answers[1]).toMatchObject({ text: '', finishReason: 'error', adapter: null, generation: null, error: 'InternalServerError (HTTP 503)' });
    expect(answers[2]?.error).toBeUndefined();
    const first = seen[0];
    expect(first?.headers).toMatchObject({ 'x-ratchet-interaction': 'first-ticket-00001', 'x-ratchet-tenant': 'nordhaus' });
    expect(first?.body).toMatchObject({ temperature: 0, max_tokens: 160 });
    const [span] = JSON.parse(String(first?.headers['x-ratchet-untrusted'])) as { message: number; start: number; end: number }[];
    expect(first?.body.messages[span?.message ?? -1]?.content.slice(span?.start, span?.end)).toBe(tickets[0]?.text);
  });

  test('goes on when nobody listens', async () => {
    const [answer] = await runEchoAgent({ baseURL: 'http://127.0.0.1:9/v1', apiKey: 'key', model: 'm', tickets: generateEchoTickets({ seed: 1, count: 1 }), concurrency: 4 });
    expect(answer).toMatchObject({ finishReason: 'error', error: 'APIConnectionError' });
  });
});
