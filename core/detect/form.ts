// Whether an answer has the form that was asked for: JSON, words or calls, whole, and not a refusal. One fault, one class.
import type { DetectorSettings, Evidence, FailureClass, Interaction, Tool, ToolCall } from '../contracts/index.ts';
import { judgeJson, JSON_DETECTOR, type JsonVerdict } from './json.ts';
import { stringsIn, type AnswerString } from './answer-text.ts';
import { findRefusal, findRefusalInJson, REFUSAL_DETECTOR } from './refusal.ts';
import { judgeSchema, SCHEMA_DETECTOR } from './schema.ts';
import { judgeToolCalls, TOOL_CALL_DETECTOR } from './tool-calls.ts';
import { cutAt, TRUNCATION_DETECTOR, wasCut, wasWithheld } from './truncation.ts';
import { callOf, callsIn, findWrittenCalls, type WrittenCall, type WrittenCalls } from './written-calls.ts';

export type AddFinding = (name: FailureClass, detector: string, evidence: readonly Evidence[], confidence?: number) => void;

type FormInput = Pick<Interaction, 'tools' | 'outputSchema' | 'answer' | 'finishReason'>;

export interface Form {
  /** The answer came to its end and is what was asked for, so that something can be missing from it. */
  whole: boolean;
  /** What the answer says string by string, where it was to be JSON and is; null: it is one text. */
  strings: readonly AnswerString[] | null;
  /** The calls of the answer, those written into its text included. */
  calls: readonly ToolCall[];
  /** The last of the calls is there in full. */
  callsAreWhole: boolean;
}

/** Adds what is wrong with the form of an answer. */
export function judgeForm(input: FormInput, settings: DetectorSettings, add: AddFinding): Form {
  const { answer, finishReason, tools, outputSchema } = input;
  const { text } = answer;
  const structured = answer.toolCalls ?? [];
  // A turn that calls tools is not the final answer: its text is commentary.
  if (structured.length > 0) return judgeCalls(structured, input, settings, add);

  if (settings.expect !== 'json') {
    const written = writtenIn(text, tools, settings);
    return written ? judgeWritten(written, input, settings, add) : judgeWords(input, settings, add);
  }
  const verdict = judgeJson(text, settings);
  if (tools !== undefined && tools.length > 0) {
    // Prose around the tags of calls is commentary, as it is beside structured calls.
    const written = verdict.kind === 'malformed' || verdict.envelope === 'tool_call_tag' ? findWrittenCalls(text) : null;
    if (written && written.stop?.why !== 'fault' && written.stop?.why !== 'call_syntax') return judgeWritten({ read: written, calls: callsIn(written.pieces, tools) }, input, settings, add);
    const bare = verdict.kind === 'json' && outputSchema === undefined ? bareCall(verdict, tools) : null;
    if (bare) return judgeWritten(bare, input, settings, add);
  }
  if (verdict.kind === 'json') {
    const strings = stringsIn(verdict.value);
    const refusal = refusalIn(strings, text, settings);
    if (refusal) add('refusal', REFUSAL_DETECTOR, [refusal], 0.9);
    if (outputSchema) addSchema(add, verdict, outputSchema);
    return { whole: true, strings, calls: [], callsAreWhole: false };
  }
  addMalformed(add, verdict, text, finishReason, settings);
  return { whole: false, strings: null, calls: [], callsAreWhole: false };
}

function judgeCalls(calls: readonly ToolCall[], { tools, finishReason }: FormInput, settings: DetectorSettings, add: AddFinding): Form {
  const verdict = judgeToolCalls(calls, tools, wasCut(finishReason), settings);
  add('tool_call_invalid', TOOL_CALL_DETECTOR, verdict.invalid);
  add('truncated', TRUNCATION_DETECTOR, verdict.truncated);
  add('schema_invalid', TOOL_CALL_DETECTOR, verdict.schemaInvalid);
  add('undetermined', TOOL_CALL_DETECTOR, verdict.undetermined);
  return { whole: false, strings: null, calls, callsAreWhole: verdict.truncated.length === 0 };
}

interface Written {
  /** null: the whole answer is the call, without a tag. */
  read: WrittenCalls | null;
  calls: WrittenCall[];
}

/** Calls in the text of an answer that was to be words or calls; null where no tools were offered, or none is written. */
function writtenIn(text: string, tools: readonly Tool[] | undefined, { expect }: DetectorSettings): Written | null {
  if (tools === undefined || tools.length === 0) return null;
  const read = findWrittenCalls(text);
  if (read) return { read, calls: callsIn(read.pieces, tools) };
  if (expect === 'text') return null;
  const verdict = judgeJson(text, { envelopes: ['bare', 'fenced'] });
  return verdict.kind === 'json' ? bareCall(verdict, tools) : null;
}

const ARGUMENT_KEYS = ['arguments', 'parameters', 'args', 'tool_input', 'function'];
const CALL_KEYS: ReadonlySet<string> = new Set([...ARGUMENT_KEYS, 'name', 'tool', 'tool_name', 'type', 'id']);

/** JSON that is a call though no tag says so: it names a tool, or has nothing but what a call has. */
function bareCall({ value, start, end }: JsonVerdict & { kind: 'json' }, tools: readonly Tool[]): Written | null {
  const values = Array.isArray(value) ? (value as unknown[]) : [value];
  const calls = values.map((item) => {
    const call = callOf(item);
    if (!call) return null;
    const keys = Object.keys(item as object);
    const isShaped = keys.every((key) => CALL_KEYS.has(key)) && ARGUMENT_KEYS.some((key) => keys.includes(key));
    return isShaped || tools.some((tool) => tool.name === call.name) ? { ...call, start, end } : null;
  });
  return calls.length > 0 && calls.every((call) => call !== null) ? { read: null, calls } : null;
}

