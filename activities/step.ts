// What every step has in common as a Temporal activity: heartbeats, cancellation, failures that carry a code.
import { Context } from '@temporalio/activity';
import { CancelledFailure } from '@temporalio/common';
import { RatchetError, safeMessage } from '../core/errors.ts';
import type { Deps } from './deps.ts';
import { toFailure } from './errors.ts';

const HEARTBEAT_MS = 5_000;

/** How a long step stays in touch: it hears of a cancellation, and tells how far it is (counts only, they enter history). */
export interface Touch {
  signal: AbortSignal;
  report(counts: Record<string, number>): void;
}

type Step<Input, Output> = (deps: Deps, input: Input, touch: Touch) => Promise<Output>;

/**
 * Binds a step to its dependencies. Every step heartbeats, so that a worker that died is noticed by its silence within
 * seconds, whatever the step's own time limit is.
 */
export function asActivity<Input, Output>(deps: Deps, name: string, step: Step<Input, Output>): (input: Input) => Promise<Output> {
  return async (input) => {
    const context = Context.current();
    let counts: Record<string, number> = {};
    const timer = setInterval(() => context.heartbeat(counts), HEARTBEAT_MS);
    const startedMs = performance.now();
    let result = 'ok';
    try {
      return await step(deps, input, { signal: context.cancellationSignal, report: (latest) => (counts = latest) });
    } catch (error) {
      if (context.cancellationSignal.aborted) {
        result = 'cancelled';
        throw new CancelledFailure(`${name} was cancelled`);
      }
      result = error instanceof RatchetError ? error.code : 'INTERNAL';
      const { attempt, workflowExecution } = context.info;
      deps.logger.warn({ step: name, workflowId: workflowExecution?.workflowId, attempt, error: safeMessage(error) }, 'a step failed');
      throw toFailure(error);
    } finally {
      clearInterval(timer);
      deps.observe(name, (performance.now() - startedMs) / 1000, result);
    }
  };
}
