// The tool calls of an answer as the injection checks see them: those of the protocol, and those written into the text.
import type { ToolCall } from '../../contracts/index.ts';
import { stringsIn, type AnswerString } from '../answer-text.ts';

export interface CallView {
  name: string;
  raw: string;
  /** Strings and numbers among the arguments; null: the arguments are no JSON. */
  values: AnswerString[] | null;
  pointer: string | undefined;
}

const MAX_WRITTEN = 10;
const MAX_WRITTEN_LENGTH = 8_000;

const WRITTEN: readonly RegExp[] = [
  /\bAction\s{0,4}:\s{0,4}["'`]?([A-Za-z][\w.-]{1,80})["'`]?[ \t]{0,8}\n\s{0,8}Action[ _]Input\s{0,4}:\s{0,8}/g,
  /<function[=-]\s{0,4}"?([\w.-]{1,80})"?[^>]{0,40}>\s{0,8}/g,
  /\{\s{0,20}"(?:name|function|action|tool)"\s{0,4}:\s{0,4}"([\w.-]{1,80})"\s{0,4},\s{0,20}"(?:arguments|parameters|args|action_input|input)"\s{0,4}:\s{0,20}/g,
];

/** `Action: name` and `Action Input: {…}` (ReAct), `<function=name>{…}`, and JSON with a name and arguments, as agents without native calls write them. */
function writtenCalls(text: string): { name: string; raw: string }[] {
  const found: { name: string; raw: string }[] = [];
  if (!/Action\s*:|<function[=-]|tool_call|"(?:name|function|action|tool)"\s*:/.test(text)) return found;
  for (const pattern of WRITTEN) {
    for (const { 1: name = '', index, 0: head } of text.matchAll(pattern)) {
      if (found.length >= MAX_WRITTEN) return found;
      found.push({ name, raw: jsonFrom(text, index + head.length) });
    }
  }
  return found;
}

/** The JSON object that begins at an offset; the rest of the line where none does. */
function jsonFrom(text: string, start: number): string {
  const slice = text.slice(start, start + MAX_WRITTEN_LENGTH);
  if (!slice.startsWith('{')) return slice.split('\n', 1)[0] ?? '';
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < slice.length; at += 1) {
    const sign = slice[at];
    if (quoted) {
      if (sign === '\\') at += 1;
      else if (sign === '"') quoted = false;
    } else if (sign === '"') quoted = true;
    else if (sign === '{') depth += 1;
    else if (sign === '}' && (depth -= 1) === 0) return slice.slice(0, at + 1);
  }
  return slice;
}

const numbersIn = (value: unknown, base: string): AnswerString[] =>
  typeof value === 'object' && value !== null ? Object.entries(value).flatMap(([name, member]: [string, unknown]) => (typeof member === 'number' ? [{ text: String(member), pointer: `${base}/${name}` }] : [])) : [];

function viewOf(name: string, raw: string, pointer: string | undefined): CallView {
  try {
    const value: unknown = raw.trim() === '' ? {} : JSON.parse(raw);
    const base = pointer ?? '';
    const names = typeof value === 'object' && value !== null ? new Set(Object.keys(value)) : new Set<string>();
    const strings = stringsIn(value, base).filter(({ text }) => !names.has(text));
    return { name, raw, pointer, values: [...strings, ...numbersIn(value, base)].map((string) => (pointer === undefined ? { text: string.text } : string)) };
  } catch {
    return { name, raw, pointer, values: null };
  }
}

export function callsOf(calls: readonly ToolCall[], text: string): CallView[] {
  return [...calls.map((call, index) => viewOf(call.name, call.arguments, `/toolCalls/${index}/arguments`)), ...writtenCalls(text).map(({ name, raw }) => viewOf(name, raw, undefined))];
}

/** The words of a tool's name: `send_email`, `GmailSendEmail` → send, email. */
export const nameWords = (name: string): string[] => name.replace(/([a-z\d])([A-Z])/g, '$1 $2').replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2').toLowerCase().split(/[^a-z\d]+/).filter(Boolean);