/** Calls as text reach nobody who could make them, unless the workload reads tags; then they are calls like others. */
function judgeWritten({ read, calls }: Written, input: FormInput, settings: DetectorSettings, add: AddFinding): Form {
  const { text } = input.answer;
  const place = read ? { start: read.start, end: read.end } : { start: 0, end: text.length };
  const stop = read?.stop ?? null;
  if (stop && stop.why !== 'call_syntax' && wasCut(input.finishReason) && (stop.why === 'not_closed' || stop.fault.atEnd)) {
    add('truncated', TRUNCATION_DETECTOR, [cutAt(text.length)]);
    return { whole: false, strings: null, calls: [], callsAreWhole: false };
  }
  const invalid: Evidence[] = [];
  if (read && !settings.envelopes.includes('tool_call_tag')) invalid.push({ rule: 'call_written_as_text', ...place });
  if (stop) invalid.push({ rule: stop.why === 'fault' ? 'call_not_json' : stop.why === 'not_closed' ? 'tag_not_closed' : 'call_syntax', start: stop.start, end: text.length });
  if (read && read.pieces.length === 0 && invalid.length === 0) invalid.push({ rule: 'empty_call', ...place });
  for (const call of calls) if (call.name === null) invalid.push({ rule: 'call_without_name', start: call.start, end: call.end });
  const named = calls.flatMap(({ name, arguments: given }) => (name === null ? [] : [{ name, arguments: given }]));
  add('tool_call_invalid', TOOL_CALL_DETECTOR, invalid);
  // At most one finding of a class and detector.
  return invalid.length > 0 || named.length === 0 ? { whole: false, strings: null, calls: named, callsAreWhole: stop === null } : judgeCalls(named, input, settings, add);
}

function judgeWords({ answer: { text }, finishReason }: FormInput, settings: DetectorSettings, add: AddFinding): Form {
  const refusal = findRefusal(text, settings.expect !== 'tool_calls', settings) ?? refusalInJsonText(text, settings);
  if (wasCut(finishReason)) add('truncated', TRUNCATION_DETECTOR, [cutAt(text.length)]);
  else if (refusal) add('refusal', REFUSAL_DETECTOR, [refusal], 0.9);
  else if (wasWithheld(finishReason)) add('undetermined', TRUNCATION_DETECTOR, [{ rule: finishReason }]);
  else if (settings.expect === 'tool_calls') add('tool_call_invalid', TOOL_CALL_DETECTOR, [{ rule: 'no_call' }]);
  return { whole: refusal === null && !wasCut(finishReason) && !wasWithheld(finishReason), strings: null, calls: [], callsAreWhole: false };
}

/** A word that every refusal has in one of its languages. */
const REFUSAL_WORD = /can['’]?t|cannot|can not|could|unable|not |won['’]t|decline|refuse|nicht|keine|ne (?:peux|puis|suis)|posible|puedo/i;
const MAX_REFUSAL_LENGTH = 2_000;

function refusalIn(strings: readonly AnswerString[], text: string, settings: DetectorSettings): Evidence | null {
  const refusal = text.length <= MAX_REFUSAL_LENGTH ? findRefusalInJson(strings, settings) : null;
  return refusal && REFUSAL_WORD.test(text) ? refusal : null;
}

/** A short JSON object where any text would do. */
function refusalInJsonText(text: string, settings: DetectorSettings): Evidence | null {
  if (text.length > MAX_REFUSAL_LENGTH || !/^\s*(?:```\w*\s*)?\{/.test(text)) return null;
  const verdict = judgeJson(text, settings);
  return verdict.kind === 'json' ? refusalIn(stringsIn(verdict.value), text, settings) : null;
}

function addSchema(add: AddFinding, json: JsonVerdict & { kind: 'json' }, schema: object): void {
  const verdict = judgeSchema(json.value, schema, json.end - json.start);
  switch (verdict.kind) {
    case 'fits':
      return;
    case 'violates':
      return add('schema_violation', SCHEMA_DETECTOR, verdict.evidence);
    case 'schema_invalid':
      return add('schema_invalid', SCHEMA_DETECTOR, [{ rule: verdict.problem, detail: 'output schema' }]);
    case 'undecided':
      return add('undetermined', SCHEMA_DETECTOR, [{ rule: verdict.reason }]);
  }
}

/** A refusal in plain words, an answer that was cut off, an answer that somebody withheld, or no JSON. */
function addMalformed(add: AddFinding, verdict: JsonVerdict & { kind: 'malformed' }, text: string, finishReason: Interaction['finishReason'], settings: DetectorSettings): void {
  const refusal = verdict.cause === 'no_json' ? findRefusal(text, false, settings) : null;
  if (refusal) add('refusal', REFUSAL_DETECTOR, [refusal], 0.95);
  else if (verdict.cut && wasCut(finishReason)) add('truncated', TRUNCATION_DETECTOR, [cutAt(text.length), ...verdict.evidence]);
  else if (verdict.cut && wasWithheld(finishReason)) add('undetermined', TRUNCATION_DETECTOR, [{ rule: finishReason }]);
  // It ends too early, and nobody says that the token limit did it: the model stopped, or the server does not tell.
  else if (verdict.cut && text.trim() !== '') add('malformed_json', JSON_DETECTOR, [...verdict.evidence, { rule: 'cut_without_limit', start: text.length, end: text.length, detail: `finish reason ${finishReason}` }]);
  else add('malformed_json', JSON_DETECTOR, verdict.evidence);
}
