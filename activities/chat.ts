// Puts a case's messages into the form that the serving engine speaks, as production sent them.
import type { Digest, EvalCase, Message } from '../core/contracts/index.ts';
import type { ChatRequest } from '../stores/ports.ts';

function openAiMessage(message: Message): Record<string, unknown> {
  const { role, parts, name, toolCallId, toolCalls } = message;
  return {
    role,
    content: parts.map((part) => part.text).join(''),
    ...(name === undefined ? {} : { name }),
    ...(toolCallId === undefined ? {} : { tool_call_id: toolCallId }),
    ...(toolCalls === undefined ? {} : { tool_calls: toolCalls.map((call) => ({ id: call.id, type: 'function', function: { name: call.name, arguments: call.arguments } })) }),
  };
}

/** Asks a case of one arm: with the sampling and the decoding constraint that production used, and none that it did not. */
export function chatRequest(document: Pick<EvalCase, 'messages' | 'tools' | 'sampling' | 'responseFormat'>, adapter: Digest | null): ChatRequest {
  const { messages, tools, sampling, responseFormat } = document;
  return {
    adapter,
    messages: messages.map(openAiMessage),
    ...(tools === undefined ? {} : { tools: tools.map((tool) => ({ type: 'function', function: tool })) }),
    ...(responseFormat === undefined ? {} : { responseFormat }),
    ...sampling,
  };
}
