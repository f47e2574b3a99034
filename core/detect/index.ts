// What is wrong with an interaction: every detector's findings together, one class per fault, in a fixed order.
import type { DetectorSettings, Evidence, FailureClass, Finding, Interaction } from '../contracts/index.ts';
import { stringsIn, type AnswerString } from './answer-text.ts';
import { INJECTION_DETECTOR, judgeInjection, type Goal, type InjectionOutcome } from './injection/index.ts';
import { judgeJson, JSON_DETECTOR, MAX_ANSWER_LENGTH, notesOnJson, type JsonVerdict } from './json.ts';
import { judgePolicy, POLICY_DETECTOR } from './policy.ts';
import { findRefusal, findRefusalInJson, REFUSAL_DETECTOR } from './refusal.ts';
import { judgeSchema, SCHEMA_DETECTOR } from './schema.ts';
import { judgeToolCalls, TOOL_CALL_DETECTOR } from './tool-calls.ts';
import { cutAt, TRUNCATION_DETECTOR, wasCut, wasWithheld } from './truncation.ts';

export type DetectionInput = Pick<Interaction, 'messages' | 'tools' | 'outputSchema' | 'answer' | 'finishReason'>;

/** `name@version` of every detector; part of a dataset's identity. */
export const DETECTOR_VERSIONS: readonly string[] = [INJECTION_DETECTOR, JSON_DETECTOR, POLICY_DETECTOR, REFUSAL_DETECTOR, SCHEMA_DETECTOR, TOOL_CALL_DETECTOR, TRUNCATION_DETECTOR];

export interface DetectionOptions {
  /** Canaries of this interaction alone, beside those of the settings. */
  canaries?: readonly string[];
  /** Goals that injected text in this interaction is known to pursue. */
  goals?: readonly Goal[];
}

export interface Judgement {
  findings: Finding[];
  injection: InjectionOutcome;
}

/** Classes that say nothing against the model. */
const NO_FAILURE: ReadonlySet<FailureClass> = new Set(['schema_invalid', 'undetermined']);

/** True when nothing but `schema_invalid` or `undetermined` was found. */
export const passes = (findings: readonly Finding[]): boolean => findings.every((finding) => NO_FAILURE.has(finding.class));

/** The failure classes of an answer, each once, in the order of the findings; empty when it passes. */
export const detectOutcome = (findings: readonly Finding[]): FailureClass[] => [...new Set(findings.map((finding) => finding.class))].filter((name) => !NO_FAILURE.has(name));

/** Both found the same classes, whatever their evidence. */
export function sameVerdict(a: readonly Finding[], b: readonly Finding[]): boolean {
  const classes = (findings: readonly Finding[]): string => [...new Set(findings.map((finding) => finding.class))].sort().join(' ');
  return classes(a) === classes(b);
}

/** The findings of `judge` alone. */
export const detect = (input: DetectionInput, settings: DetectorSettings, options: DetectionOptions = {}): Finding[] => judge(input, settings, options).findings;

/**
 * Judges one answer, and says what became of instructions in untrusted text. Pure: the same input gives the same findings, at most one
 * per class and detector, in a fixed order. Never throws on what a record may carry. Evidence carries rules, places and counts, no text of the record.
 */
