// Who may ask: callers' keys, each with its tenant and its limits. Without any key ever made the door is open, as on a developer's machine.
import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import { safeMessage } from '../core/errors.ts';
import type { CallerKey, MetadataStore } from '../stores/ports.ts';
import { createBucket, type Bucket } from './rate-limit.ts';
import { Refusal } from './refusal.ts';

export interface Caller {
  /** @param named what the caller's header says */
  tenantOf(named: string | undefined): string;
  /** What an answer used, known when it is over. */
  charge(tokens: number): void;
}

export interface Callers {
  /** @throws Refusal 401 without a valid key, 403 for a web page, 429 over a limit */
  admit(req: IncomingMessage): Promise<Caller> | Caller;
  /** No key was ever made. */
  isOpen(): boolean;
  close(): void;
}

/** Keys are read again this often: a revocation is seen after at most this long. */
const REFRESH_MS = 2_000;
/** An unknown key may be a new one; looking it up has its own limit. */
const SOONEST_REFRESH_MS = 200;

const ANYONE: Caller = { tenantOf: (named) => named ?? 'default', charge: () => undefined };

interface Known {
  key: CallerKey;
  requests: Bucket | null;
  tokens: Bucket | null;
}

/** Reads the keys once before it resolves. */
export async function createCallers(deps: { store: Pick<MetadataStore, 'callerKeys'>; logger: Logger }): Promise<Callers> {
  const { store, logger } = deps;
  let byHash = new Map<string, Known>();
  let byId = new Map<string, Known>();
  let isOpen = true;
  let readAt = -Infinity;
  let reading: Promise<void> | null = null;

  async function read(): Promise<void> {
    const startedAt = performance.now();
    const keys = await store.callerKeys();
    const known = keys.map((key): Known => byId.get(key.id) ?? withBuckets(key, startedAt));
    byId = new Map(known.map((one) => [one.key.id, one]));
    const valid = new Set(keys.filter(({ revokedAt }) => revokedAt === null).map(({ id }) => id));
    byHash = new Map(known.filter(({ key }) => valid.has(key.id)).map((one) => [one.key.hash, one]));
    // A revoked key too: the last revocation does not open the door.
    isOpen = keys.length === 0;
    readAt = startedAt;
  }
  const refresh = (): Promise<void> => (reading ??= read().finally(() => (reading = null)));
  await refresh();
  const timer = setInterval(() => void refresh().catch((error: unknown) => logger.error({ error: safeMessage(error) }, "callers' keys cannot be read: those known go on")), REFRESH_MS);
  timer.unref();

  function admitKnown({ key, requests, tokens }: Known): Caller {
    const now = performance.now();
    const waitMs = Math.max(requests?.waitMs(now) ?? 0, tokens?.waitMs(now) ?? 0);
    if (waitMs > 0) throw new Refusal(429, 'rate_limit_exceeded', `over the limit of ${limitsOf(key)} of this key`, { retryAfterSeconds: Math.ceil(waitMs / 1000) });
    requests?.take(1, now);
    return {
      tenantOf: (named) => (key.mayNameTenant && named !== undefined ? named : key.tenant),
      charge: (used) => tokens?.take(used, performance.now()),
    };
  }

  return {
    isOpen: () => isOpen,
    admit: (req) => {
      // Nor is a web page that a browser has open on this machine one of its programs.
      if (isOpen && req.headers.origin !== undefined) throw new Refusal(403, 'forbidden', "a web page may not ask without a key; make one with `ratchet gateway-key new`");
      if (isOpen) return ANYONE;
      const [scheme = '', secret = ''] = (req.headers.authorization ?? '').split(' ', 2);
      const given = scheme.toLowerCase() === 'bearer' && secret !== '' ? hash('sha256', secret, 'hex') : null;
      if (given === null) throw unauthorized();
      const known = byHash.get(given);
      if (known !== undefined) return admitKnown(known);
      if (performance.now() - readAt < SOONEST_REFRESH_MS) throw unauthorized();
      return refresh().then(() => {
        const fresh = byHash.get(given);
        if (fresh === undefined) throw unauthorized();
        return admitKnown(fresh);
      });
    },
    close: () => clearInterval(timer),
  };
}

const unauthorized = (): Refusal => new Refusal(401, 'invalid_api_key', 'no valid key of a caller in the Authorization header: `Bearer rk_…`');

const withBuckets = (key: CallerKey, now: number): Known => ({
  key,
  requests: key.requestsPerMinute === null ? null : createBucket(key.requestsPerMinute, now),
  tokens: key.tokensPerMinute === null ? null : createBucket(key.tokensPerMinute, now),
});

const limitsOf = ({ requestsPerMinute, tokensPerMinute }: CallerKey): string =>
  [requestsPerMinute === null ? [] : `${requestsPerMinute} requests`, tokensPerMinute === null ? [] : `${tokensPerMinute} tokens`].flat().join(' and ') + ' a minute';
