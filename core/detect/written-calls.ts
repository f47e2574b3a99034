// Reads tool calls that a model wrote into its text, in the tags of the common open models, as vLLM's tool parsers know them.
import type { Tool } from '../contracts/index.ts';
import { SPECIAL_TOKEN } from './json-cause.ts';
import { scanValue, skipSpace, type ScanFault } from './json-scanner.ts';

/** One thing inside the tags: JSON, with a name before it or not, or parameters as XML. */
type Piece =
  | { kind: 'json'; name: string | null; start: number; end: number; value: unknown }
  | { kind: 'parameters'; name: string; start: number; end: number; parameters: [string, string][] };

export interface WrittenCalls {
  /** Where the first tag begins, and where the last one ends. */
  start: number;
  end: number;
  pieces: Piece[];
  /** What stopped the reading; null: every tag was read to its end. */
  stop:
    | null
    /** The JSON that began at `start` is none. */
    | { why: 'fault'; start: number; fault: ScanFault; closed: boolean }
    | { why: 'call_syntax'; start: number }
    /** The text ended before the closing tag. */
    | { why: 'not_closed'; start: number };
}

/** More calls in one answer are not read. */
const MAX_PIECES = 1_000;

/**
 * Opening tags: Hermes and Qwen `<tool_call>`, Jamba and Hunyuan `<tool_calls>`, Granite `<function_call>` and `<|tool_call|>`,
 * Glaive `<functioncall>`, Nemotron `<TOOLCALL>`, Llama `<|python_tag|>`, Mistral `[TOOL_CALLS]`, InternLM `<|action_start|>`,
 * Cohere `<|START_ACTION|>`, Apertus `<|tools_prefix|>`, LFM2 `<|tool_call_start|>`, Phi-4 `functools`, LM Studio `[TOOL_REQUEST]`,
 * Kimi, DeepSeek, MiniMax, Seed, gpt-oss's harmony channel, and the `<function_calls>` of DeepSeek 3.2 and OLMo.
 */
