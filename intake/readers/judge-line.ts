// One line of input to its lines of output: what was found in each answer, or why the line could not be judged.
import type { DetectorSettings, FailureClass } from '../../core/contracts/index.ts';
import { judge, passes, type Judgement } from '../../core/detect/index.ts';
import { RatchetError, safeMessage } from '../../core/errors.ts';
import type { ReadCall, Reader } from './call.ts';
import { expectationOf } from './expectation.ts';
import { isObject, type JsonObject } from './fields.ts';
import type { Line } from './lines.ts';

export interface LineJudgeOptions {
  reader: Reader;
  /** Of the workload, or the defaults. */
  settings: DetectorSettings;
  /** The workload's own expectation holds where a line says nothing. */
  expectsOfWorkload: boolean;
  /** For answers whose line brings no schema. */
  schema: Record<string, unknown> | undefined;
}

export interface Totals {
  lines: number;
  /** Answers that were judged; a line of traces may hold several, or none. */
  judged: number;
  failed: number;
  bad: number;
  /** Findings by class, those that say nothing against the model too. */
  byClass: Partial<Record<FailureClass, number>>;
  byInjection: Partial<Record<Judgement['injection'], number>>;
}

export interface LineJudge {
  /** Lines of JSON with their newlines. */
  (line: Line): string;
  readonly totals: Totals;
}

export function createLineJudge({ reader, settings, expectsOfWorkload, schema }: LineJudgeOptions): LineJudge {
  const totals: Totals = { lines: 0, judged: 0, failed: 0, bad: 0, byClass: {}, byInjection: {} };
  // One object per expectation: detectors keep what they compile by the settings' identity.
  const settingsFor = { json: { ...settings, expect: 'json' }, text: { ...settings, expect: 'text' }, tool_calls: { ...settings, expect: 'tool_calls' }, any: { ...settings, expect: 'any' } } as const;

  function judged(line: number, call: ReadCall): string {
    const outputSchema = call.outputSchema ?? schema;
    const expect = call.expect ?? (expectsOfWorkload ? settings.expect : expectationOf(call.answer.text, outputSchema !== undefined, call.tools !== undefined || call.answer.toolCalls !== undefined));
    const { messages, tools, answer, finishReason } = call;
    const { findings, injection } = judge({ messages, answer, finishReason, ...(tools ? { tools } : {}), ...(outputSchema ? { outputSchema } : {}) }, settingsFor[expect], call.options);
    totals.judged += 1;
    totals.byInjection[injection] = (totals.byInjection[injection] ?? 0) + 1;
    for (const { class: name } of findings) totals.byClass[name] = (totals.byClass[name] ?? 0) + 1;
    if (!passes(findings)) totals.failed += 1;
    return `${JSON.stringify({ line, id: call.id ?? null, failures: findings, injection })}\n`;
  }

  const judgeLine = (item: Line): string => {
    totals.lines += 1;
    let document: JsonObject | undefined;
    try {
      if ('error' in item) throw item.error;
      document = documentOf(item.text);
      let output = '';
      for (const call of reader(document)) output += judged(item.line, call);
      return output;
    } catch (error) {
      totals.bad += 1;
      const id = document?.['id'];
      return `${JSON.stringify({ line: item.line, ...(typeof id === 'string' || typeof id === 'number' ? { id } : {}), error: problemOf(error) })}\n`;
    }
  };
  return Object.assign(judgeLine, { totals });
}

/** @throws RECORD_NOT_JSON, RECORD_CONTRACT */
export function documentOf(text: string): JsonObject {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    // The engine's message quotes the text; only the position is taken from it.
    const message = error instanceof Error ? error.message : '';
    const position = /at position (\d+)/.exec(message)?.[1];
    throw new RatchetError('RECORD_NOT_JSON', position !== undefined ? `not JSON at character ${position}` : /end of JSON/.test(message) ? 'not JSON: it ends too early' : 'not JSON');
  }
  if (!isObject(document)) throw new RatchetError('RECORD_CONTRACT', '/ must be an object');
  return document;
}

/** What went wrong, in words that carry nothing of the line. */
export function problemOf(error: unknown): { code: string; message: string } {
  if (error instanceof RatchetError) return { code: error.code, message: error.message };
  // Writing a value as text recurses; nothing else here does.
  if (error instanceof RangeError) return { code: 'RECORD_TOO_DEEP', message: 'nested too deep to be judged' };
  return { code: 'INTERNAL', message: safeMessage(error) };
}
