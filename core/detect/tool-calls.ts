// Whether the calls in an answer can be made: wanted, as many as may be, of a known tool, with arguments that are JSON and fit its parameters.
import type { DetectorSettings, Evidence, Tool, ToolCall } from '../contracts/index.ts';
import { judgeJson } from './json.ts';
import { readParameters } from './schema-dialect.ts';
import { judgeSchema, type SchemaVerdict } from './schema.ts';

export const TOOL_CALL_DETECTOR = 'tool-calls@2';

export interface ToolCallVerdict {
  invalid: Evidence[];
  /** Arguments that only end too early, where the token limit stopped the model. */
  truncated: Evidence[];
  schemaInvalid: Evidence[];
  undetermined: Evidence[];
}

/** More evidence than a person could read is left out. */
const MAX_EVIDENCE = 50;

/** A tool's parameters as the schema they mean, remembered so that each is compiled once. */
const schemas = new WeakMap<object, object>();

function schemaOf(parameters: Record<string, unknown>): object {
  let schema = schemas.get(parameters);
  if (!schema) schemas.set(parameters, (schema = readParameters(parameters)));
  return schema;
}

/**
 * @param tools undefined: the record does not say which tools there were
 * @param cut the token limit stopped the model
 */
export function judgeToolCalls(calls: readonly ToolCall[], tools: readonly Tool[] | undefined, cut: boolean, settings: Pick<DetectorSettings, 'expect' | 'parallelToolCalls'>): ToolCallVerdict {
  const verdict: ToolCallVerdict = { invalid: [], truncated: [], schemaInvalid: [], undetermined: [] };
  if (tools?.length === 0) verdict.invalid.push({ rule: 'no_tools_offered', pointer: '/toolCalls' });
  else if (settings.expect === 'text') verdict.invalid.push({ rule: 'call_not_wanted', pointer: '/toolCalls' });
  if (verdict.invalid.length > 0) return verdict;
  const wanted = settings.parallelToolCalls;
  if (typeof wanted === 'number' ? calls.length !== wanted : !wanted && calls.length > 1) verdict.invalid.push({ rule: 'wrong_number_of_calls', pointer: '/toolCalls', detail: `${calls.length} calls, ${wanted === false ? 'at most 1' : Number(wanted)} wanted` });
  calls.forEach((call, index) => judgeCall(call, index, cut && index === calls.length - 1));
  for (const evidence of Object.values(verdict) as Evidence[][]) evidence.splice(MAX_EVIDENCE);
  return verdict;

  function judgeCall(call: ToolCall, index: number, isCut: boolean): void {
    const pointer = `/toolCalls/${index}`;
    const tool = tools?.find((candidate) => candidate.name === call.name);
    if (tools && !tool) {
      verdict.invalid.push({ rule: 'unknown_tool', pointer: `${pointer}/name` });
      return;
    }
    const at = `${pointer}/arguments`;
    // Many servers write no arguments as an empty text.
    const text = call.arguments.trim() === '' ? '{}' : call.arguments;
    const json = judgeJson(text, { envelopes: ['bare'] });
    if (json.kind === 'malformed') {
      if (isCut && json.cut) verdict.truncated.push({ rule: 'finish_reason_length', pointer: at, detail: json.cause });
      else verdict.invalid.push({ ...json.evidence[0], rule: 'arguments_not_json', pointer: at, detail: json.cause });
      return;
    }
    if (typeof json.value !== 'object' || json.value === null || Array.isArray(json.value)) {
      verdict.invalid.push({ rule: 'arguments_not_object', pointer: at });
      return;
    }
    if (!tools) verdict.undetermined.push({ rule: 'tools_not_recorded', pointer });
    else if (tool?.parameters) addSchemaVerdict(verdict, judgeSchema(json.value, schemaOf(tool.parameters), text.length, at), at);
  }
}

function addSchemaVerdict(verdict: ToolCallVerdict, judged: SchemaVerdict, pointer: string): void {
  switch (judged.kind) {
    case 'fits':
      return;
    case 'violates':
      verdict.invalid.push(...judged.evidence);
      return;
    case 'schema_invalid':
      verdict.schemaInvalid.push({ rule: judged.problem, pointer, detail: 'parameters of the tool' });
      return;
    case 'undecided':
      verdict.undetermined.push({ rule: judged.reason, pointer });
  }
}

/** Calls that are the same, name and arguments, as one before them: odd, but somebody may want two dice rolled. */
export function notesOnCalls(calls: readonly ToolCall[]): Evidence[] {
  const seen = new Set<string>();
  return calls
    .flatMap((call, index) => {
      const key = `${call.name}\n${call.arguments.trim()}`;
      if (seen.has(key)) return [{ rule: 'duplicate_call', pointer: `/toolCalls/${index}` }];
      seen.add(key);
      return [];
    })
    .slice(0, MAX_EVIDENCE);
}
