// A share of sessions on the former adapter, over HTTP, in front of a stub engine that says it is one.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { InteractionEvent, type ChannelEntry, type Digest } from '../../core/contracts/index.ts';
import { interactionFromEvent } from '../../core/events.ts';
import { startGateway, type Gateway } from '../../gateway/gateway.ts';
import { drawArm, holdbackKey } from '../../gateway/holdback.ts';
import { createVllmTarget } from '../../stores/vllm.ts';
import { ADAPTER_A, ADAPTER_B, STUB_BASE, captureLog, startStubEngine, type StubEngine } from '../support/stub-engine.ts';
import { until } from '../support/until.ts';

const CHANNEL = 'tickets/production';
const soon = (ms = 60_000): string => new Date(Date.now() + ms).toISOString();
const entryWith = (holdback: ChannelEntry['holdback'], generation = 2): ChannelEntry => ({
  ...{ schemaVersion: 1, channel: CHANNEL, generation, live: ADAPTER_B, previous: ADAPTER_A, action: 'promoted', by: 'gate', reason: 'better' },
  ...{ verdictDigest: null, approvalDigest: null, time: new Date(0).toISOString(), holdback },
});

describe('the draw', () => {
  const key = holdbackKey('k');
  const held = (share: number, unit: { tenant?: string; session?: string; interaction?: string }, generation = 2): boolean =>
    drawArm(entryWith({ digest: ADAPTER_A, share, until: soon() }, generation), { tenant: 'acme', session: undefined, interaction: 'i', ...unit }, key, () => true, Date.now()).mark?.arm === 'holdback';
  const sessions = Array.from({ length: 4_000 }, (_, n) => `s${n}`);

  test('holds back about the share, of sessions and of requests without one', () => {
    for (const share of [0.05, 0.1, 0.5]) {
      // Five standard errors.
      const slack = 5 * Math.sqrt((share * (1 - share)) / sessions.length);
      expect(Math.abs(sessions.filter((session) => held(share, { session })).length / sessions.length - share)).toBeLessThan(slack);
      expect(Math.abs(sessions.filter((interaction) => held(share, { interaction })).length / sessions.length - share)).toBeLessThan(slack);
    }
  });

  test('keeps a session on its arm, whatever its requests are called; a greater share keeps those held back', () => {
    for (const session of sessions.slice(0, 200)) {
      expect(held(0.2, { session, interaction: 'a' })).toBe(held(0.2, { session, interaction: 'b' }));
      if (held(0.1, { session })) expect(held(0.2, { session })).toBe(true);
    }
  });

  test('is another one for another tenant, another generation and another key', () => {
    const arms = (of: (session: string) => boolean): string => sessions.slice(0, 300).map((session) => Number(of(session))).join('');
    const here = arms((session) => held(0.3, { session }));
    expect(arms((session) => held(0.3, { session, tenant: 'other' }))).not.toBe(here);
    expect(arms((session) => held(0.3, { session }, 3))).not.toBe(here);
    expect(holdbackKey('other')).not.toBe(key);
  });

  test('leaves all to the live adapter when its time is over, and says nothing of a draw', () => {
    const entry = entryWith({ digest: ADAPTER_A, share: 0.5, until: soon(-1) });
    expect(drawArm(entry, { tenant: 'acme', session: 's1', interaction: 'i' }, key, () => true, Date.now())).toEqual({ mark: undefined, adapter: ADAPTER_B });
    expect(drawArm(entryWith(undefined), { tenant: 'acme', session: 's1', interaction: 'i' }, key, () => true, Date.now())).toEqual({ mark: undefined, adapter: ADAPTER_B });
  });

  test('the live adapter answers for a former one that is not served, and the mark stays', () => {
    const entry = entryWith({ digest: ADAPTER_A, share: 0.5, until: soon() });
    const session = sessions.find((one) => held(0.5, { session: one }));
    expect(drawArm(entry, { tenant: 'acme', session, interaction: 'i' }, key, () => false, Date.now())).toEqual({ mark: { arm: 'holdback', share: 0.5 }, adapter: ADAPTER_B });
  });
});

