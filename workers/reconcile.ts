// What a pipeline worker sets right beside its work: promotions whose worker died, and rollbacks that Temporal has not heard of.
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { channelEntryId, reconcileIntents, type Reconciled } from '../activities/intents.ts';
import { recordRollback } from '../activities/rollback-record.ts';
import { safeMessage } from '../core/errors.ts';
import type { MetadataStore } from '../stores/ports.ts';

const EVERY_MS = 30_000;

export interface Reconciling {
  client: Client;
  taskQueue: string;
  store: MetadataStore;
  logger: Logger;
  registry: Registry;
}

/** Goes through open promotions now, and through rollbacks to record now and every half minute. Returns its end. */
export async function startReconciling({ client, taskQueue, store, logger, registry }: Reconciling): Promise<() => void> {
  const registers = [registry];
  const intents = new Counter({ name: 'ratchet_promotions_reconciled_total', help: 'Promotions found open at the start of a worker, by what became of them: finished, closed, left', labelNames: ['result'], registers });
  const rollbacks = new Counter({ name: 'ratchet_rollbacks_recorded_total', help: 'Rollbacks made without Temporal that it was told of afterwards', registers });

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
  const tolerant = (work: Promise<void>): Promise<void> => work.catch((error: unknown) => logger.error({ error: safeMessage(error) }, 'promotions and rollbacks could not be set right; it is tried again'));

  await tolerant(reconcileIntents({ store, logger, running, count: (result: Reconciled) => intents.inc({ result }) }));
  await tolerant(record());
  const timer = setInterval(() => void tolerant(record()), EVERY_MS);
  return () => clearInterval(timer);
}
