// The SQLite and folder stores keep the contracts, and what is particular to them: triggers, migrations, full and locked disks.
import { mkdtemp, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestOfJson } from '../../core/digest.ts';
import type { ErrorCode } from '../../core/errors.ts';
import { openBlobStore } from '../../stores/blobs.ts';
import { openKeys, seedKeys, tenantKey } from '../../stores/keys.ts';
import { pack } from '../../stores/sqlite/body.ts';
import { openDatabase } from '../../stores/sqlite/database.ts';
import { metadataStore, openMetadataStore } from '../../stores/sqlite/index.ts';
import { digestIs } from '../../stores/sqlite/keys.ts';
import { STEPS, migrate } from '../../stores/sqlite/migrations.ts';
import { blobStoreContract } from '../contracts/blob-store.ts';
import { metadataStoreContract } from '../contracts/metadata-store.ts';
import { SOURCE, TIME, digestNo, newCorrection, newInteraction, schemaViolation } from '../contracts/records.ts';

const coded = (code: ErrorCode) => expect.objectContaining({ code }) as Error;
const makeDir = () => mkdtemp(join(tmpdir(), 'ratchet-stores-'));

metadataStoreContract('SQLite', async () => {
  const dir = await makeDir();
  return { open: () => openMetadataStore(join(dir, 'home', 'ratchet.db')), remove: () => rm(dir, { recursive: true }) };
});

blobStoreContract('folder', async () => {
  const dir = await makeDir();
  const blobsDir = join(dir, 'blobs');
  return {
    open: () => openBlobStore(blobsDir),
    scratch: dir,
    damage: async (digest) => writeFile(join(blobsDir, digest.slice(7, 9), digest.slice(7)), 'other'),
    remove: () => rm(dir, { recursive: true }),
  };
});

