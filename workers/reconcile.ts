// What a pipeline worker sets right beside its work: promotions that nothing goes on with, adapters that they left on the replicas, and
// rollbacks that Temporal has not heard of.
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import type { Deps } from '../activities/deps.ts';
import { channelEntryId, reconcileIntents, type Reconciled } from '../activities/intents.ts';
import { recordRollback } from '../activities/rollback-record.ts';
import { unloadOrphans } from '../activities/serve.ts';
import { safeMessage } from '../core/errors.ts';
import type { MetadataStore } from '../stores/ports.ts';

const RECORD_EVERY_MS = 30_000;
const TIDY_EVERY_MS = 10 * 60_000;

export interface Reconciling extends Pick<Deps, 'target' | 'workloads' | 'busyOn'> {
  client: Client;
  taskQueue: string;
  store: MetadataStore;
  logger: Logger;
  registry: Registry;
  /** How often promotions and adapters are looked at. */
  tidyEveryMs?: number;
}

/** Goes through open promotions and adapters left loaded now and every ten minutes, and through rollbacks to record every half minute. Returns its end. */
export async function startReconciling({ client, taskQueue, store, logger, registry, tidyEveryMs = TIDY_EVERY_MS, ...serving }: Reconciling): Promise<() => void> {
  const registers = [registry];
  const intents = new Counter({ name: 'ratchet_promotions_reconciled_total', help: 'Promotions found open, by what became of them: finished, closed, left (at the start of a worker)', labelNames: ['result'], registers });
  const rollbacks = new Counter({ name: 'ratchet_rollbacks_recorded_total', help: 'Rollbacks made without Temporal that it was told of afterwards', registers });
  const orphans = new Counter({ name: 'ratchet_orphaned_adapters_unloaded_total', help: 'Adapters that nothing went on with, taken off the replicas', registers });

  /** A server that cannot say is taken to run it: a promotion is given up only when nobody goes on with it. */
  const running = (workflowId: string): Promise<boolean> =>
    client.workflow.getHandle(workflowId).describe().then(({ status }) => status.name === 'RUNNING', (error: unknown) => !(error instanceof WorkflowNotFoundError));

  async function record(): Promise<void> {
    for (const entry of await store.rollbacksToRecord()) {
      await recordRollback({ store }, client, taskQueue, entry);
      rollbacks.inc();
      logger.warn({ channel: entry.channel, generation: entry.generation, by: entry.by, workflowId: `rollback/${channelEntryId(entry)}` }, 'a rollback was made without Temporal: it is recorded there now');
    }
  }
  async function tidy(begins: boolean): Promise<void> {
    await reconcileIntents({ store, logger, running, begins, count: (result: Reconciled) => intents.inc({ result }) });
    orphans.inc((await unloadOrphans({ store, logger, ...serving }, running)).length);
  }
  const tolerant = (work: Promise<void>): Promise<void> => work.catch((error: unknown) => logger.error({ error: safeMessage(error) }, 'promotions, adapters and rollbacks could not be set right; it is tried again'));

  await tolerant(tidy(true));
  await tolerant(record());
  const timers = [setInterval(() => void tolerant(record()), RECORD_EVERY_MS), setInterval(() => void tolerant(tidy(false)), tidyEveryMs)];
  return () => timers.forEach(clearInterval);
}
