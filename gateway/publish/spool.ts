// Interactions on disk while Kafka is away: encrypted, bounded, in order. Each gateway has a folder of its own, which it holds
// locked; a folder that nobody holds was left by one that died, and the first to see it takes its files over.
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { RatchetError } from '../../core/errors.ts';
import { tryLock } from './lock.ts';
import type { Message } from './message.ts';
import { createSegment, readSegment, storedSize, type SegmentContent, type SegmentWriter } from './segment.ts';

export interface SpoolOptions {
  /** The spool of the installation, shared by all its gateways. */
  root: string;
  /** 64 hex digits (stores/keys.ts). */
  key: string;
  maxBytes: number;
  /** A file of this size is closed, and the next one begun. */
  segmentBytes?: number;
}

export interface Spool {
  bytes(): number;
  isEmpty(): boolean;
  /** In order. @returns how many fitted: those behind them did not. @throws what the disk says; then none was kept */
  append(messages: readonly Message[]): number;
  /** The oldest file's content, for as long as it is not done; null: nothing is spooled. */
  oldest(): (SegmentContent & { done: () => void }) | null;
  /** What was appended also outlives the machine's end. */
  sync(): void;
  /** Takes over what died gateways left. @returns how many files */
  adopt(): number;
  /** What is spooled stays for the next gateway. */
  close(): void;
}

const SEGMENT_BYTES = 4_194_304;
/** A file without any record. */
const EMPTY_BYTES = 40;
const LOCK = 'lock';
const UNREADABLE = 'unreadable';
const EXTENSION = '.spool';
/** Files taken over come before our own. */
const FIRST_OWN = 1_000_000_000;

interface Segment {
  path: string;
  bytes: number;
}

/** @throws STORE_UNAVAILABLE when no folder can be made */
export function openSpool({ root, key, maxBytes, segmentBytes = SEGMENT_BYTES }: SpoolOptions): Spool {
  const { dir, unlock } = ownFolder(root);
  const segments: Segment[] = [];
  let writer: SegmentWriter | null = null;
  let total = 0;
  let next = FIRST_OWN;
  let nextAdopted = FIRST_OWN - 1_000_000;

  const pathOf = (number: number): string => join(dir, `${String(number).padStart(12, '0')}${EXTENSION}`);

  function closeWriter(): void {
    writer?.sync();
    writer?.close();
    writer = null;
  }

  function drop(segment: Segment): void {
    if (segment === segments.at(-1)) closeWriter();
    rmSync(segment.path, { force: true });
    segments.splice(segments.indexOf(segment), 1);
    total -= segment.bytes;
  }

  /** All in the file that is being written, or in a new one. */
  function write(messages: readonly Message[]): void {
    if (writer === null || writer.size() >= segmentBytes) {
      closeWriter();
      const path = pathOf(next);
      writer = createSegment(path, key);
      next += 1;
      segments.push({ path, bytes: writer.size() });
      total += writer.size();
    }
    const segment = segments.at(-1) as Segment;
    try {
      writer.append(messages);
    } catch (error) {
      if (segment.bytes === EMPTY_BYTES) drop(segment);
      throw error;
    }
    total += writer.size() - segment.bytes;
    segment.bytes = writer.size();
  }

  /** Oldest first, so that a second death in the middle of this leaves an order too. */
  function adoptFolder(name: string): number {
    const folder = join(root, name);
    const release = folder === dir || name === UNREADABLE ? null : tryLock(join(folder, LOCK));
    if (release === null) return 0;
    try {
      const found = segmentsIn(folder);
      const adopted = found.map((path): Segment => {
        const taken = pathOf(nextAdopted);
        nextAdopted += 1;
        renameSync(path, taken);
        return { path: taken, bytes: statSync(taken).size };
      });
      const own = segments.findIndex(({ path }) => path >= pathOf(FIRST_OWN));
      segments.splice(own === -1 ? segments.length : own, 0, ...adopted);
      total += adopted.reduce((sum, { bytes }) => sum + bytes, 0);
      rmSync(folder, { recursive: true, force: true });
      return found.length;
    } catch (error) {
      // Another one took it over and removed it between our look and our lock.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
      throw error;
    } finally {
      release();
    }
  }

  return {
    bytes: () => total,
    isEmpty: () => segments.length === 0,
    append: (messages) => {
      let free = maxBytes - total;
      let fitting = 0;
      for (const message of messages) {
        free -= storedSize(message);
        if (free < 0) break;
        fitting += 1;
      }
      if (fitting > 0) write(messages.slice(0, fitting));
      return fitting;
    },
    oldest: () => {
      const [first] = segments;
      if (first === undefined) return null;
      // What is read is not written to any more.
      if (segments.length === 1) closeWriter();
      const content = readSegment(first.path, key);
      return {
        ...content,
        done: () => {
          // Another key opens it, perhaps: a person can put it back.
          if (content.messages.length === 0 && content.unreadable > 0) {
            mkdirSync(join(root, UNREADABLE), { recursive: true, mode: 0o700 });
            renameSync(first.path, join(root, UNREADABLE, `${randomUUID()}${EXTENSION}`));
          }
          drop(first);
        },
      };
    },
    sync: () => writer?.sync(),
    adopt: () => readdirSync(root).sort().reduce((sum, name) => sum + adoptFolder(name), 0),
    close: () => {
      closeWriter();
      if (segments.length === 0) rmSync(dir, { recursive: true, force: true });
      unlock();
    },
  };
}

const segmentsIn = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith(EXTENSION)).sort().map((name) => join(folder, name));

function ownFolder(root: string): { dir: string; unlock: () => void } {
  try {
    // Between the making and the locking another gateway may take an empty folder for an orphan and remove it.
    for (let attempt = 0; attempt < 10; attempt += 1) {
      const dir = join(root, `${new Date().toISOString().replaceAll(':', '-')}-${randomUUID().slice(0, 8)}`);
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      const unlock = tryLock(join(dir, LOCK));
      if (unlock !== null) return { dir, unlock };
    }
  } catch (error) {
    throw new RatchetError('STORE_UNAVAILABLE', `${root}: ${String((error as NodeJS.ErrnoException).code)}`, { cause: error });
  }
  throw new RatchetError('STORE_UNAVAILABLE', `${root}: a folder in it cannot be locked`);
}