describe('stores on disk', () => {
  let dir: string;
  let file: string;
  beforeEach(async () => {
    dir = await makeDir();
    file = join(dir, 'ratchet.db');
  });
  afterEach(() => rm(dir, { recursive: true }));

  const filled = async () => {
    const store = await openMetadataStore(file);
    await store.storeBatch({ interactions: [newInteraction(1)], corrections: [], deadLetters: [] });
    await store.putDocument('verdict', { n: 1 });
    await store.ensureChannel('tickets/production', TIME);
    await store.reserveDecision({ channel: 'tickets/production', runId: 'r', policyDigest: digestNo('p'), decisionsPerPeriod: 1, periodDays: 1, at: TIME });
    return store;
  };

  it('no statement changes or deletes what is append-only', async () => {
    const store = await filled();
    const raw = new DatabaseSync(file);
    for (const table of ['split_ledger', 'documents', 'channel_entries', 'gate_periods', 'gate_decisions']) {
      expect(() => raw.exec(`DELETE FROM ${table}`), `delete from ${table}`).toThrow(/append-only|immutable/);
    }
    expect(() => raw.exec("UPDATE split_ledger SET side = 'eval'")).toThrow(/append-only/);
    expect(() => raw.exec("UPDATE documents SET kind = 'adapter'")).toThrow(/immutable/);
    expect(() => raw.exec('UPDATE channel_entries SET live = NULL')).toThrow(/append-only/);
    expect(() => raw.exec('UPDATE gate_decisions SET number = 7')).toThrow(/once/);
    expect(() => raw.exec('UPDATE gate_periods SET decisions = 99')).toThrow(/policy/);
    raw.close();
    await store.close();
  });

  it('a locked database is a store that did not answer, and works again afterwards', async () => {
    const store = await openMetadataStore(file, { busyTimeoutMs: 50 });
    const other = new DatabaseSync(file);
    other.exec('BEGIN IMMEDIATE');
    const batch = { interactions: [newInteraction(1)], corrections: [], deadLetters: [] };
    await expect(store.storeBatch(batch)).rejects.toThrow(coded('STORE_UNAVAILABLE'));
    expect(await store.watermark('tickets')).toBe(0);
    other.exec('ROLLBACK');
    other.close();
    expect(await store.storeBatch(batch)).toMatchObject({ stored: 1 });
    await store.close();
  });

  it('a full disk is a store that did not answer, and leaves nothing half-done', async () => {
    const database = await openDatabase(file);
    migrate(database);
    const pages = database.get<{ page_count: number }>('PRAGMA page_count')?.page_count ?? 0;
    database.exec(`PRAGMA max_page_count = ${pages + 8}`);
    const store = metadataStore(database);
    const big = newInteraction(2, {}, { answer: { text: Array.from({ length: 20_000 }, (_, n) => n * 7919).join(' ') } });
    await expect(store.storeBatch({ interactions: [newInteraction(1), big], corrections: [], deadLetters: [] })).rejects.toThrow(coded('STORE_UNAVAILABLE'));
    expect(await store.counts('tickets')).toMatchObject({ interactions: 0 });
    expect(await store.storeBatch({ interactions: [newInteraction(1)], corrections: [], deadLetters: [] })).toMatchObject({ stored: 1 });
    await store.close();
  });

  it('a file that is no database, and one of a newer build, are told apart', async () => {
    await writeFile(file, 'this is no database'.repeat(100));
    await expect(openMetadataStore(file)).rejects.toThrow(coded('STORE_UNAVAILABLE'));
    await rm(file);
    await (await openMetadataStore(file)).close();
    const raw = new DatabaseSync(file);
    raw.exec("INSERT INTO schema_migrations VALUES (999, '')");
    raw.close();
    await expect(openMetadataStore(file)).rejects.toThrow(coded('CONFIG_INVALID'));
  });

  it('starts while another process holds the write lock, once its schema is there', async () => {
    await (await openMetadataStore(file)).close();
    const other = new DatabaseSync(file);
    other.exec('BEGIN IMMEDIATE');
    const store = await openMetadataStore(file, { busyTimeoutMs: 50 });
    expect(await store.watermark('tickets')).toBe(0);
    other.exec('ROLLBACK');
    other.close();
    await store.close();
  });

  it('brings a file of the first schema up to date: its rows are found as before, and counted', async () => {
    const database = await openDatabase(file);
    migrate(database, STEPS.slice(0, 3));
    const items = [newInteraction(1, { findings: [schemaViolation] }), newInteraction(2), newInteraction(3, { findings: [schemaViolation] }, { adapterDigest: digestNo('a'), generation: 1 })];
    database.write(() => {
      for (const [index, { digest, interaction, hmac, findings, ledger }] of items.entries()) {
        const { source, id, workload, adapterDigest, generation } = interaction;
        const values = [index + 1, digest, source, id, hmac, workload, adapterDigest, generation, ledger.clusterId, JSON.stringify(findings), pack(interaction), null, null, null];
        database.run('INSERT INTO interactions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)', ...values);
        database.run('INSERT INTO split_ledger VALUES (?, ?, ?, ?, ?)', workload, ledger.clusterId, 'eval', 'masked@1', 'k1');
        for (const finding of findings) {
          const failure = { schemaVersion: 1, interactionDigest: digest, workload, adapterDigest, finding };
          database.run('INSERT INTO failures (id, interaction_seq, workload, class, time, body) VALUES (?, ?, ?, ?, ?, ?)', digestOfJson(failure), index + 1, workload, finding.class, TIME, pack(failure));
          database.run("INSERT INTO lineage VALUES (?, 'showed', ?, 'interaction', 'failure')", digest, digestOfJson(failure));
        }
      }
      const cases = [digestNo('case'), 'tickets', digestNo('cluster 2'), 'order', 0, pack({})];
      database.run('INSERT INTO cases (case_digest, workload, cluster_id, draw_order, label, body) VALUES (?, ?, ?, ?, ?, ?)', ...cases);
      for (const [n, of] of [[1, 1], [2, 9]] as const) {
        const { digest, correction, hmac } = newCorrection(n, of);
        const values = [3 + n, digest, correction.source, correction.id, hmac, 'tickets', SOURCE, `i-${of}`, pack(correction), null, null, null];
        database.run('INSERT INTO corrections VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)', ...values);
      }
      database.run("INSERT INTO dead_letters (topic, partition, \"offset\", reason, detail, hmac, at) VALUES ('t', 0, '1', 'RECORD_NOT_JSON', '', 'h', ?)", TIME);
      database.run('UPDATE sequence SET last = 5');
    });
    database.close();

    const store = await openMetadataStore(file);
    expect(await store.counts('tickets')).toEqual({ interactions: 3, failing: 2, corrections: 2, parkedCorrections: 1, cases: 1, deadLetters: 1, byClass: { schema_violation: 2 } });
    expect(await store.countsByAdapter('tickets')).toMatchObject([{ adapterDigest: null, interactions: 2 }, { adapterDigest: digestNo('a'), interactions: 1, byClass: { schema_violation: 1 } }]);
    expect((await store.deadLetters({ limit: 1 }))[0]).toMatchObject({ state: 'open', replays: 0, lastReplay: null });
    expect((await store.interactions(items.map(({ digest }) => digest))).map(({ seq, side }) => [seq, side])).toEqual([[1, 'eval'], [2, 'eval'], [3, 'eval']]);
    const [failure] = await store.failures({ limit: 5 });
    expect(failure && (await store.linksTo(failure.id))).toEqual([{ fromKind: 'interaction', from: items[2]?.digest, relation: 'showed', toKind: 'failure', to: failure?.id }]);
    expect((await store.linksFrom(items[0]?.digest ?? '')).map(({ relation }) => relation)).toEqual(['showed']);
    expect(await store.storeBatch({ interactions: items, corrections: [newCorrection(2, 9)], deadLetters: [] })).toEqual({ stored: 0, duplicates: 4, conflicts: 0, deadLetters: 0 });
    expect(await store.storeBatch({ interactions: [newInteraction(9)], corrections: [], deadLetters: [] })).toMatchObject({ stored: 1 });
    expect(await store.counts('tickets')).toMatchObject({ interactions: 4, parkedCorrections: 0 });
    await store.close();
  });

  it('finds ids by any start of them, however short or long', async () => {
    const store = await filled();
    const { digest } = newInteraction(1);
    for (const length of [1, 6, 7, 8, 12, 18, 19, 20, 40, 71]) {
      const found = await store.findIds(digest.slice(0, length), 50);
      expect(found.filter(({ kind }) => kind === 'interaction'), `${length} characters`).toEqual([{ kind: 'interaction', id: digest }]);
    }
    const other = digest.endsWith('0') ? '1' : '0';
    expect(await store.findIds(`${digest.slice(0, -1)}${other}`, 50)).toEqual([]);
    await store.close();
  });

  it('asks for rows by narrow indexes, not by reading all of them', async () => {
    await (await filled()).close();
    const raw = new DatabaseSync(file);
    const plan = (sql: string) => raw.prepare(`EXPLAIN QUERY PLAN ${sql}`).all().map((row) => String(row['detail'])).join('; ');
    expect(plan(`SELECT seq FROM interactions WHERE ${digestIs('digest', "'sha256:0'")}`)).toContain('interactions_by_digest');
    expect(plan("SELECT seq FROM interactions WHERE identity_key = 1 AND source = '' AND id = ''")).toContain('interactions_by_identity');
    expect(plan(`SELECT i.seq FROM interactions AS i JOIN split_ledger AS l ON ${digestIs('l.cluster_id', 'i.cluster_id')} AND l.workload = i.workload WHERE i.seq = 1`)).toContain('split_ledger_by_cluster');
    expect(plan("SELECT id FROM dead_letters WHERE state = 'open' AND reason = 'x' AND id > 0 ORDER BY id")).toContain('dead_letters_open_by_reason');
    raw.close();
  });

  it('a damaged row is not believed', async () => {
    const store = await filled();
    const raw = new DatabaseSync(file);
    raw.exec("UPDATE interactions SET body = x'0300'");
    raw.close();
    await expect(store.interactions([newInteraction(1).digest])).rejects.toThrow(coded('BLOB_CORRUPT'));
    await store.close();
  });

  it('several stores that open a new file at once agree on its schema', async () => {
    const stores = await Promise.all(Array.from({ length: 6 }, () => openMetadataStore(file)));
    await Promise.all(stores.map((store, n) => store.storeBatch({ interactions: [newInteraction(n)], corrections: [], deadLetters: [] })));
    expect(await stores[0]?.watermark('tickets')).toBe(6);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('a blob cut short by a crash is replaced, and no temporary file stays', async () => {
    const blobs = await openBlobStore(join(dir, 'blobs'));
    const digest = await blobs.put(Buffer.from('all of it'));
    await truncate(blobs.path(digest), 3);
    await expect(blobs.get(digest)).rejects.toThrow(coded('BLOB_CORRUPT'));
    expect(await blobs.put(Buffer.from('all of it'))).toBe(digest);
    expect(Buffer.from(await blobs.get(digest)).toString()).toBe('all of it');
    expect(await readdir(join(dir, 'blobs', 'tmp'))).toEqual([]);
  });

  it('keys from a seed are the same each time, and replace none that are there', async () => {
    const [one, two, other] = ['one', 'two', 'other'].map((name) => join(dir, name, 'keys.json')) as [string, string, string];
    await seedKeys(one, 'a seed');
    await seedKeys(two, 'a seed');
    await seedKeys(other, 'another seed');
    expect(await openKeys(two)).toEqual(await openKeys(one));
    expect((await openKeys(other)).split).not.toBe((await openKeys(one)).split);
    await seedKeys(two, 'another seed').catch(() => undefined);
    expect(await openKeys(two)).toEqual(await openKeys(one));
  });

  it('keys are made once, for their owner alone', async () => {
    const path = join(dir, 'home', 'keys.json');
    const all = await Promise.all(Array.from({ length: 5 }, () => openKeys(path)));
    expect(new Set(all.map((keys) => JSON.stringify(keys))).size).toBe(1);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(dir, 'home'))).toEqual(['keys.json']);
    const [keys] = all;
    expect(new Set([keys?.identity, keys?.split, keys?.redaction, keys?.subject]).size).toBe(4);
    expect(await readFile(path, 'utf8')).not.toContain(keys?.keyId);
    expect(keys && tenantKey(keys, 'a')).not.toBe(keys && tenantKey(keys, 'b'));

    await writeFile(path, '{"version":1,"identity":"SECRET"}');
    await expect(openKeys(path)).rejects.toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.not.stringContaining('SECRET') as string }) as Error);
  });
});