const OPENERS = String.raw`<(?:tool_calls?|function_?calls?|TOOLCALL|(?:longcat|dots)_(?:tool|function)_call|(?:seed|minimax):tool_call|｜DSML｜(?:function|tool)_calls|functioncall)>|<\|(?:tool_call|python_tag|START_ACTION|tools_prefix|tool_call_start|tool_calls_section_begin|tool_call_begin|function_call)\|>|<\|action_start\|>\s*<\|plugin\|>|<｜tool▁calls?▁begin｜>|\[TOOL_CALLS\]|\[TOOL_REQUEST\]|functools(?=\[)|(?:<\|start\|>assistant)?<\|channel\|>\w+ to=(?=\w)|<function=(?=[\w"'])|<(?:｜DSML｜)?invoke name=(?=")`;
const CLOSERS = String.raw`</(?:tool_calls?|function_?calls?|TOOLCALL|(?:longcat|dots)_(?:tool|function)_call|(?:seed|minimax):tool_call|｜DSML｜(?:function|tool)_calls|functioncall|function|(?:｜DSML｜)?invoke)>|<\|(?:/tool_call|END_ACTION|tools_suffix|tool_call_end|tool_calls_section_end|action_end|call)\|>|<｜tool▁calls?▁end｜>|\[/?END_TOOL_REQUEST\]|\[/TOOL_CALLS\]`;
const ANY_OPENER = new RegExp(OPENERS, 'g');
/** A tag begins the text or a line, or follows a sentence; in the middle of one it is talked about. */
const BEFORE_TAG = /(?:^|[\n.!?:>]) {0,16}$/;
/** Tags that are only talked about; after so many, all are. */
const MAX_MENTIONS = 100;
const OPENER = new RegExp(OPENERS, 'y');
const CLOSER = new RegExp(CLOSERS, 'y');
/** Tags that need no closing one: their models end the turn instead. */
const OPEN_ENDED = /^(?:\[TOOL_CALLS\]|functools|<\|(?:python_tag|tool_call|function_call)\||<function_?call>|<\|channel\||<\|start\|)/;
/** Between calls, and between a name and its arguments. */
const SEPARATOR = /[\s;,]+|```(?:json|tool_call|xml)?|<｜tool▁sep｜>|<\|(?:constrain\|>json|message\|>|tool_call_argument_begin\|>)|<\|constrain\|>|\[ARGS\]|\[CALL_ID\][\w-]*|(?:function(?=<｜tool▁sep｜>))/y;
/** `functions.find:0` (Kimi), `find` (Mistral, DeepSeek), `"find">` (Llama, Qwen coder, `invoke`). */
const NAME = /"([^"<>\n]{1,128})">|'([^'<>\n]{1,128})'>|(?:functions\.)?([A-Za-z_][\w.-]{0,127})(?::\d+)?>?/y;
const PARAMETER = /\s*<(?:｜DSML｜)?parameter(?:=|\s+name=)["']?([^"'<>\n]{1,128}?)["']?(?:\s+string="(?:true|false)")?\s*>/y;
const PARAMETER_END = /<\/(?:｜DSML｜)?parameter>/g;
const ARG_KEY = /\s*<arg_key>([^<>\n]{1,128})<\/arg_key>\s*<arg_value>/y;

const at = (pattern: RegExp, text: string, offset: number): RegExpExecArray | null => {
  pattern.lastIndex = offset;
  return pattern.exec(text);
};

/** The first written calls in a text that something can be read of; null: there are none. */
export function findWrittenCalls(text: string, from = 0): WrittenCalls | null {
  ANY_OPENER.lastIndex = from;
  for (let mentions = 0; mentions < MAX_MENTIONS; mentions += 1) {
    const opener = ANY_OPENER.exec(text);
    if (!opener) return null;
    const { index } = opener;
    if (index > 0 && !BEFORE_TAG.test(`${index > 20 ? '\\' : ''}${text.slice(Math.max(0, index - 20), index)}`)) continue;
    const read = readWrittenCalls(text, index);
    if (read && (read.pieces.length > 0 || (read.stop?.why === 'fault' && isValue(text, read.stop.start)) || (read.stop?.why === 'call_syntax'))) return read;
    ANY_OPENER.lastIndex = Math.max(ANY_OPENER.lastIndex, read?.end ?? 0);
  }
  return null;
}

/** Reads the tags from `start` on, one after the other; null where no tag begins there. */
export function readWrittenCalls(text: string, start: number): WrittenCalls | null {
  if (!at(OPENER, text, start)) return null;
  const read: WrittenCalls = { start, end: start, pieces: [], stop: null };
  /** Offset of a tag that is open and must be closed. */
  let open: number | null = null;
  let isInside = false;
  let i = start;
  while (read.pieces.length < MAX_PIECES) {
    const opener = at(OPENER, text, i);
    if (opener) {
      isInside = true;
      i += opener[0].length;
      if (!OPEN_ENDED.test(opener[0])) open = opener.index;
      read.end = i;
      continue;
    }
    const closer = at(CLOSER, text, i) ?? at(SPECIAL_TOKEN, text, i);
    if (closer) {
      // `</tool_call>` leaves the tag; `</function>` inside it does, too, for what comes next is no call.
      isInside = false;
      open = null;
      i += closer[0].length;
      read.end = i;
      continue;
    }
    const separator = at(SEPARATOR, text, i);
    if (separator) {
      i += separator[0].length;
      continue;
    }
    if (i >= text.length || !isInside) break;
    const next = readPiece(text, i, read);
    if (next === null) return read;
    // Words after a whole call are commentary, unless a tag is still open around them.
    if (next === i) break;
    i = next;
    read.end = i;
  }
  if (open !== null && i >= text.length) read.stop = { why: 'not_closed', start: open };
  return read;
}

const isValue = (text: string, offset: number): boolean => text[offset] === '{' || text[offset] === '[';

/** @returns the offset after the piece; the same offset where nothing was read; null where reading must stop */
function readPiece(text: string, offset: number, read: WrittenCalls): number | null {
  let i = offset;
  let name: string | null = null;
  if (!isValue(text, i)) {
    const named = at(NAME, text, i);
    if (!named) return i < text.length ? faultAt(text, i, read) : i;
    name = named[1] ?? named[2] ?? (named[3] as string);
    i += named[0].length;
    if (text[i] === '(') {
      read.stop = { why: 'call_syntax', start: offset };
      return null;
    }
    for (let separator = at(SEPARATOR, text, i); separator && separator[0] !== ''; separator = at(SEPARATOR, text, i)) i += separator[0].length;
    const parameters = readParameters(text, i);
    if (parameters) {
      read.pieces.push({ kind: 'parameters', name, start: offset, end: parameters.end, parameters: parameters.found });
      if (!parameters.closed) {
        read.stop = { why: 'not_closed', start: offset };
        return null;
      }
      return parameters.end;
    }
    // A call without parameters: its tag closes at once.
    if (at(CLOSER, text, i)) {
      read.pieces.push({ kind: 'parameters', name, start: offset, end: i, parameters: [] });
      return i;
    }
    if (!isValue(text, i)) return i >= text.length ? i : faultAt(text, offset, read);
  } else if (text[i] === '[' && /^\[\s*[A-Za-z_][\w.]*\(/.test(text.slice(i, i + 160))) {
    read.stop = { why: 'call_syntax', start: i };
    return null;
  }
  const scanned = scanValue(text, i);
  if (scanned.fault) return faultAt(text, i, read);
  read.pieces.push({ kind: 'json', name, start: i, end: scanned.end, value: JSON.parse(text.slice(i, scanned.end)) as unknown });
  return scanned.end;
}

function faultAt(text: string, start: number, read: WrittenCalls): null {
  const { fault } = scanValue(text, start);
  const found: ScanFault = fault ?? { offset: start, expected: 'value', atEnd: false };
  read.stop = { why: 'fault', start, fault: found, closed: !found.atEnd && (at(CLOSER, text, skipSpace(text, found.offset)) !== null || text.startsWith('```', found.offset)) };
  return null;
}

