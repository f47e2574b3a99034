// Messages in the shape of the OpenAI chat API, which most tracers and logs share, as messages of the contract.
import type { Message, ToolCall } from '../../core/contracts/index.ts';
import { arrayAt, asText, defined, isObject, objectAt, optionalString, stringAt, toolCallAt, trustedByRole, wrongAt, type JsonObject } from './fields.ts';

/** Other words for the five roles. */
const ROLES: Readonly<Record<string, Message['role']>> = { system: 'system', developer: 'developer', user: 'user', human: 'user', assistant: 'assistant', ai: 'assistant', model: 'assistant', tool: 'tool', function: 'tool', ipython: 'tool' };

/** Parts that are not text cannot be kept; how many there were is told to the record. */
export interface Omitted {
  parts: number;
}

export function roleAt(value: unknown, pointer: string): Message['role'] {
  const word = stringAt(value, pointer).toLowerCase();
  const role = Object.hasOwn(ROLES, word) ? ROLES[word] : undefined;
  if (role === undefined) throw wrongAt(pointer, 'is not a known role');
  return role;
}

export function chatMessagesAt(value: unknown, pointer: string, omitted: Omitted): Message[] {
  return arrayAt(value, pointer).flatMap((item, index) => chatMessageAt(item, `${pointer}/${index}`, omitted));
}

/** One message; results of tools inside of a user's turn (Anthropic's way) become messages of their own, before it. */
export function chatMessageAt(value: unknown, pointer: string, omitted: Omitted): Message[] {
  const message = objectAt(value, pointer);
  const role = roleAt(message['role'] ?? message['type'], `${pointer}/role`);
  const trusted = trustedByRole(role);
  const texts: string[] = [];
  const results: Message[] = [];
  const toolCalls: ToolCall[] = toolCallsAt(message, pointer);
  const { content } = message;
  if (Array.isArray(content)) {
    content.forEach((item: unknown, index) => {
      const at = `${pointer}/content/${index}`;
      if (typeof item === 'string') return void texts.push(item);
      const part = objectAt(item, at);
      if (part['type'] === 'tool_use') toolCalls.push(toolCallAt(part, at));
      else if (part['type'] === 'tool_result') {
        results.push(defined({ role: 'tool' as const, parts: [{ text: resultText(part['content'], omitted), trusted: false }], toolCallId: optionalString(part['tool_use_id']) }));
      } else {
        const text = textOf(part);
        if (text !== undefined) texts.push(text);
        else if (!isReasoning(part)) omitted.parts += 1;
      }
    });
  } else if (content !== undefined && content !== null) texts.push(asText(content));
  // What the model declined to do stands in a field of its own.
  if (typeof message['refusal'] === 'string' && texts.length === 0) texts.push(message['refusal']);
  const own: Message = defined({
    role,
    parts: texts.map((text) => ({ text, trusted })),
    name: optionalString(message['name']),
    toolCallId: optionalString(message['tool_call_id']) ?? optionalString(message['toolCallId']),
    toolCalls: toolCalls.length > 0 ? toolCalls : undefined,
  });
  return results.length > 0 && texts.length === 0 && toolCalls.length === 0 ? results : [...results, own];
}

function toolCallsAt(message: JsonObject, pointer: string): ToolCall[] {
  const listed = message['tool_calls'] ?? message['toolCalls'];
  if (listed !== undefined && listed !== null) return arrayAt(listed, `${pointer}/tool_calls`).map((call, index) => toolCallAt(call, `${pointer}/tool_calls/${index}`));
  return isObject(message['function_call']) ? [toolCallAt(message['function_call'], `${pointer}/function_call`)] : [];
}

/** Text of a part; OpenAI, Responses, Anthropic and OTel name it differently. */
function textOf(part: JsonObject): string | undefined {
  for (const name of ['text', 'content', 'refusal'] as const) {
    const type = part['type'];
    if (typeof part[name] === 'string' && (type === undefined || type === 'text' || type === 'input_text' || type === 'output_text' || type === 'refusal')) return part[name];
  }
  return undefined;
}

/** The model's own thoughts are neither judged nor trained on. */
const isReasoning = (part: JsonObject): boolean => ['reasoning', 'thinking', 'redacted_thinking'].includes(part['type'] as string);

function resultText(content: unknown, omitted: Omitted): string {
  if (!Array.isArray(content)) return asText(content);
  return content.map((item: unknown) => {
    if (typeof item === 'string') return item;
    const text = isObject(item) ? textOf(item) : undefined;
    if (text === undefined) omitted.parts += 1;
    return text ?? '';
  }).join('');
}

/** An assistant's turn as the answer: its text in one piece, and its calls. */
export function answerOf(message: Message, pointer: string): { text: string; toolCalls?: ToolCall[] } {
  if (message.role !== 'assistant') throw wrongAt(`${pointer}/role`, 'must be assistant');
  return { text: message.parts.map((part) => part.text).join(''), ...(message.toolCalls ? { toolCalls: message.toolCalls } : {}) };
}

/** The last message as the answer and those before it as the prompt. */
export function splitAnswer(messages: Message[], pointer: string): { messages: Message[]; answer: { text: string; toolCalls?: ToolCall[] } } {
  const last = messages.at(-1);
  if (last === undefined) throw wrongAt(pointer, 'is empty');
  return { messages: messages.slice(0, -1), answer: answerOf(last, `${pointer}/${messages.length - 1}`) };
}
