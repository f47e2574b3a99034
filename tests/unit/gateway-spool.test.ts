// What waits on disk for Kafka: sealed, in order, within its bound, whole but for a torn end, and never held by two.
import { appendFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { tryLock } from '../../gateway/publish/lock.ts';
import type { LostReason, Message } from '../../gateway/publish/message.ts';
import { createOutbox, type OutboxOptions } from '../../gateway/publish/outbox.ts';
import { createSegment, readSegment } from '../../gateway/publish/segment.ts';
import { openSpool, type Spool } from '../../gateway/publish/spool.ts';
import { spoolKey } from '../../stores/keys.ts';
import { until } from '../support/until.ts';

const KEY = spoolKey({ identity: 'ab'.repeat(32) });
const SECRET = 'SEEDED-SECRET-4711';
let root: string;
const opened: { close(): unknown }[] = [];
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'ratchet-spool-'))));
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
  rmSync(root, { recursive: true, force: true });
});

const message = (n: number, value = `${SECRET} ü ${n}`): Message => ({ key: `k${n}`, value });
const messages = (from: number, to: number): Message[] => Array.from({ length: to - from }, (_, index) => message(from + index));
const spoolOf = (more: Partial<Parameters<typeof openSpool>[0]> = {}): Spool => openSpool({ root, key: KEY, maxBytes: 1_000_000, ...more });
const files = (): string[] => readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.spool')).sort().map((name) => join(root, name));

function drained(spool: Spool): Message[] {
  const found: Message[] = [];
  for (let oldest = spool.oldest(); oldest !== null; oldest = spool.oldest()) {
    found.push(...oldest.messages);
    oldest.done();
  }
  return found;
}

describe('a file of the spool', () => {
  const path = (): string => join(root, 'one.spool');
  const write = (list: readonly Message[]): void => {
    const segment = createSegment(path(), KEY);
    for (const one of list) segment.append([one]);
    segment.close();
  };

  test('gives back what was put in, whatever it is, and shows nothing of it', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ key: fc.string({ unit: 'binary', maxLength: 50 }), value: fc.string({ unit: 'grapheme' }) }), { maxLength: 20 }), (list) => {
        rmSync(path(), { force: true });
        write(list);
        expect(readSegment(path(), KEY)).toEqual({ messages: list, torn: 0, unreadable: 0 });
      }),
      { numRuns: 50 },
    );
    rmSync(path(), { force: true });
    write([message(1)]);
    expect(readFileSync(path()).includes(SECRET)).toBe(false);
  });

  test('cut anywhere, loses the one that is torn and none before it', () => {
    write(messages(0, 5));
    const whole = readFileSync(path());
    for (let length = whole.length - 1; length >= 0; length -= 7) {
      truncateSync(path(), length);
      const { messages: kept, torn } = readSegment(path(), KEY);
      expect(kept).toEqual(messages(0, kept.length));
      expect(torn).toBeLessThanOrEqual(1);
      if (length === whole.length - 1) expect([kept.length, torn]).toEqual([4, 1]);
    }
  });

  test('changed in one byte, or read with another key, gives nothing that was not written', () => {
    write(messages(0, 3));
    const bytes = readFileSync(path());
    bytes[60] = (bytes[60] ?? 0) ^ 1;
    rmSync(path());
    appendFileSync(path(), bytes);
    expect(readSegment(path(), KEY)).toEqual({ messages: messages(1, 3), torn: 0, unreadable: 1 });
    expect(readSegment(path(), spoolKey({ identity: 'cd'.repeat(32) }))).toEqual({ messages: [], torn: 0, unreadable: 3 });
  });
});

describe('the spool', () => {
  test('keeps the order over many files, and its bound', () => {
    const spool = spoolOf({ segmentBytes: 300 });
    opened.push(spool);
    for (let n = 0; n < 40; n += 4) spool.append(messages(n, n + 4));
    expect(files().length).toBeGreaterThan(4);
    expect(drained(spool)).toEqual(messages(0, 40));
    expect([spool.bytes(), spool.isEmpty(), files()]).toEqual([0, true, []]);
    const small = spoolOf({ maxBytes: 500 });
    opened.push(small);
    const kept = small.append(messages(0, 100));
    expect(kept).toBeGreaterThan(3);
    expect(small.bytes()).toBeLessThanOrEqual(600);
    expect(small.append(messages(100, 200))).toBe(0);
    expect(drained(small)).toEqual(messages(0, kept));
  });

  test('of one that died is taken over by one, before its own; of one that lives by none', () => {
    const dead = spoolOf({ segmentBytes: 200 });
    dead.append(messages(0, 10));
    dead.append(messages(10, 15));
    const living = spoolOf();
    opened.push(living);
    living.append([message(100)]);
    expect(living.adopt()).toBe(0);
    dead.close();
    const third = spoolOf();
    opened.push(third);
    third.append([message(200)]);
    expect([third.adopt(), living.adopt()]).toEqual([2, 0]);
    expect(drained(third)).toEqual([...messages(0, 15), message(200)]);
    expect(drained(living)).toEqual([message(100)]);
  });

  test('sealed with another key is put aside, not thrown away', () => {
    const other = spoolOf({ key: spoolKey({ identity: 'cd'.repeat(32) }) });
    other.append(messages(0, 2));
    other.close();
    const spool = spoolOf();
    opened.push(spool);
    spool.adopt();
    const oldest = spool.oldest();
    expect(oldest).toMatchObject({ messages: [], unreadable: 2 });
    oldest?.done();
    expect(files()).toEqual([expect.stringContaining('unreadable')]);
    expect(spoolOf().adopt()).toBe(0);
  });

  test('its lock is held by one at a time', () => {
    const release = tryLock(join(root, 'lock'));
    expect(tryLock(join(root, 'lock'))).toBeNull();
    release?.();
    const again = tryLock(join(root, 'lock'));
    expect(again).not.toBeNull();
    again?.();
    expect(tryLock(join(root, 'nowhere', 'lock'))).toBeNull();
  });
});