/** Qwen coder, MiniMax, DeepSeek 3.2: `<parameter=k>v</parameter>`; GLM: `<arg_key>k</arg_key><arg_value>v</arg_value>`. */
function readParameters(text: string, start: number): { found: [string, string][]; end: number; closed: boolean } | null {
  const found: [string, string][] = [];
  let i = start;
  for (;;) {
    const parameter = at(PARAMETER, text, i);
    const key = parameter ?? at(ARG_KEY, text, i);
    if (!key) return found.length > 0 ? { found, end: i, closed: true } : null;
    const from = key.index + key[0].length;
    let to: number;
    let after: number;
    if (parameter) {
      PARAMETER_END.lastIndex = from;
      const end = PARAMETER_END.exec(text);
      to = end?.index ?? -1;
      after = PARAMETER_END.lastIndex;
    } else {
      to = text.indexOf('</arg_value>', from);
      after = to + '</arg_value>'.length;
    }
    if (to < 0) return { found, end: text.length, closed: false };
    found.push([key[1] as string, text.slice(from, to).replace(/^\n|\n$/g, '')]);
    i = after;
  }
}

/** A call as `judgeToolCalls` takes it. `name` is null where the JSON in the tag names no function. */
export interface WrittenCall {
  name: string | null;
  arguments: string;
  start: number;
  end: number;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The calls that the pieces are; a list of calls in one piece is taken apart. */
export function callsIn(pieces: readonly Piece[], tools: readonly Tool[]): WrittenCall[] {
  return pieces.flatMap((piece) => {
    const { start, end } = piece;
    if (piece.kind === 'parameters') return [{ name: piece.name, arguments: JSON.stringify(typed(piece.parameters, tools.find((tool) => tool.name === piece.name))), start, end }];
    if (piece.name !== null) return [{ name: piece.name, arguments: JSON.stringify(piece.value), start, end }];
    const values = Array.isArray(piece.value) ? (piece.value as unknown[]) : [piece.value];
    return values.map((value) => ({ ...(callOf(value) ?? { name: null, arguments: '{}' }), start, end }));
  });
}

/** `{"name", "arguments"}` and its relatives; null where the value is no call. */
export function callOf(value: unknown): { name: string; arguments: string } | null {
  if (!isObject(value)) return null;
  const inner = isObject(value['function']) ? value['function'] : value;
  const name = inner['name'] ?? inner['function'] ?? inner['function_name'] ?? inner['tool_name'] ?? inner['tool'];
  if (typeof name === 'string') {
    const given = inner['arguments'] ?? inner['parameters'] ?? inner['args'] ?? inner['input'] ?? inner['tool_input'] ?? {};
    return { name, arguments: typeof given === 'string' ? given : JSON.stringify(given) };
  }
  // Apertus: the function's name is the only key.
  const [only, ...others] = Object.entries(value);
  return only && others.length === 0 && isObject(only[1]) ? { name: only[0], arguments: JSON.stringify(only[1]) } : null;
}

/** XML carries text alone: what the schema says is no string is read as JSON, or as Python writes it. */
function typed(parameters: readonly [string, string][], tool: Tool | undefined): Record<string, unknown> {
  const properties = isObject(tool?.parameters?.['properties']) ? tool.parameters['properties'] : {};
  return Object.fromEntries(
    parameters.map(([name, text]) => {
      const property = properties[name];
      if (!isObject(property) || /^(?:str|string|char|text)$/i.test(String(property['type']))) return [name, text];
      try {
        return [name, JSON.parse(PYTHON_WORDS[text.trim()] ?? text) as unknown];
      } catch {
        return [name, text];
      }
    }),
  );
}

const PYTHON_WORDS: Record<string, string | undefined> = { True: 'true', False: 'false', None: 'null' };
