// What is wrong with an interaction: every detector's findings together, one class per fault, in a fixed order.
import type { DetectorSettings, Evidence, FailureClass, Finding, Interaction } from '../contracts/index.ts';
import { stringsIn, type AnswerString } from './answer-text.ts';
import { judgeForm } from './form.ts';
import { INJECTION_DETECTOR, judgeInjection, type Goal, type InjectionOutcome } from './injection/index.ts';
import { notesOnJson } from './json-notes.ts';
import { judgeJson, JSON_DETECTOR, MAX_ANSWER_LENGTH } from './json.ts';
import { hasRules, judgePolicy, PERSONA_DETECTOR, POLICY_DETECTOR } from './policy.ts';
import { REFUSAL_DETECTOR } from './refusal.ts';
import { SCHEMA_DETECTOR } from './schema.ts';
import { notesOnCalls, TOOL_CALL_DETECTOR } from './tool-calls.ts';
import { TRUNCATION_DETECTOR } from './truncation.ts';

export type DetectionInput = Pick<Interaction, 'messages' | 'tools' | 'outputSchema' | 'answer' | 'finishReason'>;

/** `name@version` of every detector; part of a dataset's identity. */
export const DETECTOR_VERSIONS: readonly string[] = [INJECTION_DETECTOR, JSON_DETECTOR, PERSONA_DETECTOR, POLICY_DETECTOR, REFUSAL_DETECTOR, SCHEMA_DETECTOR, TOOL_CALL_DETECTOR, TRUNCATION_DETECTOR];

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
  const { messages, answer, finishReason } = input;
  const { text } = answer;
  const findings: Finding[] = [];
  const add = (name: FailureClass, detector: string, evidence: readonly Evidence[], confidence = 1): void => {
    if (evidence.length > 0) findings.push({ class: name, confidence, evidence: [...evidence], detector });
  };
  if (text.length > MAX_ANSWER_LENGTH) {
    add('undetermined', JSON_DETECTOR, [{ rule: 'too_big' }]);
    return { findings, injection: 'undetermined' };
  }

  const { whole, strings, calls, callsAreWhole } = judgeForm(input, settings, add);
  const said: AnswerString[] = [...(strings ?? [{ text }]), ...calls.flatMap((call, index) => saidByCall(call.arguments, index))];
  const injection = judgeInjection({ messages, said, answer, finishReason }, settings, options);
  if (injection.outcome === 'followed') add('injection_followed', INJECTION_DETECTOR, injection.evidence, injection.confidence);
  if (hasRules(settings)) {
    const policy = judgePolicy(said, settings, whole, { messages, calls, callsAreWhole });
    add('policy_violation', POLICY_DETECTOR, policy.policy_violation);
    add('persona_break', POLICY_DETECTOR, policy.persona_break);
    add('persona_break', PERSONA_DETECTOR, policy.persona);
  }
  return { findings, injection: injection.outcome };
}

/** What is odd about an answer without being a failure: its envelope, repeated keys, unsafe numbers, lone surrogates, equal calls. */
export function notesOn(input: DetectionInput, settings: DetectorSettings): Evidence[] {
  const { text, toolCalls = [] } = input.answer;
  return [...(settings.expect === 'json' && text.length <= MAX_ANSWER_LENGTH ? notesOnJson(text, judgeJson(text, settings)) : []), ...notesOnCalls(toolCalls)];
}

function saidByCall(text: string, index: number): AnswerString[] {
  const pointer = `/toolCalls/${index}/arguments`;
  try {
    return stringsIn(JSON.parse(text), pointer);
  } catch {
    return [{ text, pointer }];
  }
}