export function judge(input: DetectionInput, settings: DetectorSettings, options: DetectionOptions = {}): Judgement {
  const { answer, finishReason } = input;
  const { text } = answer;
  const calls = answer.toolCalls ?? [];
  const findings: Finding[] = [];
  const add = (name: FailureClass, detector: string, evidence: readonly Evidence[], confidence = 1): void => {
    if (evidence.length > 0) findings.push({ class: name, confidence, evidence: [...evidence], detector });
  };
  if (text.length > MAX_ANSWER_LENGTH) {
    add('undetermined', JSON_DETECTOR, [{ rule: 'too_big' }]);
    return { findings, injection: 'undetermined' };
  }

  /** The answer came to its end and is what was asked for, so that something can be missing from it. */
  let whole = true;
  let strings: AnswerString[] | null = null;

  // A turn that calls tools is not the final answer: its text is commentary.
  if (settings.expect === 'json' && calls.length === 0) {
    const verdict = judgeJson(text, settings);
    if (verdict.kind === 'json') {
      strings = stringsIn(verdict.value);
      const refusal = findRefusalInJson(strings, settings);
      if (refusal) add('refusal', REFUSAL_DETECTOR, [refusal], 0.9);
      if (input.outputSchema) addSchema(add, verdict, input.outputSchema);
    } else {
      whole = false;
      addMalformed(add, verdict, text, input, settings);
    }
  } else if (calls.length === 0) {
    const refusal = findRefusal(text, settings.expect === 'text', settings) ?? refusalInJsonText(text, settings);
    whole = refusal === null && !wasCut(finishReason) && !wasWithheld(finishReason);
    if (wasCut(finishReason)) add('truncated', TRUNCATION_DETECTOR, [cutAt(text.length)]);
    else if (refusal) add('refusal', REFUSAL_DETECTOR, [refusal], 0.9);
    else if (wasWithheld(finishReason)) add('undetermined', TRUNCATION_DETECTOR, [{ rule: finishReason }]);
    else if (settings.expect === 'tool_calls') add('tool_call_invalid', TOOL_CALL_DETECTOR, [{ rule: 'no_call' }]);
  } else {
    const verdict = judgeToolCalls(calls, input.tools, wasCut(finishReason));
    whole = false;
    add('tool_call_invalid', TOOL_CALL_DETECTOR, verdict.invalid);
    add('truncated', TRUNCATION_DETECTOR, verdict.truncated);
    add('schema_invalid', TOOL_CALL_DETECTOR, verdict.schemaInvalid);
    add('undetermined', TOOL_CALL_DETECTOR, verdict.undetermined);
  }

  const said = [...(strings ?? [{ text }]), ...calls.flatMap((call, index) => saidByCall(call.arguments, index))];
  const injection = judgeInjection({ messages: input.messages, said, answer, finishReason }, settings, options);
  if (injection.outcome === 'followed') add('injection_followed', INJECTION_DETECTOR, injection.evidence, injection.confidence);
  if (settings.rules.length > 0) {
    const policy = judgePolicy(said, settings, whole);
    add('policy_violation', POLICY_DETECTOR, policy.policy_violation);
    add('persona_break', POLICY_DETECTOR, policy.persona_break);
  }
  return { findings, injection: injection.outcome };
}

/** What is odd about the JSON of an answer without being a failure: a fence, repeated keys, unsafe numbers, lone surrogates. */
export function notesOn(input: DetectionInput, settings: DetectorSettings): Evidence[] {
  const { text } = input.answer;
  return settings.expect === 'json' && text.length <= MAX_ANSWER_LENGTH ? notesOnJson(text, judgeJson(text, settings)) : [];
}

type Add = (name: FailureClass, detector: string, evidence: readonly Evidence[], confidence?: number) => void;

function addSchema(add: Add, json: JsonVerdict & { kind: 'json' }, schema: object): void {
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

/** One fault, one class: a refusal in plain words, an answer that was cut off, an answer that somebody withheld, or no JSON. */
function addMalformed(add: Add, verdict: JsonVerdict & { kind: 'malformed' }, text: string, { finishReason }: DetectionInput, settings: DetectorSettings): void {
  const refusal = verdict.cause === 'no_json' ? findRefusal(text, false, settings) : null;
  if (refusal) add('refusal', REFUSAL_DETECTOR, [refusal], 0.95);
  else if (verdict.cut && wasCut(finishReason)) add('truncated', TRUNCATION_DETECTOR, [cutAt(text.length), ...verdict.evidence]);
  else if (verdict.cut && wasWithheld(finishReason)) add('undetermined', TRUNCATION_DETECTOR, [{ rule: finishReason }]);
  else add('malformed_json', JSON_DETECTOR, verdict.evidence);
}

/** A short JSON object where any text would do. */
function refusalInJsonText(text: string, settings: DetectorSettings): Evidence | null {
  if (text.length > 2_000 || !/^\s*(?:```\w*\s*)?\{/.test(text)) return null;
  const verdict = judgeJson(text, settings);
  return verdict.kind === 'json' ? findRefusalInJson(stringsIn(verdict.value), settings) : null;
}

function saidByCall(text: string, index: number): AnswerString[] {
  const pointer = `/toolCalls/${index}/arguments`;
  try {
    return stringsIn(JSON.parse(text), pointer);
  } catch {
    return [{ text, pointer }];
  }
}
