// Intake on a real Kafka: bad records, kills at the worst moment, replays, and brokers that go away.
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { inflateRawSync } from 'node:zlib';
import { CompressionTypes, Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { curate } from '../../core/curate/dataset.ts';
import { DETECTOR_VERSIONS } from '../../core/detect/index.ts';
import { canonicalJson } from '../../core/digest.ts';
import { REDACTOR_VERSION } from '../../core/redact/index.ts';
import { startKafka } from '../../infra/dev/kafka.ts';
import { repositoryRoot } from '../../infra/dev/paths.ts';
import { freePorts } from '../../infra/dev/ports.ts';
import { registerCodecs } from '../../intake/compression.ts';
import { readWorkload } from '../../stores/workloads.ts';
import { IntakeWorld, WORKLOAD, correctionNo, eventNo, interactionsIn, sumOf, until, withStore, type Place } from '../support/intake.ts';

const secrets = ['jane.roe@corp.example', '4111 1111 1111 1111', 'DE89 3704 0044 0532 0130 00'];
const world = new IntakeWorld();
const { running } = world;

/** Every value of every table, bodies inflated, and the files as they lie on the disk. */
function everythingIn(place: Place): string {
  const raw = new DatabaseSync(join(place.home, 'ratchet.db'), { readOnly: true });
  const tables = raw.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all().map((row) => String(row['name']));
  const texts = tables.flatMap((table) => raw.prepare(`SELECT * FROM "${table}"`).all().flatMap((row) => Object.entries(row).map(([column, value]) => (column === 'body' ? inflateRawSync(value as Uint8Array).toString() : String(value)))));
  raw.close();
  const files = [join(place.home, 'ratchet.db'), join(place.home, 'ratchet.db-wal'), join(place.home, 'ingest.log'), join(place.home, 'traces.jsonl')].map((file) => {
    try {
      return readFileSync(file).toString('latin1');
    } catch {
      return '';
    }
  });
  return [...texts, ...files].join('\n');
}

beforeAll(() => world.start(), 90_000);
afterAll(() => world.stop(), 60_000);

/** `ratchet dlq … --json`, as a person would run it. */
function dlq(place: Place, ...args: string[]): { code: number | null; json: unknown } {
  const run = spawnSync(process.execPath, [join(repositoryRoot, 'cli', 'main.ts'), '--json', 'dlq', ...args], { env: { ...process.env, ...place.env }, encoding: 'utf8' });
  return { code: run.status, json: run.stdout === '' ? null : JSON.parse(run.stdout) };
}

describe('intake on Kafka', () => {
  it('sets bad records aside with their place, and the partition goes on; secrets appear nowhere', async () => {
    const place = await world.newPlace();
    const ingest = await world.startIngest(place);
    await ingest.ready();
    const secret = secrets.join(' and ');
    await world.send(
      place.topics.interactions,
      [
        eventNo(1),
        `no JSON: ${secret}`,
        { ...eventNo(2), time: secret },
        { ...eventNo(3), padding: secret.repeat(500) },
        `${'{"a":'.repeat(100)}"${secret}"${'}'.repeat(100)}`,
        { ...eventNo(1), extension: secret },
        null,
        { ...eventNo(4), type: 'dev.ratchet.interaction.v9' },
        eventNo(5, `the customer ${secret} said so`),
      ],
      { partition: 1 },
    );
    await until('the last record of the partition', async () => (await interactionsIn(place)) === 2);
    const letters = await withStore(place, (store) => store.deadLetters({ limit: 20 }));
    expect(Object.fromEntries(letters.map(({ letter }) => [letter.position.offset, letter.reason]))).toEqual({
      1: 'RECORD_NOT_JSON',
      2: 'RECORD_CONTRACT',
      3: 'RECORD_TOO_BIG',
      4: 'RECORD_TOO_DEEP',
      5: 'IDENTITY_CONFLICT',
      6: 'RECORD_NOT_JSON',
      7: 'RECORD_VERSION_UNKNOWN',
    });
    expect(letters.every(({ letter }) => letter.position.topic === place.topics.interactions && letter.position.partition === 1)).toBe(true);
    const metrics = await (await fetch(`${ingest.url}/metrics`)).text();
    expect(metrics).toContain(`ratchet_ingest_records_total{topic="${place.topics.interactions}",result="stored"} 2`);
    expect(metrics).toContain('ratchet_ingest_dead_letters_total{reason="RECORD_TOO_DEEP"} 1');
    await ingest.worker.stop();

    const kept = everythingIn(place) + metrics;
    expect(kept).toContain('the customer ');
    for (const each of secrets) expect(kept.includes(each), each).toBe(false);
  });

  it('loses and doubles nothing when it is killed between store and commit, and a replay from zero gives the same dataset', async () => {
    const place = await world.newPlace();
    const total = 60;
    await world.send(place.topics.corrections, [0, 1, 2, 3, 4].map(correctionNo));
    await world.send(place.topics.interactions, Array.from({ length: total }, (_, n) => eventNo(n)));

    const killed = await world.startIngest(place, { RATCHET_FAULT: 'after_store' });
    expect(await killed.worker.exited).toMatchObject({ signal: 'SIGKILL' });
    const first = await withStore(place, (store) => store.counts('apples'));
    expect(first.interactions + first.corrections).toBeGreaterThan(0);
    expect(first.interactions + first.corrections).toBeLessThan(total + 5);

    const again = await world.startIngest(place);
    await again.ready();
    await world.send(place.topics.corrections, [9, 12, 15, 18, 21].map(correctionNo));
    const whole = async (where: Place) => withStore(where, async (store) => {
      const counts = await store.counts('apples');
      return counts.interactions === total && counts.corrections === 10;
    });
    await until('all records', () => whole(place));
    const metrics = await (await fetch(`${again.url}/metrics`)).text();
    const duplicates = [...metrics.matchAll(/result="duplicate"\} (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
    expect(duplicates).toBe(first.interactions + first.corrections);
    await again.worker.stop();
    expect(await again.worker.exited).toMatchObject({ code: 0 });
    expect(await withStore(place, (store) => store.counts('apples'))).toMatchObject({ interactions: total, corrections: 10, parkedCorrections: 0, deadLetters: 0, failing: 20 });

    const replayed = await world.newPlace(place);
    const second = await world.startIngest(replayed);
    await second.ready();
    await until('the replay', () => whole(replayed));
    await second.worker.stop();
    const [a, b] = [await datasetOf(place), await datasetOf(replayed)];
    expect(b).toEqual(a);
    expect(a.examples).toBeGreaterThan(0);
  });

  it('replays dead letters from Kafka once their cause is gone, and says so when the record is gone', async () => {
    const place = await world.newPlace();
    const pears = { ...eventNo(1), data: { ...eventNo(1).data, 'ratchet.workload': 'pears', 'ratchet.channel': 'pears/production' } };
    const long = eventNo(2, 'x'.repeat(30_000));
    const ingest = await world.startIngest(place);
    await world.send(place.topics.interactions, [pears, `no JSON ${secrets[0]}`, long], { partition: 0 });
    await world.send(place.topics.interactions, [eventNo(4)], { partition: 2, compression: CompressionTypes.GZIP });
    await world.send(place.topics.interactions, [{ ...eventNo(4), extension: 'other' }, eventNo(5)], { partition: 1 });
    await until('the records', async () => (await interactionsIn(place)) === 2 && (await withStore(place, (store) => store.deadLetters({ limit: 9 }))).length === 4);

    const none = dlq(place, 'replay', '--all');
    expect(none).toMatchObject({ code: 1, json: { outcomes: { dead_letter: 3, conflict: 1 }, stayOpen: 4 } });
    const { letters, totals } = dlq(place, 'ls').json as { letters: { id: number; letter: { reason: string } }[]; totals: unknown };
    expect(totals).toEqual([{ reason: 'IDENTITY_CONFLICT', open: 1 }, { reason: 'RECORD_CONTRACT', open: 1 }, { reason: 'RECORD_NOT_JSON', open: 1 }, { reason: 'RECORD_TOO_BIG', open: 1 }]);

    // The installation learns of the workload and raises its limit.
    const pearsFile = join(world.dir, 'pears.yaml');
    writeFileSync(pearsFile, WORKLOAD.replaceAll('apples', 'pears'));
    const now = { ...place, env: { ...place.env, RATCHET_WORKLOADS: `${world.workloadFile},${pearsFile}`, RATCHET_MAX_RECORD_BYTES: '100000', RATCHET_ACTOR: 'dana' } };
    const idOf = (reason: string) => String(letters.find(({ letter }) => letter.reason === reason)?.id);
    expect(dlq(now, 'replay', '--reason', 'RECORD_TOO_BIG')).toMatchObject({ code: 0, json: { outcomes: { stored: 1 } } });
    expect(dlq(now, 'replay', idOf('RECORD_CONTRACT'))).toMatchObject({ code: 0, json: { outcomes: { stored: 1 } } });
    expect(dlq(now, 'replay', idOf('RECORD_CONTRACT'))).toMatchObject({ code: 0, json: { outcomes: { settled: 1 } } });
    expect(dlq(now, 'show', idOf('RECORD_CONTRACT'))).toMatchObject({ code: 0, json: { state: 'replayed', replays: 2, lastReplay: { by: 'dana' } } });
    expect(await withStore(place, async (store) => [(await store.counts('apples')).interactions, (await store.counts('pears')).interactions])).toEqual([3, 1]);

    const admin = new Kafka({ brokers: world.kafka.brokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    // kafkajs deletes nothing of a topic whose metadata it has not read.
    await admin.fetchTopicOffsets(place.topics.interactions);
    await admin.deleteTopicRecords({ topic: place.topics.interactions, partitions: [{ partition: 0, offset: '-1' }] });
    await admin.disconnect();
    expect(dlq(now, 'replay', '--all')).toMatchObject({ code: 1, json: { outcomes: { expired: 1, conflict: 1 }, stayOpen: 2 } });
    expect(dlq(now, 'replay', '999')).toMatchObject({ code: 4 });
    expect(dlq(now, 'replay')).toMatchObject({ code: 2 });
    await ingest.worker.stop();
    expect(everythingIn(place)).not.toContain(secrets[0]);
  });

  it('reads batches that a producer compressed with zstd', async () => {
    const place = await world.newPlace();
    registerCodecs();
    await world.send(place.topics.interactions, Array.from({ length: 50 }, (_, n) => eventNo(n)), { compression: CompressionTypes.ZSTD });
    const ingest = await world.startIngest(place);
    await until('the records', async () => (await interactionsIn(place)) === 50);
    await until('no lag', async () => sumOf(await ingest.metrics(), 'ratchet_ingest_lag_records') === 0);
    await ingest.worker.stop();
  });

  it('goes on when Kafka is killed and comes back', async () => {
    if (world.kafka.process === undefined) throw new Error('this test kills its own Kafka: run it without KAFKA_BROKERS');
    const place = await world.newPlace();
    const ingest = await world.startIngest(place);
    await ingest.ready();
    await world.send(place.topics.interactions, [eventNo(1)]);
    await until('the first record', async () => (await interactionsIn(place)) === 1);

    process.kill(world.kafka.process.pid, 'SIGKILL');
    await world.kafka.process.exited;
    await until('unhealthy', async () => !(await ingest.healthy()), 60_000);
    world.kafka = await startKafka({ dir: join(world.dir, 'kafka') });
    await world.send(place.topics.interactions, [eventNo(2)]);
    await until('the record after the restart', async () => (await interactionsIn(place)) === 2, 60_000);
    await until('healthy', ingest.healthy);
    expect(running.has(ingest.worker)).toBe(true);
    await ingest.worker.stop();
    expect(await ingest.worker.exited).toMatchObject({ code: 0 });
  });

  it('waits with a clear message when Kafka is not there, and can be ended', async () => {
    const [nobody = 0] = await freePorts(1);
    const place = await world.newPlace();
    const ingest = await world.startIngest(place, { KAFKA_BROKERS: `127.0.0.1:${nobody}` });
    const log = () => readFileSync(ingest.worker.logFile, 'utf8');
    await until('the message', async () => log().includes('Kafka is away, trying again'), 30_000);
    const answer = await fetch(`${ingest.url}/healthz`);
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain('KAFKA_UNAVAILABLE');
    expect(running.has(ingest.worker)).toBe(true);
    await ingest.worker.stop();
    expect(await ingest.worker.exited).toMatchObject({ code: 0 });
    expect(log()).not.toContain('    at ');
  });
});

/** What a night would train on, from this store alone. */
async function datasetOf(place: Place) {
  const { workload, digest } = await readWorkload(world.workloadFile);
  return withStore(place, async (store) => {
    const manifest = await store.digestsUpTo('apples', await store.watermark('apples'));
    const ledger = await store.ledger('apples');
    const { dataset, examples } = curate({
      ...{ workload, workloadDigest: digest, detectorVersions: DETECTOR_VERSIONS, redactorVersion: REDACTOR_VERSION, ledger },
      manifestDigest: `sha256:${createHash('sha256').update(canonicalJson(manifest)).digest('hex')}`,
      records: await store.interactions(manifest.interactions),
      corrections: await store.corrections(manifest.corrections),
      redactTarget: (_, answer) => answer,
      checkTarget: () => true,
    });
    return { manifest, ledger, dataset, examples: examples.length };
  });
}
