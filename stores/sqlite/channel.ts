// Channels: an append-only history whose last entry is live, changed by compare-and-swap; and promotions under way.
import { ChannelEntry, type Digest } from '../../core/contracts/index.ts';
import { RatchetError } from '../../core/errors.ts';
import type { MetadataStore, PromotionIntent } from '../ports.ts';
import { pack, unpack } from './body.ts';
import type { Database } from './database.ts';
import { withHoldback } from './watch.ts';

type Queries = Pick<MetadataStore, 'ensureChannel' | 'channel' | 'channels' | 'channelHistory' | 'swapChannel' | 'openIntent' | 'closeIntent' | 'openIntents' | 'rollbacksToRecord' | 'rollbackRecorded'>;

interface Row {
  body: Uint8Array;
}

const INTENT = 'SELECT id, channel, candidate, expected_generation AS expectedGeneration, state, at FROM promotion_intents';

export function channelQueries(database: Database): Queries {
  const asEntry = (row: Row): ChannelEntry => withHoldback(database, ChannelEntry.parse(unpack(row.body)));
  const current = (channel: string): ChannelEntry | null => {
    const row = database.get<Row>('SELECT body FROM channel_entries WHERE channel = ? ORDER BY generation DESC LIMIT 1', channel);
    return row ? asEntry(row) : null;
  };
  const append = (entry: ChannelEntry): ChannelEntry => {
    database.run('INSERT INTO channel_entries VALUES (?, ?, ?, ?)', entry.channel, entry.generation, entry.live, pack(entry));
    return entry;
  };
  const wasLive = (channel: string, live: Digest | null): boolean =>
    database.get('SELECT 1 FROM channel_entries WHERE channel = ? AND live IS ? LIMIT 1', channel, live) !== undefined;

  return {
    async ensureChannel(channel, time) {
      const known = current(channel);
      if (known) return known;
      return database.write(
        () =>
          current(channel) ??
          append(
            ChannelEntry.parse({
              ...{ schemaVersion: 1, channel, generation: 0, live: null, previous: null, action: 'created', by: 'ratchet' },
              ...{ reason: 'the base model answers until an adapter is promoted', verdictDigest: null, approvalDigest: null, time },
            }),
          ),
      );
    },

    async channel(channel) {
      return current(channel);
    },

    async channels() {
      return database.all<Row>('SELECT body, max(generation) FROM channel_entries GROUP BY channel ORDER BY channel').map(asEntry);
    },

    async channelHistory(channel) {
      return database.all<Row>('SELECT body FROM channel_entries WHERE channel = ? ORDER BY generation', channel).map(asEntry);
    },

    async swapChannel({ expectedGeneration, intentId, approvedBy = [], ...change }) {
      return database.write(() => {
        const before = current(change.channel);
        if (!before) throw new RatchetError('NOT_FOUND', `no channel ${change.channel}`);
        if (before.generation !== expectedGeneration) {
          throw new RatchetError('CHANNEL_CONFLICT', `${change.channel} is at generation ${before.generation}, the change was made for generation ${expectedGeneration}`);
        }
        if (intentId !== undefined && database.get("SELECT 1 FROM promotion_intents WHERE id = ? AND state = 'open'", intentId) === undefined) {
          throw new RatchetError('CHANNEL_CONFLICT', `${intentId} was given up: its change of ${change.channel} comes too late`);
        }
        if (intentId !== undefined && database.get('SELECT 1 FROM waiting_promotions WHERE promotion_id = ? AND ended IS NOT NULL', intentId) !== undefined) {
          throw new RatchetError('CHANNEL_CONFLICT', `${intentId} waits no longer: its change of ${change.channel} comes too late`);
        }
        const revoked = approvedBy.find((keyId) => database.get('SELECT 1 FROM approver_keys WHERE key_id = ? AND revoked IS NOT NULL', keyId) !== undefined);
        if (revoked !== undefined) throw new RatchetError('APPROVAL_VOID', `key ${revoked} approved this change of ${change.channel} and was revoked since`);
        if (change.action === 'rolled_back' && !wasLive(change.channel, change.live)) {
          throw new RatchetError('REQUEST_INVALID', `${change.live ?? 'the base model'} was never live in ${change.channel}: there is nothing to roll back to`);
        }
        const entry = append(ChannelEntry.parse({ schemaVersion: 1, ...change, generation: expectedGeneration + 1, previous: before.live }));
        if (entry.byHand === true) database.run('INSERT INTO rollbacks_to_record VALUES (?, ?)', entry.channel, entry.generation);
        return entry;
      });
    },

    async rollbacksToRecord() {
      return database.all<Row>('SELECT body FROM channel_entries JOIN rollbacks_to_record USING (channel, generation) ORDER BY channel, generation').map(asEntry);
    },

    async rollbackRecorded(channel, generation) {
      database.write(() => database.run('DELETE FROM rollbacks_to_record WHERE channel = ? AND generation = ?', channel, generation));
    },

    /** Idempotent: the same id gives the intent as it stands; one that was given up is open again. */
    async openIntent({ id, channel, candidate, expectedGeneration, at }) {
      return database.write(() => {
        database.run(
          "INSERT INTO promotion_intents (id, channel, candidate, expected_generation, state, at) VALUES (?, ?, ?, ?, 'open', ?) ON CONFLICT (id) DO UPDATE SET state = 'open' WHERE state = 'failed'",
          ...[id, channel, candidate, expectedGeneration, at],
        );
        const row = database.get<PromotionIntent>(`${INTENT} WHERE id = ?`, id);
        if (!row) throw new RatchetError('INTERNAL', `the intent ${id} was not kept`);
        return { ...row };
      });
    },

    async closeIntent(id, state) {
      database.write(() => {
        // What is in the channel is done, whoever gave it up meanwhile.
        if (database.run("UPDATE promotion_intents SET state = ?1 WHERE id = ?2 AND (state = 'open' OR (state = 'failed' AND ?1 = 'done'))", state, id) > 0) return;
        if (!database.get('SELECT 1 FROM promotion_intents WHERE id = ?', id)) throw new RatchetError('NOT_FOUND', `no promotion intent ${id}`);
      });
    },

    async openIntents() {
      return database.all<PromotionIntent>(`${INTENT} WHERE state = 'open' ORDER BY seq`).map((row) => ({ ...row }));
    },
  };
}
