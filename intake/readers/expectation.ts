// What an answer is expected to be where nobody said: JSON when there is a schema or it starts like JSON, otherwise text.

/** A bracketed word and then something else: "[Note] it works" and "[1] Smith" are prose. */
const BRACKETED_WORD = /^\[[^\]"'{}[\n]{1,80}\][^\S\n]*[^\s,\]}]/;

/** The marks that models put around a tool call written as text. */
const TOOL_CALL_TAG = /^(?:<\/?(?:tool_calls?|function_calls?|functioncall|function|start_function_call|invoke|tools?)\b|<\|(?:python_tag|tool|tool_calls?|tool_calls_section_begin|function_call|action_start|plugin)\||<\uff5ctool\u2581call|\[TOOL_CALLS?\]|\[AVAILABLE_TOOLS\])/i;

/**
 * @param text the answer
 * @param hasTools tools were offered, or called
 */
export function expectationOf(text: string, hasSchema: boolean, hasTools: boolean): 'json' | 'text' | 'any' {
  if (hasSchema) return 'json';
  const start = text.search(/\S/);
  const words = hasTools ? 'any' : 'text';
  if (start < 0) return words;
  const head = text.slice(start, start + 120);
  if (head.startsWith('{') || head.startsWith('```') || TOOL_CALL_TAG.test(head)) return 'json';
  return head.startsWith('[') && !BRACKETED_WORD.test(head) ? 'json' : words;
}
