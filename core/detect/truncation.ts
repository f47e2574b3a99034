// Whether an answer was stopped before its end, and by whom: the token limit is the model's affair, a lost caller is not.
import type { Evidence, FinishReason } from '../contracts/index.ts';

export const TRUNCATION_DETECTOR = 'truncation@1';

/** The token limit stopped the model. */
export const wasCut = (finishReason: FinishReason): boolean => finishReason === 'length';

/** Somebody else stopped it: what it would have said is not in the record. */
export const wasWithheld = (finishReason: FinishReason): boolean => finishReason === 'aborted' || finishReason === 'error' || finishReason === 'content_filter';

export const cutAt = (offset: number): Evidence => ({ rule: 'finish_reason_length', start: offset, end: offset });
