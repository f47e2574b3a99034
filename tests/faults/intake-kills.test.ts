// The consumer is killed at every step of a batch, and at any moment under load: nothing is lost, nothing is doubled.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IntakeWorld, countsIn, eventNo, expectExactly, interactionsIn, sumOf, until } from '../support/intake.ts';

const world = new IntakeWorld();
beforeAll(() => world.start(), 90_000);
afterAll(() => world.stop(), 60_000);

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

describe('a consumer that is killed', () => {
  // At the second of three batches, one for each partition. The store's first transaction is that of its schema.
  it.each([
    ['before_judge', 2],
    ['before_store', 2],
    ['before_store_commit', 3],
    ['after_store', 2],
    ['after_commit', 2],
  ])('%s: its successor goes on where the last commit was', async (point, time) => {
    const place = await world.newPlace();
    const all = numbers(300);
    await world.send(place.topics.interactions, all.map((n) => eventNo(n)));
    const killed = await world.startIngest(place, { RATCHET_FAULT: `${point}:${time}` });
    expect(await killed.worker.exited).toMatchObject({ signal: 'SIGKILL' });
    const kept = await interactionsIn(place);
    expect(kept).toBeGreaterThan(0);
    expect(kept).toBeLessThan(all.length);

    const next = await world.startIngest(place);
    await until('all records', async () => (await interactionsIn(place)) === all.length);
    // What was stored but not committed comes again and is known; what was neither is read for the first time.
    const duplicates = sumOf(await next.metrics(), 'ratchet_ingest_records_total', 'result="duplicate"');
    if (point === 'after_store') expect(duplicates).toBeGreaterThan(0);
    else expect(duplicates).toBe(0);
    await next.worker.stop();
    expect(await next.worker.exited).toMatchObject({ code: 0 });
    await expectExactly(place, all);
  });

  it('at any moment, again and again, while records keep coming', async () => {
    const place = await world.newPlace();
    const all = numbers(6_000);
    const sending = (async () => {
      for (let from = 0; from < all.length; from += 250) {
        await world.send(place.topics.interactions, all.slice(from, from + 250).map((n) => eventNo(n)));
        await sleep(100);
      }
    })();
    let kills = 0;
    // Each is given a different time to live: into start-up, judging, storing and committing.
    for (const livesMs of [700, 900, 1_150, 1_400, 1_700, 2_100]) {
      const ingest = await world.startIngest(place);
      await sleep(livesMs);
      process.kill(ingest.worker.pid, 'SIGKILL');
      await ingest.worker.exited;
      kills += 1;
    }
    await sending;
    const last = await world.startIngest(place);
    await until('all records', async () => (await interactionsIn(place)) === all.length, 60_000);
    await last.worker.stop();
    expect(kills).toBe(6);
    await expectExactly(place, all);
  });

  it('is ended by a signal in the middle of the stream: the batch is finished, committed, and the group left at once', async () => {
    const place = await world.newPlace();
    const all = numbers(4_000);
    await world.send(place.topics.interactions, all.map((n) => eventNo(n)));
    const first = await world.startIngest(place);
    await until('some records', async () => (await countsIn(place)).interactions > 0);
    await first.worker.stop();
    expect(await first.worker.exited).toMatchObject({ code: 0 });

    const startedAt = performance.now();
    const next = await world.startIngest(place);
    await until('all records', async () => (await interactionsIn(place)) === all.length);
    // A member that had not left would have held its partitions for the 15 s of its session.
    expect(performance.now() - startedAt).toBeLessThan(12_000);
    expect(sumOf(await next.metrics(), 'ratchet_ingest_records_total', 'result="duplicate"')).toBe(0);
    await next.worker.stop();
    await expectExactly(place, all);
  });
});