describe('through the gateway', () => {
  let engine: StubEngine;
  let gateway: Gateway;
  let entry: ChannelEntry;
  let events: InteractionEvent[];
  const load = (adapter: Digest): void => void engine.loaded.set(adapter, `/adapters/${adapter.slice(7)}`);
  const ask = async (session: string): Promise<{ adapter: string | null; arm: string | null; generation: string | null; text: string }> => {
    const headers = { 'content-type': 'application/json', 'x-ratchet-session': session };
    const response = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers, body: JSON.stringify({ model: CHANNEL, messages: [{ role: 'user', content: 'x' }] }) });
    expect(response.status).toBe(200);
    const body = (await response.json()) as { choices: [{ message: { content: string } }] };
    const header = (name: string): string | null => response.headers.get(`x-ratchet-${name}`);
    return { adapter: header('adapter'), arm: header('arm'), generation: header('generation'), text: body.choices[0].message.content };
  };

  beforeEach(async () => {
    engine = await startStubEngine();
    events = [];
    entry = entryWith({ digest: ADAPTER_A, share: 0.5, until: soon() });
    load(ADAPTER_B);
    const target = createVllmTarget({ replicas: [engine.url], apiKey: undefined, baseModel: STUB_BASE, maxLoraRank: 16, materialize: async (adapter) => `/adapters/${adapter.slice(7)}` });
    gateway = await startGateway({
      store: { channel: async () => entry, callerKeys: async () => [] }, target, logger: captureLog().logger, subjectKey: 'k', pollMs: 40,
      workloads: new Map([[CHANNEL, { workload: { name: 'tickets', channel: CHANNEL } }]]),
      publish: (event) => void events.push(event),
    });
  });
  afterEach(async () => {
    await gateway.close(500);
    await engine.close();
  });

  test('loads the former adapter where it is missing; a session stays on its arm, and header, answer and event say who answered', async () => {
    await until(() => expect([...engine.loaded.keys()].toSorted()).toEqual([ADAPTER_A, ADAPTER_B].toSorted()));
    // Some looks of the gateway later it knows.
    await sleep(1_000);
    const answers = await Promise.all(Array.from({ length: 40 }, (_, n) => ask(`s${n % 20}`)));
    const arms = new Map<string, string | null>();
    for (const [n, answer] of answers.entries()) {
      const session = `s${n % 20}`;
      expect(arms.get(session) ?? answer.arm).toBe(answer.arm);
      arms.set(session, answer.arm);
      const adapter = answer.arm === 'holdback' ? ADAPTER_A : ADAPTER_B;
      expect(answer).toMatchObject({ adapter, generation: '2', text: `stub answer ü of ${adapter}` });
    }
    expect(new Set(arms.values())).toEqual(new Set(['live', 'holdback']));
    await until(() => expect(events).toHaveLength(40));
    for (const event of events) {
      const interaction = interactionFromEvent(InteractionEvent.parse(event));
      expect(interaction).toMatchObject({ generation: 2, holdback: { share: 0.5 }, adapterDigest: interaction.holdback?.arm === 'holdback' ? ADAPTER_A : ADAPTER_B });
    }
  });

  test('sends nobody away while the former adapter cannot be loaded', async () => {
    await until(() => expect(engine.loaded.has(ADAPTER_A)).toBe(true));
    engine.refuseLoads = true;
    engine.loaded.delete(ADAPTER_A);
    await sleep(1_000);
    for (let n = 0; n < 20; n += 1) expect(await ask(`s${n}`)).toMatchObject({ adapter: ADAPTER_B });
    await until(() => expect(events).toHaveLength(20));
    expect(new Set(events.map((event) => event.data['ratchet.holdback']?.arm))).toEqual(new Set(['live', 'holdback']));
    expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
  });

  test('ends by its time', async () => {
    entry = entryWith({ digest: ADAPTER_A, share: 0.5, until: soon(-1) });
    await sleep(80);
    expect(await ask('s1')).toMatchObject({ adapter: ADAPTER_B, arm: null });
    await until(() => expect(events).toHaveLength(1));
    // As it travels: in JSON what is not set is left out.
    expect(JSON.stringify(events[0])).not.toContain('ratchet.holdback');
  });
});
