// Says in one line for a person why a run ended: the code and the words of the innermost failure.
import { ApplicationFailure, isCancellation, rootCause, TimeoutFailure } from '@temporalio/workflow';

/** The failure that started it all: activities and child workflows wrap it. */
export function innermost(error: unknown): unknown {
  let inner = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  return inner;
}

export function endOf(error: unknown): { status: 'failed' | 'cancelled'; reason: string } {
  if (isCancellation(error)) return { status: 'cancelled', reason: 'cancelled by a person' };
  const inner = innermost(error);
  if (inner instanceof ApplicationFailure) return { status: 'failed', reason: `${inner.type ?? 'INTERNAL'}: ${inner.message}` };
  if (inner instanceof TimeoutFailure && inner.timeoutType === 'SCHEDULE_TO_START') return { status: 'failed', reason: 'no worker took the step in time: is a worker of its task queue running?' };
  if (inner instanceof TimeoutFailure && inner.timeoutType === 'SCHEDULE_TO_CLOSE') return { status: 'failed', reason: "the step did not end in its time; for training that is what the day's budget of GPU hours left (`ratchet schedule show`)" };
  return { status: 'failed', reason: `INTERNAL: ${rootCause(error) ?? 'unknown error'}` };
}
