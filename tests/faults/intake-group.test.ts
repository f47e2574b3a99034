// Several ingest processes in one group and on one store: members come, go and die under load, and brokers go away.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startKafka } from '../../infra/dev/kafka.ts';
import { IntakeWorld, eventNo, expectExactly, interactionsIn, sumOf, until, type IngestProcess, type Place } from '../support/intake.ts';

const world = new IntakeWorld();
beforeAll(() => world.start(), 90_000);
afterAll(() => world.stop(), 60_000);

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);
const storedBy = async (ingest: IngestProcess) => sumOf(await ingest.metrics(), 'ratchet_ingest_records_total', 'result="stored"');

/** Sends for as long as the members change. */
async function sendSlowly(place: Place, all: readonly number[], everyMs: number): Promise<void> {
  for (let from = 0; from < all.length; from += 200) {
    await world.send(place.topics.interactions, all.slice(from, from + 200).map((n) => eventNo(n)));
    await sleep(everyMs);
  }
}

describe('several ingest processes', () => {
  it('share the partitions; joining, leaving and dying members lose and double nothing', async () => {
    const place = await world.newPlace();
    const all = numbers(12_000);
    const first = await world.startIngest(place, {}, 'first');
    await first.ready();
    const sending = sendSlowly(place, all, 400);
    await until('the first to work', async () => (await storedBy(first)) > 0);
    const second = await world.startIngest(place, {}, 'second');
    await second.ready();
    await until('the second to work', async () => (await storedBy(second)) > 0);
    const third = await world.startIngest(place, {}, 'third');
    await third.ready();
    await until('the third to work', async () => (await storedBy(third)) > 0);
    process.kill(second.worker.pid, 'SIGKILL');
    await sleep(2_000);
    await first.worker.stop();
    expect(await first.worker.exited).toMatchObject({ code: 0 });
    await sending;
    await until('all records', async () => (await interactionsIn(place)) === all.length, 60_000);
    await until('no lag', async () => sumOf(await third.metrics(), 'ratchet_ingest_lag_records') === 0);
    await third.worker.stop();
    expect(await third.worker.exited).toMatchObject({ code: 0 });
    await expectExactly(place, all);
  }, 170_000);

  it('go on when the broker is killed under load and comes back', async () => {
    if (world.kafka.process === undefined) throw new Error('this test kills its own Kafka: run it without KAFKA_BROKERS');
    const place = await world.newPlace();
    const all = numbers(6_000);
    const members = [await world.startIngest(place, {}, 'first'), await world.startIngest(place, {}, 'second')];
    await Promise.all(members.map((member) => member.ready()));
    await world.send(place.topics.interactions, all.slice(0, 4_000).map((n) => eventNo(n)));
    await until('the stream to flow', async () => (await interactionsIn(place)) > 0);
    process.kill(world.kafka.process.pid, 'SIGKILL');
    await world.kafka.process.exited;
    await until('a member to say so', async () => !(await members[0]?.healthy()), 60_000);
    world.kafka = await startKafka({ dir: join(world.dir, 'kafka') });
    await world.send(place.topics.interactions, all.slice(4_000).map((n) => eventNo(n)));
    await until('all records', async () => (await interactionsIn(place)) === all.length, 90_000);
    await Promise.all(members.map((member) => until('healthy', member.healthy)));
    for (const member of members) {
      await member.worker.stop();
      expect(await member.worker.exited).toMatchObject({ code: 0 });
    }
    await expectExactly(place, all);
  }, 170_000);
});
