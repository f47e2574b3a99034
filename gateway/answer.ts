// Puts a model's answer together, from one body or from the chunks of a stream, and names the channel as its model.
import { StringDecoder } from 'node:string_decoder';
import type { FinishReason, ToolCall } from '../core/contracts/index.ts';
import { readToolCalls } from './chat-request.ts';
import { withTopLevel } from './json-text.ts';

export interface Answer {
  text: string;
  toolCalls: ToolCall[];
  finishReason: FinishReason | null;
  usage: { inputTokens: number; outputTokens: number } | undefined;
  responseId: string | undefined;
}

/** The engine answered as another model than the one asked for: nothing of it may reach the client. */
export class WrongModel extends Error {
  override readonly name = 'WrongModel';
}

const FINISH_REASONS: Readonly<Record<string, FinishReason>> = { stop: 'stop', length: 'length', tool_calls: 'tool_calls', content_filter: 'content_filter', abort: 'aborted', error: 'error' };

/** Null while the answer goes on. An engine's own words for an ending that it chose count as `stop`. */
const finishReason = (value: unknown): FinishReason | null => (typeof value === 'string' ? (FINISH_REASONS[value] ?? 'stop') : null);

interface Choice {
  index?: number;
  finish_reason?: string | null;
  message?: { content?: unknown; tool_calls?: unknown };
  delta?: { content?: unknown; tool_calls?: { index?: number; id?: string; function?: { name?: string; arguments?: string } }[] };
}

interface Completion {
  id?: string;
  model?: string;
  choices?: Choice[];
  usage?: { prompt_tokens?: number; completion_tokens?: number } | null;
  error?: unknown;
}

const usageOf = (completion: Completion): Answer['usage'] =>
  completion.usage ? { inputTokens: completion.usage.prompt_tokens ?? 0, outputTokens: completion.usage.completion_tokens ?? 0 } : undefined;

/** The event records the first choice; a client that asks for several gets them all. */
const firstChoice = (completion: Completion): Choice | undefined => completion.choices?.find((choice) => (choice.index ?? 0) === 0);

/**
 * Reads a whole (not streamed) answer.
 * @throws WrongModel, or SyntaxError when the body is not JSON
 */
export function readAnswer(body: string, asked: string, shown: string): { answer: Answer; body: string } {
  const completion = JSON.parse(body) as Completion;
  if (completion.model !== asked) throw new WrongModel();
  const choice = firstChoice(completion);
  const content = choice?.message?.content;
  return {
    answer: {
      text: typeof content === 'string' ? content : '',
      toolCalls: readToolCalls(choice?.message?.tool_calls),
      finishReason: finishReason(choice?.finish_reason),
      usage: usageOf(completion),
      responseId: completion.id,
    },
    body: withTopLevel(body, 'model', JSON.stringify(shown)) ?? body,
  };
}

/** Server-sent events of one answer: lines go through byte for byte but for the model's name, while the answer is put together. */
export class StreamedAnswer {
  readonly answer: Answer = { text: '', toolCalls: [], finishReason: null, usage: undefined, responseId: undefined };
  /** Set when the engine reported an error inside the stream. */
  failed = false;
  readonly #decoder = new StringDecoder('utf8');
  readonly #asked: string;
  readonly #shown: string;
  #rest = '';

  constructor(asked: string, shown: string) {
    this.#asked = asked;
    this.#shown = shown;
  }

  /** @returns what the client gets for this piece: whole lines only. @throws WrongModel */
  push(bytes: Uint8Array): string {
    const text = this.#rest + this.#decoder.write(bytes);
    const end = text.lastIndexOf('\n') + 1;
    this.#rest = text.slice(end);
    if (end === 0) return '';
    return text.slice(0, end).split('\n').slice(0, -1).map((line) => `${this.#line(line)}\n`).join('');
  }

  /** What is left when the stream ends without a last line feed. */
  end(): string {
    const rest = this.#rest + this.#decoder.end();
    this.#rest = '';
    return rest === '' ? '' : this.#line(rest);
  }

  #line(line: string): string {
    if (!line.startsWith('data:')) return line;
    const json = line.slice(5).trim();
    if (json === '' || json === '[DONE]') return line;
    let chunk: Completion;
    try {
      chunk = JSON.parse(json) as Completion;
    } catch {
      this.failed = true;
      return line;
    }
    if (chunk.error !== undefined && chunk.error !== null) {
      this.failed = true;
      return line;
    }
    if (chunk.model !== this.#asked) throw new WrongModel();
    this.#add(chunk);
    return withTopLevel(line, 'model', JSON.stringify(this.#shown)) ?? line;
  }

  #add(chunk: Completion): void {
    const answer = this.answer;
    answer.responseId ??= chunk.id;
    answer.usage = usageOf(chunk) ?? answer.usage;
    const choice = firstChoice(chunk);
    if (!choice) return;
    if (typeof choice.delta?.content === 'string') answer.text += choice.delta.content;
    for (const part of choice.delta?.tool_calls ?? []) {
      const call = (answer.toolCalls[part.index ?? 0] ??= { name: '', arguments: '' });
      if (part.id !== undefined) call.id = part.id;
      call.name += part.function?.name ?? '';
      call.arguments += part.function?.arguments ?? '';
    }
    answer.finishReason = finishReason(choice.finish_reason) ?? answer.finishReason;
  }
}
