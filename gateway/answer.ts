// A model's answer as the event records it, and how it is read from a whole body (from a stream: streamed-answer.ts).
import type { FinishReason, ToolCall } from '../core/contracts/index.ts';
import { readToolCalls } from './chat-request.ts';
import { renamed } from './json-text.ts';

/** One of the answers that a request asked for. */
export interface Choice {
  text: string;
  toolCalls: ToolCall[];
  /** Null while the answer goes on. */
  finishReason: FinishReason | null;
}

export interface Answer {
  /** By the engine's index. */
  choices: Map<number, Choice>;
  /** Of all choices together. */
  usage: { inputTokens: number; outputTokens: number } | undefined;
  responseId: string | undefined;
}

/** The engine answered as another model than the one asked for: nothing of it may reach the client. */
export class WrongModel extends Error {
  override readonly name = 'WrongModel';
}

const FINISH_REASONS: Readonly<Record<string, FinishReason>> = { stop: 'stop', length: 'length', tool_calls: 'tool_calls', content_filter: 'content_filter', abort: 'aborted', error: 'error' };

/** An engine's own words for an ending that it chose count as `stop`. */
export const finishReasonOf = (value: unknown): FinishReason | null => (typeof value === 'string' ? (FINISH_REASONS[value] ?? 'stop') : null);

/** What both APIs send, whole or in pieces: `message` and `delta` belong to chat, `text` to text completions. */
export interface WireCompletion {
  id?: string;
  model?: string;
  choices?: WireChoice[];
  usage?: { prompt_tokens?: number; completion_tokens?: number } | null;
  error?: unknown;
}

export interface WireChoice {
  index?: number;
  finish_reason?: string | null;
  text?: unknown;
  message?: { content?: unknown; tool_calls?: unknown };
  delta?: { content?: unknown; tool_calls?: { index?: number; id?: string; function?: { name?: string; arguments?: string } }[] };
}

export const usageOf = ({ usage }: WireCompletion): Answer['usage'] => (usage ? { inputTokens: usage.prompt_tokens ?? 0, outputTokens: usage.completion_tokens ?? 0 } : undefined);

export const emptyAnswer = (): Answer => ({ choices: new Map(), usage: undefined, responseId: undefined });

/**
 * Reads a whole (not streamed) answer.
 * @param shown the channel's name, which the client asked for
 * @returns the answer, and the body for the client
 * @throws WrongModel, or SyntaxError when the body is not JSON
 */
export function readAnswer(body: string, asked: string, shown: string): { answer: Answer; body: string } {
  const completion = JSON.parse(body) as WireCompletion;
  if (completion.model !== asked) throw new WrongModel();
  const answer = { ...emptyAnswer(), usage: usageOf(completion), responseId: completion.id };
  for (const choice of completion.choices ?? []) {
    const text = choice.message?.content ?? choice.text;
    answer.choices.set(choice.index ?? 0, {
      text: typeof text === 'string' ? text : '',
      toolCalls: readToolCalls(choice.message?.tool_calls),
      finishReason: finishReasonOf(choice.finish_reason),
    });
  }
  return { answer, body: renamed(body, shown) };
}
