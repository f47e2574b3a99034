// The share held back after a promotion, and the watch over both arms: each answer is read once, in the order of intake.
import { z } from 'zod';
import { Actor, ChannelEntry, FailureClass, Holdback, Instant, Interaction, WatchRecord, type Finding } from '../../core/contracts/index.ts';
import { passes } from '../../core/detect/index.ts';
import { RatchetError } from '../../core/errors.ts';
import { countAnswers, watchedAnswer, type CountRow, type WatchedAnswer } from '../../core/watch/count.ts';
import type { Stratum } from '../../core/watch/e-process.ts';
import { WATCHED_CLASSES, type ClassCounts } from '../../core/watch/judge.ts';
import type { HoldbackChange, MetadataStore } from '../ports.ts';
import { pack, unpack } from './body.ts';
import type { Database } from './database.ts';

type Queries = Pick<MetadataStore, 'setHoldback' | 'holdbacks' | 'openWatch' | 'watch' | 'watches' | 'countWatch' | 'watchCounts' | 'noteWatch' | 'closeWatch'>;

interface Row {
  body: Uint8Array;
}

type Counted = CountRow & { window: number };

const KeptHoldback = Holdback.extend({ by: Actor, reason: z.string(), time: Instant });
const Watched = Interaction.pick({ id: true, tenant: true, session: true, subject: true, finishReason: true, holdback: true });
const HOLDBACK = 'SELECT body FROM holdbacks WHERE channel = ? AND generation = ? ORDER BY seq';

/** The entry with the holdback as it was last set. */
export function withHoldback(database: Database, entry: ChannelEntry): ChannelEntry {
  const row = database.get<Row>(`${HOLDBACK} DESC LIMIT 1`, entry.channel, entry.generation);
  return row === undefined ? entry : { ...entry, holdback: Holdback.strip().parse(unpack(row.body)) };
}

export function watchQueries(database: Database): Queries {
  const live = (channel: string): ChannelEntry => {
    const row = database.get<Row>('SELECT body FROM channel_entries WHERE channel = ? ORDER BY generation DESC LIMIT 1', channel);
    if (row === undefined) throw new RatchetError('NOT_FOUND', `no channel ${channel}`);
    return ChannelEntry.parse(unpack(row.body));
  };
  const kept = (channel: string, generation: number): WatchRecord | null => {
    const row = database.get<Row>('SELECT body FROM watches WHERE channel = ? AND generation = ?', channel, generation);
    return row === undefined ? null : WatchRecord.parse(unpack(row.body));
  };
  const change = (channel: string, generation: number, over: Partial<WatchRecord>): WatchRecord => {
    const record = kept(channel, generation);
    if (record === null) throw new RatchetError('NOT_FOUND', `nobody watches ${channel} at generation ${generation}`);
    if (record.status !== 'open') return record;
    const changed = { ...record, ...over };
    database.run('UPDATE watches SET status = ?, body = ? WHERE channel = ? AND generation = ?', changed.status, pack(changed), channel, generation);
    return changed;
  };

  return {
    async setHoldback({ channel, generation, ...set }) {
      return database.write(() => {
        const entry = live(channel);
        if (entry.generation !== generation) throw new RatchetError('CHANNEL_CONFLICT', `${channel} is at generation ${entry.generation}, the holdback was meant for generation ${generation}`);
        if (set.digest === entry.live) throw new RatchetError('REQUEST_INVALID', `${set.digest ?? 'the base model'} is live in ${channel}: it cannot be held back as well`);
        const before = withHoldback(database, entry).holdback;
        if (before !== undefined && before.digest !== set.digest) throw new RatchetError('REQUEST_INVALID', `${channel} holds ${before.digest ?? 'the base model'} back at generation ${generation}: another one would mix two arms`);
        if (!database.get('SELECT 1 FROM channel_entries WHERE channel = ? AND live IS ? LIMIT 1', channel, set.digest)) throw new RatchetError('REQUEST_INVALID', `${set.digest ?? 'the base model'} was never live in ${channel}`);
        database.run('INSERT INTO holdbacks (channel, generation, body) VALUES (?, ?, ?)', channel, generation, pack(KeptHoldback.parse(set)));
        return withHoldback(database, entry);
      });
    },

    async holdbacks(channel, generation) {
      return database.all<Row>(HOLDBACK, channel, generation).map((row): HoldbackChange => ({ channel, generation, ...KeptHoldback.parse(unpack(row.body)) }));
    },

    async openWatch(record) {
      return database.write(() => {
        const before = kept(record.channel, record.generation);
        if (before !== null) return before;
        database.run('INSERT INTO watches SELECT ?, ?, ?, last, ? FROM sequence', record.channel, record.generation, record.status, pack(WatchRecord.parse(record)));
        return record;
      });
    },

    async watch(channel, generation) {
      return kept(channel, generation);
    },

    async watches({ channel, limit }) {
      const rows =
        channel === undefined
          ? database.all<Row>('SELECT body FROM watches ORDER BY rowid DESC LIMIT ?', limit)
          : database.all<Row>('SELECT body FROM watches WHERE channel = ? ORDER BY generation DESC LIMIT ?', channel, limit);
      return rows.map((row) => WatchRecord.parse(unpack(row.body)));
    },

    async countWatch(channel, generation, { limit, window }) {
      const record = kept(channel, generation);
      if (record === null) throw new RatchetError('NOT_FOUND', `nobody watches ${channel} at generation ${generation}`);
      const { cursor = 0 } = database.get<{ cursor: number }>('SELECT cursor FROM watches WHERE channel = ? AND generation = ?', channel, generation) ?? {};
      // Bodies of other generations are not even read.
      const rows = database.all<{ seq: number; findings: string; body: Uint8Array | null }>(
        'SELECT seq, findings, CASE WHEN generation = ? THEN body END AS body FROM interactions WHERE workload = ? AND seq > ? ORDER BY seq LIMIT ?',
        ...[generation, record.workload, cursor, limit],
      );
      const last = rows.at(-1)?.seq;
      if (last === undefined) return { read: 0 };
      const answers = rows.flatMap(({ findings, body }): WatchedAnswer[] => {
        if (body === null) return [];
        const failed = (JSON.parse(findings) as Finding[]).filter((finding) => !passes([finding])).map((finding) => finding.class);
        const answer = watchedAnswer(Watched.parse(unpack(body)), failed.filter((name) => WATCHED_CLASSES.includes(name)));
        return answer === null ? [] : [answer];
      });
      const { units, rows: counts } = countAnswers(answers, knownOf(database, channel, generation, answers), record.policy.perCaller);
      database.write(() => {
        // Whoever counted these answers meanwhile has moved the cursor.
        const moved = database.run("UPDATE watches SET cursor = ? WHERE channel = ? AND generation = ? AND cursor = ? AND status = 'open'", last, channel, generation, cursor);
        if (moved === 0) return;
        for (const unit of units) database.run('INSERT INTO watch_units VALUES (?, ?, ?)', channel, generation, unit);
        for (const { kind, who, share, arm, class: name, answers: count } of counts) {
          database.run('INSERT INTO watch_counts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET answers = answers + excluded.answers', channel, generation, kind, who, window, share, arm, name, count);
        }
      });
      return { read: rows.length };
    },

    async watchCounts(channel, generation) {
      const rows = database.all<Counted>('SELECT kind, who, part AS window, share, arm, class, answers FROM watch_counts WHERE channel = ? AND generation = ?', channel, generation);
      return countsByClass(rows);
    },

    async noteWatch(channel, generation, reason) {
      return database.write(() => change(channel, generation, { reason }));
    },

    async closeWatch(channel, generation, { status, reason, endedAt }) {
      return database.write(() => {
        const record = change(channel, generation, { status, reason, endedAt });
        // Who was counted is of no use any more; the sums stay.
        database.run('DELETE FROM watch_units WHERE channel = ? AND generation = ?', channel, generation);
        database.run("DELETE FROM watch_counts WHERE channel = ? AND generation = ? AND kind = 'caller'", channel, generation);
        return record;
      });
    },
  };
}

