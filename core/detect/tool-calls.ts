// Whether the calls in an answer can be made: known tool, arguments that are JSON and fit the tool's parameters.
import type { Evidence, Tool, ToolCall } from '../contracts/index.ts';
import { judgeJson } from './json.ts';
import { judgeSchema, type SchemaVerdict } from './schema.ts';

export const TOOL_CALL_DETECTOR = 'tool-calls@1';

export interface ToolCallVerdict {
  invalid: Evidence[];
  /** Arguments that only end too early, where the token limit stopped the model. */
  truncated: Evidence[];
  schemaInvalid: Evidence[];
  undetermined: Evidence[];
}

/**
 * @param tools undefined: the record does not say which tools there were
 * @param cut the token limit stopped the model
 */
export function judgeToolCalls(calls: readonly ToolCall[], tools: readonly Tool[] | undefined, cut: boolean): ToolCallVerdict {
  const verdict: ToolCallVerdict = { invalid: [], truncated: [], schemaInvalid: [], undetermined: [] };
  calls.forEach((call, index) => {
    const pointer = `/toolCalls/${index}`;
    const tool = tools?.find((candidate) => candidate.name === call.name);
    if (tools && !tool) {
      verdict.invalid.push({ rule: 'unknown_tool', pointer: `${pointer}/name` });
      return;
    }
    const at = `${pointer}/arguments`;
    // Many servers write no arguments as an empty text.
    const text = call.arguments.trim() === '' ? '{}' : call.arguments;
    const json = judgeJson(text, { allowFence: false });
    if (json.kind === 'malformed') {
      const isCut = cut && json.cut && index === calls.length - 1;
      (isCut ? verdict.truncated : verdict.invalid).push({ rule: isCut ? 'finish_reason_length' : 'arguments_not_json', pointer: at, detail: json.cause });
      return;
    }
    if (typeof json.value !== 'object' || json.value === null || Array.isArray(json.value)) {
      verdict.invalid.push({ rule: 'arguments_not_object', pointer: at });
      return;
    }
    if (!tools) verdict.undetermined.push({ rule: 'tools_not_recorded', pointer });
    else if (tool?.parameters) addSchemaVerdict(verdict, judgeSchema(json.value, tool.parameters, text.length, at), at);
  });
  return verdict;
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
