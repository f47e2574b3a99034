// One model call as an export tells it, before it is judged or becomes an event.
import type { DetectionInput, DetectionOptions } from '../../core/detect/index.ts';
import type { DetectorSettings, FinishReason, Interaction } from '../../core/contracts/index.ts';

export interface ReadCall extends DetectionInput {
  /** The export's own name for the call; undefined where it has none. */
  id: string | number | undefined;
  /** What the line itself says is expected; undefined leaves it to the workload, or to the answer. */
  expect?: DetectorSettings['expect'];
  options?: DetectionOptions;
  /** What an import needs beyond that. */
  record?: CallRecord;
}

export interface CallRecord {
  /** Stable name of the place that the export comes from. */
  source: string;
  /** RFC 3339; undefined where the export does not say. */
  time: string | undefined;
  model: string | undefined;
  provider?: string | undefined;
  responseId?: string | undefined;
  promptVersion?: string | undefined;
  session?: string | undefined;
  subject?: string | undefined;
  sampling?: Interaction['sampling'];
  usage?: Interaction['usage'];
  traceparent?: string | undefined;
  /** Parts that are no text (images, sound, files) and so are not in the messages. */
  omittedParts?: number;
}

/** Reads one document. Several calls, or none, may be in it: a span of another kind is not an error. */
export type Reader = (document: Record<string, unknown>) => ReadCall[];

/** Words of engines, providers and tracers for how an answer ended. */
const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  end_turn: 'stop',
  stop_sequence: 'stop',
  eos: 'stop',
  completed: 'stop',
  complete: 'stop',
  length: 'length',
  max_tokens: 'length',
  max_output_tokens: 'length',
  model_length: 'length',
  tool_calls: 'tool_calls',
  tool_call: 'tool_calls',
  tool_use: 'tool_calls',
  function_call: 'tool_calls',
  content_filter: 'content_filter',
  safety: 'content_filter',
  refusal: 'content_filter',
  aborted: 'aborted',
  abort: 'aborted',
  cancelled: 'aborted',
  error: 'error',
  failed: 'error',
};

/** Where nothing, or nothing known, is said, the answer is taken to have come to its end. */
export function finishReasonOf(word: unknown, hasToolCalls: boolean): FinishReason {
  const known = typeof word === 'string' && Object.hasOwn(FINISH_REASONS, word.toLowerCase()) ? FINISH_REASONS[word.toLowerCase()] : undefined;
  return known ?? (hasToolCalls ? 'tool_calls' : 'stop');
}
