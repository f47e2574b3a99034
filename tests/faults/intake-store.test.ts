// The store is locked or full: reading pauses, the process lives and stays in its group, and everything is kept afterwards.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IntakeWorld, eventNo, expectExactly, interactionsIn, sumOf, until } from '../support/intake.ts';

const world = new IntakeWorld();
beforeAll(() => world.start(), 90_000);
afterAll(() => world.stop(), 60_000);

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

describe('a store that cannot keep', () => {
  it('because another process holds its lock: nothing is read meanwhile, the lag shows it, and no member is lost', async () => {
    const place = await world.newPlace();
    const all = numbers(1_000);
    const ingest = await world.startIngest(place);
    await ingest.ready();
    await world.send(place.topics.interactions, all.slice(0, 100).map((n) => eventNo(n)));
    await until('the first records', async () => (await interactionsIn(place)) === 100);

    const other = new DatabaseSync(join(place.home, 'ratchet.db'));
    other.exec('BEGIN IMMEDIATE');
    await world.send(place.topics.interactions, all.slice(100).map((n) => eventNo(n)));
    await until('a pause', async () => sumOf(await ingest.metrics(), 'ratchet_ingest_paused') === 1);
    expect(await ingest.healthy()).toBe(false);
    await until('the lag of what waits', async () => sumOf(await ingest.metrics(), 'ratchet_ingest_lag_records') === 900);
    // Longer than a session: a member whose heartbeats had stopped would be put out of the group.
    await sleep(18_000);
    other.exec('ROLLBACK');
    other.close();

    await until('all records', async () => (await interactionsIn(place)) === all.length);
    await until('healthy', ingest.healthy);
    await until('no lag', async () => sumOf(await ingest.metrics(), 'ratchet_ingest_lag_records') === 0);
    expect(sumOf(await ingest.metrics(), 'ratchet_ingest_paused')).toBe(0);
    expect(ingest.log().split('"reading from Kafka"').length - 1).toBe(1);
    await ingest.worker.stop();
    expect(await ingest.worker.exited).toMatchObject({ code: 0 });
    await expectExactly(place, all);
  });

  it('can be ended while it waits for its store', async () => {
    const place = await world.newPlace();
    const ingest = await world.startIngest(place);
    await ingest.ready();
    const other = new DatabaseSync(join(place.home, 'ratchet.db'));
    other.exec('BEGIN IMMEDIATE');
    await world.send(place.topics.interactions, [eventNo(1)]);
    await until('a pause', async () => sumOf(await ingest.metrics(), 'ratchet_ingest_paused') === 1);
    await ingest.worker.stop();
    expect(await ingest.worker.exited).toMatchObject({ code: 0 });
    other.exec('ROLLBACK');
    other.close();
    const next = await world.startIngest(place);
    await until('the record', async () => (await interactionsIn(place)) === 1);
    await next.worker.stop();
    await expectExactly(place, [1]);
  });

  it('because its disk is full, until there is room again', async ({ skip }) => {
    const place = await world.newPlace();
    const disk = smallDisk(place.home, 6);
    if (disk === null) skip('a file system of its own needs the right to mount: run as root on Linux');
    try {
      const all = numbers(8_000);
      const ingest = await world.startIngest(place);
      await ingest.ready();
      await world.send(place.topics.interactions, all.map((n) => eventNo(n)));
      await until('a pause', async () => sumOf(await ingest.metrics(), 'ratchet_ingest_paused') === 1);
      await sleep(3_000);
      expect(world.running.has(ingest.worker)).toBe(true);
      expect(await (await fetch(`${ingest.url}/healthz`)).text()).toContain('STORE_UNAVAILABLE');
      const kept = await interactionsIn(place);
      expect(kept).toBeLessThan(all.length);
      disk?.grow(256);
      await until('all records', async () => (await interactionsIn(place)) === all.length, 60_000);
      await ingest.worker.stop();
      expect(await ingest.worker.exited).toMatchObject({ code: 0 });
      await expectExactly(place, all);
    } finally {
      disk?.remove();
    }
  });

  it('because of one record alone: that record is set aside, and its partition goes on', async () => {
    const place = await world.newPlace();
    // A trigger stands for whatever a later schema may refuse.
    const ingest = await world.startIngest(place);
    await ingest.ready();
    const raw = new DatabaseSync(join(place.home, 'ratchet.db'));
    raw.exec("CREATE TRIGGER refuse BEFORE INSERT ON interactions WHEN NEW.id = 'i-7' BEGIN SELECT RAISE(ABORT, 'no'); END");
    await world.send(place.topics.interactions, numbers(30).map((n) => eventNo(n)), { partition: 0 });
    await until('the others', async () => (await interactionsIn(place)) === 29);
    const letters = raw.prepare('SELECT reason, "offset" AS at FROM dead_letters').all();
    raw.close();
    expect(letters.map(({ reason, at }) => [reason, at])).toEqual([['INTERNAL', '7']]);
    await ingest.worker.stop();
  });
});

/** The place's home on a memory disk of some MiB; null without the right to mount. */
function smallDisk(home: string, mebibytes: number): { grow: (mebibytes: number) => void; remove: () => void } | null {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'ratchet-test', home], { stdio: 'ignore' });
  } catch {
    return null;
  }
  return {
    grow: (size) => execFileSync('mount', ['-o', `remount,size=${size}m`, home]),
    remove: () => execFileSync('umount', ['-l', home]),
  };
}