describe('the outbox', () => {
  function outboxOf(more: Partial<OutboxOptions> = {}) {
    const sent: Message[] = [];
    const lost: Partial<Record<LostReason, number>> = {};
    const kafka = { away: false, hangs: false, calls: 0 };
    const spool = more.spool === undefined ? spoolOf({ segmentBytes: 2_000 }) : more.spool;
    const outbox = createOutbox({
      ...{ lingerMs: 1, firstPauseMs: 5, patienceMs: 30, published: () => undefined, away: () => undefined },
      send: async (batch) => {
        kafka.calls += 1;
        while (kafka.hangs) await sleep(5);
        if (kafka.away) throw new Error('away');
        sent.push(...batch);
      },
      lost: (reason, count) => (lost[reason] = (lost[reason] ?? 0) + count),
      ...more,
      spool,
    });
    return { outbox, sent, lost, kafka, spool };
  }

  test('sends in order, over an outage too, and leaves nothing behind', async () => {
    const { outbox, sent, lost, kafka, spool } = outboxOf();
    outbox.put(messages(0, 100));
    await until(() => expect(sent).toHaveLength(100));
    kafka.away = true;
    for (let n = 100; n < 600; n += 10) {
      outbox.put(messages(n, n + 10));
      await sleep(1);
    }
    expect(spool?.isEmpty()).toBe(false);
    kafka.away = false;
    outbox.put(messages(600, 610));
    await until(() => expect(sent).toHaveLength(610));
    expect(sent).toEqual(messages(0, 610));
    await outbox.close(100);
    expect([lost, files()]).toEqual([{}, []]);
  });

  test('spools what a hanging Kafka has not taken, and does not send it twice when it answers after all', async () => {
    const { outbox, sent, kafka } = outboxOf();
    kafka.hangs = true;
    outbox.put(messages(0, 20));
    await until(() => expect(files()).toHaveLength(1));
    outbox.put(messages(20, 30));
    expect(outbox.queued()).toBe(0);
    kafka.hangs = false;
    await until(() => expect(sent).toHaveLength(30));
    await sleep(30);
    expect(sent).toEqual(messages(0, 30));
    await outbox.close(100);
  });

  test('ends while Kafka is away: the next one sends what it left', async () => {
    const first = outboxOf();
    first.kafka.away = true;
    first.outbox.put(messages(0, 50));
    await first.outbox.close(20);
    expect(first.lost).toEqual({});
    const second = outboxOf();
    second.outbox.put(messages(50, 60));
    await until(() => expect(second.sent).toHaveLength(60));
    expect(second.sent).toEqual(messages(0, 60));
    await second.outbox.close(100);
  });

  test('counts what neither memory nor disk can hold, and what no broker takes', async () => {
    const without = outboxOf({ spool: null, maxQueued: 10 });
    without.kafka.away = true;
    without.outbox.put([...messages(0, 25), message(99, 'x'.repeat(1_000_001))]);
    expect(without.outbox.queued()).toBe(10);
    await without.outbox.close(10);
    expect(without.lost).toEqual({ too_big: 1, queue_full: 15, shutdown: 10 });
    const small = outboxOf({ spool: spoolOf({ maxBytes: 200 }) });
    small.kafka.away = true;
    small.outbox.put(messages(0, 5));
    await until(() => expect(small.lost.spool_full).toBeGreaterThan(0));
    small.outbox.put(messages(5, 9));
    const kept = 9 - (small.lost.spool_full ?? 0);
    small.kafka.away = false;
    await until(() => expect(small.sent).toHaveLength(kept));
    await small.outbox.close(100);
  });

  test('goes on in memory where the disk refuses', async () => {
    const broken = { ...spoolOf(), append: () => { throw new Error('ENOSPC'); } };
    const { outbox, sent, kafka } = outboxOf({ spool: broken });
    kafka.away = true;
    outbox.put(messages(0, 5));
    await until(() => expect(kafka.calls).toBeGreaterThan(1));
    outbox.put(messages(5, 9));
    kafka.away = false;
    await until(() => expect(sent).toEqual(messages(0, 9)));
    await outbox.close(100);
  });

  test('whatever the order of outages and messages: nothing is lost, the order stays', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ count: fc.integer({ min: 0, max: 30 }), away: fc.boolean(), pause: fc.integer({ min: 0, max: 4 }) }), { maxLength: 12 }), fc.boolean(), async (steps, restart) => {
        let n = 0;
        let world = outboxOf({ maxQueued: 20, patienceMs: 3 });
        const before: Message[] = [];
        for (const [index, { count, away, pause }] of steps.entries()) {
          world.kafka.away = away;
          world.outbox.put(messages(n, n + count));
          n += count;
          await sleep(pause);
          if (!restart || index !== 5) continue;
          await world.outbox.close(3);
          before.push(...world.sent);
          world = outboxOf({ maxQueued: 20, patienceMs: 3 });
        }
        world.kafka.away = false;
        const all = (): Message[] => [...before, ...world.sent];
        await until(() => expect(new Set(all().map(({ key }) => key)).size).toBe(n));
        await world.outbox.close(100);
        // What comes twice comes again from where it began: without the repeats the order is the one it was put in.
        expect([...new Map(all().map((one) => [one.key, one])).values()]).toEqual(messages(0, n));
        if (!restart) expect(all()).toHaveLength(n);
        expect(world.lost).toEqual({});
      }),
      { numRuns: 40 },
    );
  });
});
