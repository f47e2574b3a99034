// The slot that serving follows, with everything that was ever live in it.
import { z } from 'zod';
import { Actor, ChannelName, Digest, Instant, SchemaVersion } from './common.ts';
import { Holdback } from './watch.ts';

export const ChannelEntry = z.looseObject({
  schemaVersion: SchemaVersion,
  channel: ChannelName,
  /** Rises by one with every change, also with a rollback: a generation never names two adapters. 0 is the base model. */
  generation: z.int().min(0),
  live: Digest.nullable(),
  /** What it took the place of. */
  previous: Digest.nullable(),
  action: z.enum(['created', 'promoted', 'rolled_back']),
  by: Actor,
  reason: z.string(),
  verdictDigest: Digest.nullable(),
  approvalDigest: Digest.nullable(),
  /** A person's change, made on the store itself: Temporal hears of it afterwards. */
  byHand: z.boolean().optional(),
  time: Instant,
  /** The share of sessions that the former adapter goes on answering, as it is set now; it may have ended by its time. */
  holdback: Holdback.optional(),
});
export type ChannelEntry = z.infer<typeof ChannelEntry>;
