// Follows a run: one line for each step and for what its activity reports, until the run ends.
import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { z } from 'zod';
import { TrainProgress, type RunRecord } from '../core/contracts/index.ts';
import type { MetadataStore } from '../stores/ports.ts';

export const ENDED: ReadonlySet<RunRecord['status']> = new Set(['skipped', 'promoted', 'rejected', 'held', 'lost', 'failed', 'cancelled']);

const clock = (seconds: number): string => (seconds >= 60 ? `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s` : `${Math.round(seconds)} s`);

/** What activities/evaluate.ts reports. */
const EvaluationProgress = z.object({ asked: z.int(), questions: z.int() });

/** What a heartbeat says, in words; unknown details give nothing. */
function heartbeatText(details: unknown): string | null {
  const training = TrainProgress.safeParse(details);
  if (training.success) {
    const { step, totalSteps, loss, tokens, secondsLeft } = training.data;
    return `step ${step} of ${totalSteps}${loss === null ? '' : `, loss ${loss.toFixed(3)}`}, ${tokens} tokens${secondsLeft === null ? '' : `, about ${clock(secondsLeft)} left`}`;
  }
  const evaluation = EvaluationProgress.safeParse(details);
  if (evaluation.success) return `${evaluation.data.asked} of ${evaluation.data.questions} answers`;
  return null;
}

async function progressOf(client: Client, workflowId: string): Promise<string | null> {
  const { raw } = await client.workflow.getHandle(workflowId).describe();
  for (const activity of raw.pendingActivities ?? []) {
    const payload = activity.heartbeatDetails?.payloads?.[0];
    const text = payload ? heartbeatText(defaultPayloadConverter.fromPayload(payload)) : null;
    if (text) return text;
  }
  return null;
}

/**
 * Resolves with the run's record once it has ended (or waits for an approval, when `stopAtApproval`).
 * Temporal going away for a while only interrupts the details.
 */
export async function watchRun(input: {
  store: MetadataStore;
  client: Client;
  runId: string;
  note: (line: string) => void;
  stopAtApproval?: boolean;
  intervalMs?: number;
  signal?: AbortSignal;
}): Promise<RunRecord> {
  const { store, client, runId, note, intervalMs = 1000 } = input;
  let lastStep = '';
  let lastText = '';
  let quietUntil = 0;
  for (;;) {
    input.signal?.throwIfAborted();
    const run = await store.run(runId);
    if (run) {
      if (run.step !== lastStep) {
        lastStep = run.step;
        note(`  ${run.step}`);
      }
      if (ENDED.has(run.status) || (input.stopAtApproval === true && run.status === 'awaiting_approval')) return run;
      if (Date.now() >= quietUntil) {
        const text = await progressOf(client, runId).catch(() => null);
        if (text !== null && text !== lastText) {
          lastText = text;
          quietUntil = Date.now() + 5000;
          note(`    ${text}`);
        }
      }
    }
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}
