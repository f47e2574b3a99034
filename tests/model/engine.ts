// Stand-ins for the engine that serves and for the blob store: they answer at once, and fail when they are told to.
import type { Digest } from '../../core/contracts/index.ts';
import { digestOfBytes, keyedUnit } from '../../core/digest.ts';
import { RatchetError } from '../../core/errors.ts';
import type { BlobStore, ServingTarget } from '../../stores/ports.ts';
import { answerTo, TICKET } from '../support/pipeline-world.ts';
import { currentTry } from './in-process.ts';

/** Shares of right answers among adapters: a candidate is worse than, like or better than what is live, and each night anew, as traffic changes. */
const QUALITIES = [0, 0.55, 0.55, 0.75, 1, 1, 1, 1];

export interface Engine {
  away: boolean;
  failLoad: boolean;
  failSmoke: boolean;
  failIsolation: boolean;
}

export const WELL: Engine = { away: false, failLoad: false, failSmoke: false, failIsolation: false };

/** Bytes by digest, as the directory of the real one keeps them. */
export function memoryBlobs(): BlobStore {
  const kept = new Map<Digest, Uint8Array>();
  return {
    put: async (bytes) => {
      const digest = digestOfBytes(bytes);
      kept.set(digest, bytes);
      return digest;
    },
    putFile: () => Promise.reject(new Error('not in this world')),
    get: async (digest) => {
      const bytes = kept.get(digest);
      if (!bytes) throw new RatchetError('NOT_FOUND', `no blob ${digest}`);
      return bytes;
    },
    has: async (digest) => kept.has(digest),
    path: (digest) => digest,
  };
}

/**
 * @param season which night it is
 * @param onUnload hears of every adapter that is about to be taken off
 */
export function engineTarget(engine: Engine, loaded: Set<Digest>, luck: string, season: () => number, onUnload: (adapter: Digest) => Promise<void>): ServingTarget {
  const URL = 'http://engine';
  const note = (call: string): void => void currentTry()?.calls.push(call);
  const assertHere = (): void => {
    if (engine.away) throw new RatchetError('SERVING_UNAVAILABLE', `${URL} does not answer`);
  };
  const share = (adapter: Digest | null): number => (adapter === null ? 0.1 : (QUALITIES[Math.floor(keyedUnit(luck, `${adapter} ${season()}`) * QUALITIES.length)] ?? 0));
  return {
    replicas: [URL],
    baseModel: 'stand-in',
    maxLoraRank: 16,
    state: async () => [{ url: URL, healthy: !engine.away, engineBuild: 'stand-in-1', adapters: [...loaded].map((digest) => ({ digest, root: digest })) }],
    load: async (adapter) => {
      assertHere();
      if (engine.failLoad) throw new RatchetError('ADAPTER_LOAD_FAILED', `${URL} refused ${adapter}`);
      loaded.add(adapter);
      note(`load ${adapter}`);
    },
    unload: async (adapter) => {
      assertHere();
      await onUnload(adapter);
      loaded.delete(adapter);
    },
    checkIsolation: async (adapters) => {
      assertHere();
      if (engine.failIsolation) throw new RatchetError('ISOLATION_BROKEN', `${URL} mixes ${adapters.length} adapters up`);
      for (const adapter of adapters) note(`isolated ${adapter}`);
      return [{ replica: URL, prompts: 1, arms: adapters.length + 1 }];
    },
    logprob: () => Promise.reject(new RatchetError('SERVING_UNAVAILABLE', 'not in this world')),
    chat: async ({ adapter, messages }) => {
      assertHere();
      if (adapter !== null && !loaded.has(adapter)) throw new RatchetError('ADAPTER_NOT_SERVED', `${URL} does not serve ${adapter}`);
      note(`asked ${adapter ?? 'base'}`);
      const ticket = TICKET.exec(JSON.stringify(messages))?.[0] ?? '';
      const text = engine.failSmoke ? '' : keyedUnit(luck, `${adapter ?? 'base'} ${ticket}`) < share(adapter) ? answerTo(ticket) : 'I cannot say.';
      return { text, finishReason: 'stop', inputTokens: 1, outputTokens: 1, latencyMs: 1 };
    },
  };
}
