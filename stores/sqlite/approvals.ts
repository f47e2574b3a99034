// Keys that may decide, and promotions that wait for people: each begins once and ends once.
import { ApproverKey, WaitingPromotion } from '../../core/contracts/index.ts';
import { RatchetError } from '../../core/errors.ts';
import type { MetadataStore } from '../ports.ts';
import { pack, unpack } from './body.ts';
import type { Database } from './database.ts';

type Queries = Pick<MetadataStore, 'enrolKey' | 'revokeKey' | 'approverKey' | 'approverKeys' | 'openPromotion' | 'endPromotion' | 'waitingPromotion' | 'waitingPromotions'>;

interface KeyRow {
  body: Uint8Array;
  revoked: Uint8Array | null;
}

interface PromotionRow {
  body: Uint8Array;
  ended: Uint8Array | null;
}

const asKey = (row: KeyRow): ApproverKey => ApproverKey.parse({ ...(unpack(row.body) as object), revoked: row.revoked && unpack(row.revoked) });
const asPromotion = (row: PromotionRow): WaitingPromotion => WaitingPromotion.parse({ ...(unpack(row.body) as object), ended: row.ended && unpack(row.ended) });

export function approvalQueries(database: Database): Queries {
  const key = (keyId: string): ApproverKey | null => {
    const row = database.get<KeyRow>('SELECT body, revoked FROM approver_keys WHERE key_id = ?', keyId);
    return row ? asKey(row) : null;
  };
  const promotion = (id: string): WaitingPromotion | null => {
    const row = database.get<PromotionRow>('SELECT body, ended FROM waiting_promotions WHERE promotion_id = ?', id);
    return row ? asPromotion(row) : null;
  };

  return {
    async enrolKey(wanted) {
      database.write(() => {
        if (key(wanted.keyId)) throw new RatchetError('REQUEST_INVALID', `key ${wanted.keyId} was enrolled before: a key is enrolled once, make a new one`);
        const { revoked: _, ...body } = ApproverKey.parse(wanted);
        database.run('INSERT INTO approver_keys (key_id, body) VALUES (?, ?)', wanted.keyId, pack(body));
      });
    },

    async revokeKey(keyId, revoked) {
      return database.write(() => {
        const known = key(keyId);
        if (!known) throw new RatchetError('NOT_FOUND', `no key ${keyId} is enrolled`);
        if (known.revoked !== null) return known;
        database.run('UPDATE approver_keys SET revoked = ? WHERE key_id = ?', pack(revoked), keyId);
        return { ...known, revoked };
      });
    },

    async approverKey(keyId) {
      return key(keyId);
    },

    async approverKeys() {
      return database.all<KeyRow>('SELECT body, revoked FROM approver_keys ORDER BY seq').map(asKey);
    },

    async openPromotion(wanted) {
      return database.write(() => {
        const known = promotion(wanted.promotionId);
        const older = (): WaitingPromotion[] =>
          database
            .all<PromotionRow>(
              'SELECT body, ended FROM waiting_promotions WHERE channel = ?1 AND ended IS NULL AND seq < (SELECT seq FROM waiting_promotions WHERE promotion_id = ?2) ORDER BY seq',
              ...[wanted.channel, wanted.promotionId],
            )
            .map(asPromotion);
        if (known) return { promotion: known, older: older() };
        const { ended: _, ...body } = WaitingPromotion.parse(wanted);
        database.run('INSERT INTO waiting_promotions (promotion_id, channel, body) VALUES (?, ?, ?)', wanted.promotionId, wanted.channel, pack(body));
        return { promotion: wanted, older: older() };
      });
    },

    async endPromotion(id, ended) {
      return database.write(() => {
        const known = promotion(id);
        if (!known) throw new RatchetError('NOT_FOUND', `promotion ${id} never waited`);
        if (known.ended !== null) return known;
        database.run('UPDATE waiting_promotions SET ended = ? WHERE promotion_id = ?', pack(ended), id);
        return { ...known, ended };
      });
    },

    async waitingPromotion(id) {
      return promotion(id);
    },

    async waitingPromotions({ channel, ended = false, limit }) {
      const where = [...(channel === undefined ? [] : ['channel = ?2']), ...(ended ? [] : ['ended IS NULL'])];
      return database
        .all<PromotionRow>(`SELECT body, ended FROM waiting_promotions ${where.length > 0 ? `WHERE ${where.join(' AND ')}` : ''} ORDER BY seq DESC LIMIT ?1`, limit, ...(channel === undefined ? [] : [channel]))
        .map(asPromotion);
    },
  };
}
