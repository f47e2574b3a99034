// What is watched after a promotion: the share left on the former adapter, and what became of the watch.
import { z } from 'zod';
import { Actor, ChannelName, Digest, FailureClass, Instant, SchemaVersion, WorkloadName } from './common.ts';

/** Share of sessions held back. Half at most: the adapter that was proven better is the one that serves. */
const HoldbackShare = z.number().gt(0).max(0.5);

/** How a channel is watched after a promotion. */
export const WatchPolicy = z.strictObject({
  /** Share of sessions that the former adapter goes on answering. */
  share: HoldbackShare.default(0.1),
  hours: z.number().positive().max(720).default(72),
  /** Chance of a false alarm in one watch, over all classes and looks. */
  alpha: z.number().positive().max(0.2).default(0.01),
  /** A smaller rise of a class's failure rate rolls nothing back (0.02 = 2 points). */
  minimumEffect: z.number().min(0).max(1).default(0.02),
  /** Sessions of one person that count. */
  perCaller: z.int().min(1).default(20),
  /** After an automatic rollback: promotions need an approver, and there is no second automatic rollback. */
  coolingOffHours: z.number().positive().default(72),
  pollSeconds: z.int().min(1).max(3600).default(60),
});
export type WatchPolicy = z.infer<typeof WatchPolicy>;

/** Part of a channel's entry while a share of its sessions is left on the former adapter. */
export const Holdback = z.looseObject({
  /** Who answers them; null: the base model. */
  digest: Digest.nullable(),
  share: HoldbackShare,
  until: Instant,
});
export type Holdback = z.infer<typeof Holdback>;

/** Part of an interaction that was drawn: the arm it was drawn into (the live adapter may have answered for one held back that was not served), and the share at the time. */
export const HoldbackMark = z.looseObject({ arm: z.enum(['live', 'holdback']), share: HoldbackShare });
export type HoldbackMark = z.infer<typeof HoldbackMark>;

/** `alarm`: the failure rate rose, and a person has to decide. */
export const WatchStatus = z.enum(['open', 'passed', 'rolled_back', 'alarm', 'superseded', 'ended']);
export type WatchStatus = z.infer<typeof WatchStatus>;

/** One watch: of one generation of one channel. */
export const WatchRecord = z.looseObject({
  schemaVersion: SchemaVersion,
  channel: ChannelName,
  generation: z.int().min(0),
  workload: WorkloadName,
  live: Digest.nullable(),
  holdback: Digest.nullable(),
  policy: WatchPolicy,
  classes: z.array(FailureClass),
  by: Actor,
  startedAt: Instant,
  status: WatchStatus,
  /** What a person should know while it is open, and why it ended after that. */
  reason: z.string().nullable(),
  endedAt: Instant.nullable(),
});
export type WatchRecord = z.infer<typeof WatchRecord>;
