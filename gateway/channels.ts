// Which adapter a channel's name stands for now, and how many requests each adapter still answers.
import type { ChannelEntry, Digest } from '../core/contracts/index.ts';
import { nameOf } from '../core/digest.ts';
import type { MetadataStore } from '../stores/ports.ts';
import { heldBack } from './holdback.ts';

/** A swap of the channel is seen after at most this long. */
const FRESH_MS = 50;

interface Slot {
  entry: ChannelEntry | null;
  readAt: number;
  reading: Promise<void> | null;
}

export interface Channels {
  /** The channel's entry, never older than 50 ms and never of a lower generation than one seen before. */
  current(channel: string): Promise<ChannelEntry | null>;
  /** What was last read, without asking: what a request that resolves now would get at the oldest. */
  known(): ChannelEntry[];
  /** Former adapters that still answer a share of some channel's sessions. */
  heldBack(): Digest[];
  /** Counts a request as in flight; call it in the same turn that `current` resolved. Returns its end. */
  begin: (adapter: Digest | null) => () => void;
  /** By adapter digest or `base`. */
  inFlight: () => Record<string, number>;
}

export function createChannels(store: Pick<MetadataStore, 'channel'>, names: readonly string[]): Channels {
  const slots = new Map<string, Slot>(names.map((name) => [name, { entry: null, readAt: -Infinity, reading: null }]));
  const counts = new Map<string, number>();

  async function read(channel: string, slot: Slot): Promise<void> {
    const startedAt = performance.now();
    try {
      const entry = await store.channel(channel);
      // Reads may end in another order than they began: a generation never goes back.
      if (entry !== null && (slot.entry === null || entry.generation >= slot.entry.generation)) slot.entry = entry;
      slot.readAt = startedAt;
    } finally {
      slot.reading = null;
    }
  }

  return {
    current: async (channel) => {
      const slot = slots.get(channel);
      if (slot === undefined) return null;
      if (performance.now() - slot.readAt >= FRESH_MS) await (slot.reading ??= read(channel, slot));
      return slot.entry;
    },
    known: () => [...slots.values()].flatMap((slot) => slot.entry ?? []),
    heldBack: () => {
      const nowMs = Date.now();
      return [...new Set([...slots.values()].flatMap(({ entry }) => (entry === null ? [] : (heldBack(entry, nowMs) ?? []))))];
    },
    begin: (adapter) => {
      const served = nameOf(adapter);
      counts.set(served, (counts.get(served) ?? 0) + 1);
      let open = true;
      return () => {
        if (!open) return;
        open = false;
        const left = (counts.get(served) ?? 1) - 1;
        if (left > 0) counts.set(served, left);
        else counts.delete(served);
      };
    },
    inFlight: () => Object.fromEntries(counts),
  };
}