/** Which of the batch's sessions were counted before, and how often its callers were. */
function knownOf(database: Database, channel: string, generation: number, answers: readonly WatchedAnswer[]): { units: Set<number>; callers: Map<string, number> } {
  const units = new Set<number>();
  const callers = new Map<string, number>();
  for (const { unit, caller } of answers) {
    if (unit !== null && database.get('SELECT 1 FROM watch_units WHERE channel = ? AND generation = ? AND unit = ?', channel, generation, unit)) units.add(unit);
    if (caller === null || callers.has(caller)) continue;
    const counted = database.get<{ n: number }>("SELECT coalesce(sum(answers), 0) AS n FROM watch_counts WHERE channel = ? AND generation = ? AND kind = 'caller' AND who = ? AND class = ''", channel, generation, caller);
    callers.set(caller, counted?.n ?? 0);
  }
  return { units, callers };
}

/** A caller that is the only tenant is everybody: leaving it out would leave nothing to judge. */
function countsByClass(rows: readonly Counted[]): ClassCounts[] {
  const tenants = new Set(rows.filter(({ kind }) => kind === 'tenant').map(({ who }) => who));
  const groups = new Map<string, Counted[]>();
  for (const row of rows) {
    if (row.kind === 'tenant' && tenants.size < 2) continue;
    const key = row.kind === 'tenant' ? `tenant ${row.who}` : `caller ${row.who}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  const all = rows.filter(({ kind }) => kind === 'tenant');
  return WATCHED_CLASSES.map((name) => ({ class: name, strata: strataOf(all, name), callers: [...groups].map(([caller, own]) => ({ caller, strata: strataOf(own, name) })) }));
}

function strataOf(rows: readonly Counted[], name: FailureClass): Stratum[] {
  const strata = new Map<string, Stratum>();
  for (const row of rows) {
    if (row.class !== '' && row.class !== name) continue;
    const key = `${row.window} ${row.share}`;
    let stratum = strata.get(key);
    if (stratum === undefined) strata.set(key, (stratum = { window: row.window, share: row.share, live: { answers: 0, failing: 0 }, holdback: { answers: 0, failing: 0 } }));
    stratum[row.arm][row.class === '' ? 'answers' : 'failing'] += row.answers;
  }
  return [...strata.values()];
}
