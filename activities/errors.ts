// The one place where an error becomes a Temporal failure: stable code as type, retry by the table, nothing of a record in it.
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { RatchetError, safeMessage } from '../core/errors.ts';

/**
 * Foreign messages and stacks may quote prompts or answers, so they are left behind; only our own words travel.
 * Neither does the cause: a failure's whole chain is written into workflow history.
 */
export function toFailure(error: unknown): Error {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  if (error instanceof RatchetError) return ApplicationFailure.create({ message: error.message, type: error.code, nonRetryable: !error.retryable });
  return ApplicationFailure.create({ message: safeMessage(error), type: 'INTERNAL' });
}
