// POST /v1/completions: its prompts, each of them one user message of the event.
import type { Message } from '../core/contracts/index.ts';
import type { UntrustedSpan } from './headers.ts';
import { badRequest } from './refusal.ts';
import { assertSpansFit, isObject, readCommon, splitParts, type Ask } from './request.ts';

/**
 * @param untrusted `message` counts the prompts
 * @throws Refusal 400 with the place
 */
export function readCompletionRequest(parsed: unknown, untrusted: readonly UntrustedSpan[]): Ask {
  const { body, common } = readCommon(parsed);
  const texts = promptsOf(body['prompt']);
  assertSpansFit(untrusted, texts.length);
  return { ...common, prompts: texts.map((text, index): Message[] => [{ role: 'user', parts: splitParts([text], true, index, untrusted) }]), tools: undefined };
}

/** One text, several, or token ids (one list, or several): the engine knows what those say, we name them in their place. */
function promptsOf(prompt: unknown): string[] {
  if (typeof prompt === 'string') return [prompt];
  if (!Array.isArray(prompt) || prompt.length === 0) throw badRequest('/prompt: must be a string, or an array with at least one', 'prompt');
  const list: unknown[] = prompt;
  if (list.every((item) => typeof item === 'number')) return [tokens(list)];
  return list.map((item, index) => {
    if (typeof item === 'string') return item;
    if (Array.isArray(item)) return tokens(item);
    // vLLM's embeddings and the like.
    if (isObject(item)) return '[prompt]';
    throw badRequest(`/prompt/${index}: must be a string or an array of token ids`, `/prompt/${index}`);
  });
}

const tokens = (ids: readonly unknown[]): string => `[${ids.length} token ids]`;
