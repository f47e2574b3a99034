// Scores one arm's answer to one case: by the workload's detectors, and by the blind truth where one is known.
import type { EvalCase, FailureClass, FinishReason } from '../core/contracts/index.ts';
import { sameAnswer } from '../core/curate/answers.ts';
import { detect, detectOutcome, passes } from '../core/detect/index.ts';
import type { ChatAnswer } from '../stores/ports.ts';
import type { Settings } from './runs.ts';

export interface Score {
  failureClasses: FailureClass[];
  equalsTruth: boolean | null;
  pass: boolean;
}

export function scoreAnswer(settings: Settings, document: EvalCase, answer: { text: string; toolCalls?: ChatAnswer['toolCalls']; finishReason: FinishReason }, truth: string | null): Score {
  const { messages, tools } = document;
  const outputSchema = document.outputSchema ?? settings.outputSchema ?? undefined;
  const { text, toolCalls, finishReason } = answer;
  const findings = detect({ messages, tools, outputSchema, answer: { text, toolCalls }, finishReason }, settings.workload.detectors);
  const equalsTruth = truth === null ? null : sameAnswer(text, truth);
  return { failureClasses: detectOutcome(findings), equalsTruth, pass: passes(findings) && equalsTruth !== false };
}
