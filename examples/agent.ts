// The production agent of the examples: asks the gateway through the `openai` client, as any customer of Ratchet would.
import { randomUUID } from 'node:crypto';
import OpenAI from 'openai';

export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

/** Characters [start, end) of a message's content (UTF-16 units, as JavaScript counts) that a stranger wrote. */
export interface UntrustedSpan {
  message: number;
  start: number;
  end: number;
}

export interface Prompt {
  messages: ChatMessage[];
  untrusted: UntrustedSpan[];
}

export interface AgentOptions<T extends { id: string }> {
  /** Ends in /v1. */
  baseURL: string;
  apiKey: string;
  /** The channel's name, or a model that the server knows. */
  model: string;
  tickets: readonly T[];
  promptOf: (ticket: T) => Prompt;
  promptVersion: string;
  tenant: string;
  /** Requests under way at once. */
  concurrency: number;
  maxTokens: number;
  /** Before the ticket's id in the interaction's id; chosen by the caller where something must name the interaction early. */
  interactionPrefix?: string;
  responseFormat?: OpenAI.Chat.ChatCompletionCreateParams['response_format'];
  timeoutMs?: number;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

export interface AgentAnswer {
  ticketId: string;
  interactionId: string;
  /** Empty where `error` is set. */
  text: string;
  finishReason: string;
  /** `x-ratchet-adapter`, null where the server does not say (no gateway in between). */
  adapter: string | null;
  generation: number | null;
  ms: number;
  /** Kind of trouble and HTTP status; never a text from the prompt. */
  error?: string;
}

/** Asks for every ticket once. One bad answer is recorded in its place and does not end the run. */
export async function runAgent<T extends { id: string }>(options: AgentOptions<T>): Promise<AgentAnswer[]> {
  const { tickets, concurrency, onProgress } = options;
  const prefix = options.interactionPrefix ?? `${randomUUID()}-`;
  // No retries: an interaction's id names one answer.
  const client = new OpenAI({ baseURL: options.baseURL, apiKey: options.apiKey, maxRetries: 0, timeout: options.timeoutMs ?? 120_000 });
  const answers = new Array<AgentAnswer>(tickets.length);
  let next = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < tickets.length; index = next++) {
      const ticket = tickets[index] as T;
      answers[index] = await ask(client, options, ticket, prefix + ticket.id);
      onProgress?.(++done, tickets.length);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, tickets.length) }, worker));
  return answers;
}

async function ask<T extends { id: string }>(client: OpenAI, options: AgentOptions<T>, ticket: T, interactionId: string): Promise<AgentAnswer> {
  const { messages, untrusted } = options.promptOf(ticket);
  const startedAt = performance.now();
  const elapsedMs = (): number => Math.round(performance.now() - startedAt);
  try {
    const { data, response } = await client.chat.completions
      .create(
        { model: options.model, messages, temperature: 0, max_tokens: options.maxTokens, response_format: options.responseFormat },
        {
          signal: options.signal,
          headers: {
            'x-ratchet-interaction': interactionId,
            'x-ratchet-untrusted': JSON.stringify(untrusted),
            'x-ratchet-prompt-version': options.promptVersion,
            'x-ratchet-tenant': options.tenant,
          },
        },
      )
      .withResponse();
    const choice = data.choices[0];
    const generation = response.headers.get('x-ratchet-generation');
    return {
      ticketId: ticket.id,
      interactionId: response.headers.get('x-ratchet-interaction') ?? interactionId,
      text: choice?.message.content ?? '',
      finishReason: choice?.finish_reason ?? 'error',
      adapter: response.headers.get('x-ratchet-adapter'),
      generation: generation === null ? null : Number(generation),
      ms: elapsedMs(),
      ...(choice === undefined && { error: 'answer without a choice' }),
    };
  } catch (error) {
    return { ticketId: ticket.id, interactionId, text: '', finishReason: 'error', adapter: null, generation: null, ms: elapsedMs(), error: troubleOf(error) };
  }
}

function troubleOf(error: unknown): string {
  if (error instanceof OpenAI.APIError) return `${error.constructor.name}${error.status === undefined ? '' : ` (HTTP ${error.status})`}`;
  return error instanceof Error ? error.name : 'unknown error';
}
