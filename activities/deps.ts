// What every step is given: the ports it works through, and the run it works for.
import type { Logger } from 'pino';
import type { Digest } from '../core/contracts/index.ts';
import type { BlobStore, JudgeModel, MetadataStore, Notifier, ServingTarget } from '../stores/ports.ts';
import type { Redactors } from '../stores/redactors.ts';
import type { LoadedWorkload } from '../stores/workloads.ts';

export interface Deps {
  store: MetadataStore;
  blobs: BlobStore;
  target: ServingTarget;
  /** Replicas apart from production's that evaluations ask; without it they ask `target`. */
  evaluation?: ServingTarget | undefined;
  /** Judges what suites want judged; without it no judge is heard. */
  judge?: JudgeModel | undefined;
  workloads: ReadonlyMap<string, LoadedWorkload>;
  redactors: Redactors;
  clock: () => Date;
  /** RATCHET_HOME: reports are written under it. */
  home: string;
  logger: Pick<Logger, 'info' | 'warn'>;
  /** Where `trainAdapter` runs, and how long a run waits for a free worker of that device class. */
  gpu: { taskQueue: string; scheduleToStartMs: number };
  /** Why requests may still be in flight on an adapter, on whichever gateway; null when every gateway says that none is. */
  busyOn: (adapter: Digest) => Promise<string | null>;
  /** How long a promotion waits for a replica that does not answer before it goes on without it. */
  replicaWaitMs: number;
  /** Where a test ends the process. */
  faultPoint: (name: string) => void;
  /** Tells people's own tools; null: nobody is to be told. */
  notifier: Notifier | null;
  /** Asks a workflow to end; one that has ended already is left alone. */
  cancelWorkflow: (workflowId: string) => Promise<void>;
  /** Starts a night of the workload before its time, in the schedule's name; `paused` by a person, or `busy` with another one: nothing happens. */
  startNight: (workload: string, reason: string) => Promise<'started' | 'paused' | 'busy'>;
  /** Hears of every step that ended: `result` is `ok`, `cancelled` or an error code. */
  observe: (step: string, seconds: number, result: string) => void;
}

/** Names a run in every step. `settingsDigest` is the blob of the workload as it was when the run began. */
export interface RunRef {
  schemaVersion: 1;
  runId: string;
  workload: string;
  settingsDigest: Digest;
}

export const now = (deps: Pick<Deps, 'clock'>): string => deps.clock().toISOString();
