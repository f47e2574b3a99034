// The way of an interaction to Kafka: a short queue in memory while Kafka takes what comes, the spool on disk while it does not.
// In order: while anything is spooled, what comes new is spooled behind it. Nothing here is waited for by an answer.
import { sizeOf, type LostReason, type Message, type Send } from './message.ts';
import type { Spool } from './spool.ts';

export interface OutboxOptions {
  send: Send;
  /** Null: nothing outlives the process; what does not fit into memory is lost. */
  spool: Spool | null;
  lost: (reason: LostReason, count: number) => void;
  published: (count: number) => void;
  /** Kafka went away, or is back. `reason`: the class of the error, never its words. */
  away: (isAway: boolean, error?: unknown) => void;
  /** In memory at once. */
  maxQueued?: number;
  maxQueuedBytes?: number;
  /** How long the first message of a batch waits for others. */
  lingerMs?: number;
  /** What Kafka has not taken by then is spooled: it may not be a slow answer but none. */
  patienceMs?: number;
  firstPauseMs?: number;
}

export interface Outbox {
  put(messages: readonly Message[]): void;
  /** In memory. */
  queued(): number;
  /** Sends for at most this long; the rest stays in the spool, or is lost where there is none. */
  close(timeoutMs: number): Promise<void>;
}

/** A broker takes 1 MiB a batch by default, envelope included. */
export const MAX_MESSAGE_BYTES = 1_000_000;
const BATCH_BYTES = 512_000;
const BATCH_MESSAGES = 500;
const LONGEST_PAUSE_MS = 10_000;
/** What a machine's end may cost of the spool, and how soon a died gateway's is taken over. */
const SYNC_MS = 1_000;
const ADOPT_MS = 60_000;

export function createOutbox(options: OutboxOptions): Outbox {
  const { send, spool, lost, published, maxQueued = 10_000, maxQueuedBytes = 33_554_432, lingerMs = 5, patienceMs = 1_000, firstPauseMs = 250 } = options;
  let memory: Message[] = [];
  let memoryBytes = 0;
  /** The spool's oldest file, and how much of it Kafka has. */
  let reading: { messages: Message[]; at: number; done: () => void } | null = null;
  /** Messages at the front of the spool that Kafka has taken since they were spooled. */
  let taken = 0;
  let lastKept = 0;
  let isAway = false;
  let closing = false;
  let ended = false;
  let wake: (() => void) | null = null;
  let draining: Promise<void> | null = null;

  /**
   * Everything in memory goes to disk; messages that are just being sent too, they may not arrive. The spool is empty then.
   * @returns how many it kept; null: there is no disk to take them, they stay in memory
   */
  function spill(): number | null {
    if (spool === null) return null;
    let kept = 0;
    try {
      if (memory.length > 0) kept = spool.append(memory);
    } catch {
      return null;
    }
    if (kept < memory.length) lost('spool_full', memory.length - kept);
    memory = [];
    memoryBytes = 0;
    lastKept = kept;
    return kept;
  }

  function toSpool(messages: readonly Message[], to: Spool): void {
    try {
      const kept = to.append(messages);
      if (kept < messages.length) lost('spool_full', messages.length - kept);
    } catch {
      lost('spool_failed', messages.length);
    }
  }

  const isSpooling = (): boolean => spool !== null && !(spool.isEmpty() && reading === null);

  function put(messages: readonly Message[]): void {
    const fitting = messages.filter((message) => sizeOf(message) <= MAX_MESSAGE_BYTES);
    if (fitting.length < messages.length) lost('too_big', messages.length - fitting.length);
    let at = 0;
    let refused = 0;
    for (let message = fitting[at]; message !== undefined && !isSpooling(); message = fitting[at]) {
      const isFull = memory.length > 0 && (memory.length >= maxQueued || memoryBytes + sizeOf(message) > maxQueuedBytes);
      if (isFull && spill() !== null) continue;
      at += 1;
      if (isFull) refused += 1;
      else {
        memory.push(message);
        memoryBytes += sizeOf(message);
      }
    }
    if (refused > 0) lost('queue_full', refused);
    if (spool !== null && at < fitting.length) toSpool(fitting.slice(at), spool);
    kick();
  }

  function batchOf(messages: readonly Message[], from: number): Message[] {
    let bytes = 0;
    let to = from;
    for (let message = messages[to]; message !== undefined && to - from < BATCH_MESSAGES; message = messages[to]) {
      bytes += sizeOf(message);
      if (to > from && bytes > BATCH_BYTES) break;
      to += 1;
    }
    return messages.slice(from, to);
  }

  function readOldest(): boolean {
    const oldest = spool?.oldest() ?? null;
    if (oldest === null) return false;
    if (oldest.torn > 0) lost('spool_torn', oldest.torn);
    if (oldest.unreadable > 0) lost('spool_unreadable', oldest.unreadable);
    reading = { messages: oldest.messages, at: Math.min(taken, oldest.messages.length), done: oldest.done };
    taken -= reading.at;
    return true;
  }

  async function sendFromMemory(): Promise<void> {
    const batch = batchOf(memory, 0);
    // Whoever spills while this is on its way (impatience, a full memory) leaves another array behind.
    const inMemory = memory;
    const impatient = setTimeout(spill, patienceMs);
    try {
      await send(batch);
      if (memory === inMemory) {
        memory.splice(0, batch.length);
        memoryBytes -= batch.reduce((sum, message) => sum + sizeOf(message), 0);
      } else taken += Math.min(batch.length, lastKept);
      published(batch.length);
    } catch (error) {
      if (memory === inMemory) spill();
      throw error;
    } finally {
      clearTimeout(impatient);
    }
  }

  async function sendFromSpool(from: NonNullable<typeof reading>): Promise<void> {
    const batch = batchOf(from.messages, from.at);
    if (batch.length > 0) {
      await send(batch);
      from.at += batch.length;
      published(batch.length);
    }
    if (from.at < from.messages.length) return;
    from.done();
    reading = null;
  }

  async function drain(): Promise<void> {
    let pauseMs = firstPauseMs;
    if (!closing && reading === null) await pause(lingerMs);
    while (!ended) {
      try {
        // Memory first: there is something in both only where the disk refused, and then memory's is older.
        if (memory.length > 0) await sendFromMemory();
        else if (reading !== null || readOldest()) await sendFromSpool(reading as NonNullable<typeof reading>);
        else return;
        if (isAway) options.away(false);
        isAway = false;
        pauseMs = firstPauseMs;
      } catch (error) {
        if (!isAway) options.away(true, error);
        isAway = true;
        if (closing) return;
        await pause(pauseMs);
        pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
      }
    }
  }

  const isIdle = (): boolean => memory.length === 0 && reading === null && (spool?.isEmpty() ?? true);

  function kick(): void {
    if (isIdle()) return;
    draining ??= drain().finally(() => {
      draining = null;
      // A message may have come between the last look and now.
      if (!closing) kick();
    });
  }

  /** Sleeps, unless it is closing. */
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      if (closing) return resolve();
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  /** Not while the front of the spool stands for what Kafka has: what is taken over comes before it. */
  function adopt(): void {
    if (taken > 0 || spool === null || spool.adopt() === 0) return;
    kick();
  }

  adopt();
  const syncing = setInterval(() => spool?.sync(), SYNC_MS);
  const adopting = setInterval(adopt, ADOPT_MS);
  for (const timer of [syncing, adopting]) timer.unref();

  return {
    put,
    queued: () => memory.length,
    close: async (timeoutMs) => {
      closing = true;
      wake?.();
      const flushed = (async () => {
        await draining;
        // A drain that ended with an error leaves the rest: one more try is all that is left.
        if (!isIdle()) await drain();
      })();
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([flushed, new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs)))]);
      clearTimeout(timer);
      clearInterval(syncing);
      clearInterval(adopting);
      ended = true;
      if (spill() === null && memory.length > 0) lost('shutdown', memory.length);
      spool?.close();
    },
  };
}
