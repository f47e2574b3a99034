// Names what somebody would have to change where a text stops being JSON.
import type { ScanFault } from './json-scanner.ts';

/** Every cause of `malformed_json`, as the rule of its first evidence, with what it means. */
export const JSON_CAUSES = {
  // Something is around the JSON.
  prose_around_json: 'words before or after the JSON (with `prose` in `envelopes` this is fine)',
  reasoning_around_json: 'a `<think>` block before the JSON, or one that never ends',
  language_word: 'the word `json` before the JSON, without a fence',
  assignment: 'a program: `x = {…}`, `return {…}`',
  tag_around_json: 'the JSON stands in a tag that is no tool-call tag (`<answer>{…}</answer>`)',
  special_token: 'a token of the chat template was left in the text (`<|im_end|>`, `</s>`)',
  trailing_semicolon: 'a semicolon after the JSON',
  inline_code: 'one or two backticks around the JSON: no fence',
  triple_quotes: 'Python\'s triple quotes around the JSON',
  envelope_not_allowed: 'the JSON is right, but bare, fenced or tagged where the workload does not allow that',
  fence_not_closed: 'the closing fence is missing',
  fence_not_opened: 'a closing fence, but none that opens',
  tag_not_closed: 'the closing tool-call tag is missing',
  more_than_one_value: 'a second value after the first (JSON lines, two answers)',
  byte_order_mark: 'the text starts with U+FEFF',
  // It is not JSON at all.
  empty: 'nothing, or white space only',
  no_json: 'prose without any JSON in it',
  markdown: 'a Markdown list, heading or bold names instead of JSON',
  markdown_table: 'a Markdown table instead of JSON',
  xml: 'XML or HTML instead of JSON',
  yaml: 'lines of `name: value`, as in YAML, instead of JSON',
  call_syntax: 'a call as programs write it: `f(a=1)`',
  python_literal: 'what Python prints for a value: `{\'a\': None}`, `True`, a tuple',
  escaped_json: 'JSON escaped as if inside a string: `{\\"a\\": 1}`',
  html_entities: 'JSON with `&quot;` for its quotes',
  doubled_braces: '`{{ … }}`, as in a template',
  missing_braces: '`"a": 1` without the braces around it',
  // It breaks off.
  unexpected_end: 'the text ends in the middle: a value, a key or a string is not finished',
  missing_closing: 'the text ends after a whole value, but brackets are still open',
  // One mistake inside.
  trailing_comma: 'a comma before `}` or `]`',
  missing_comma: 'two values or members with nothing between them',
  missing_colon: 'a key without its colon',
  missing_value: 'a colon or comma with nothing after it',
  missing_quote: 'a string whose opening or closing quote is missing',
  unescaped_quote: 'a quote inside a string, not escaped, ends it',
  unescaped_newline: 'a line break inside a string',
  control_character: 'a tab or another control character inside a string',
  bad_escape: 'a backslash before a character that JSON does not escape',
  bad_number: 'a number that JSON does not know: `01`, `+1`, `.5`, `1.`, `0x1F`, `1,000`',
  nan_or_infinity: '`NaN`, `Infinity`, `inf`',
  undefined_value: '`undefined`',
  expression: 'something to be computed: `1/2`, `"a" + "b"`',
  placeholder: 'a place to be filled in: `<name>`',
  ellipsis: '`...` where more should stand',
  comment: 'a comment',
  single_quotes: 'single quotes, as in JavaScript',
  smart_quotes: 'typographic quotes: “ ”',
  backtick_string: 'a string in backticks',
  fullwidth_punctuation: 'full-width punctuation: `：` `，`',
  invisible_character: 'a no-break space, zero-width or other invisible character outside strings',
  unquoted_key: 'a key without quotes',
  unquoted_value: 'words without quotes as a value',
  equals_sign: '`=` or `=>` for the colon',
  semicolon: 'a semicolon for a comma',
  extra_bracket: 'a closing bracket too many, or too early',
  mismatched_bracket: '`]` closes `{`, or the reverse',
  unexpected_token: 'anything else',
} as const;
export type JsonCause = keyof typeof JSON_CAUSES;

/** Tokens of chat templates that servers should have taken out. */
export const SPECIAL_TOKEN = /<\|(?:im_start|im_end|eot_id|eom_id|end|endoftext|end_of_text|begin_of_text|start_header_id|end_header_id|start|message|channel|return|assistant|user|system)\|>|<\/?s>|<(?:end|start)_of_turn>|<eos>|<bos>|\[\/?INST\]|<｜(?:end▁of▁sentence|begin▁of▁sentence|Assistant|User)｜>/y;

/** Characters that are read to tell Python's literals from JavaScript's. */
const MAX_DIALECT_LENGTH = 64 * 1024;
const INVISIBLE = /^[\u0000-\u0008\u000e-\u001f\u007f\u00a0\u00ad\u0085\u000b\u000c\u200b-\u200f\u2000-\u200a\u2028-\u202f\u205f-\u2064\u3000\ufeff]/;
const IDENTIFIER = /^[\p{L}_$]/u;

/**
 * @param start where the value begins
 * @param atEnd the text, or the envelope around the value, ends at the fault
 */
export function nameFault(text: string, { offset, expected }: ScanFault, start: number, atEnd: boolean): JsonCause {
  if (expected === 'closing quote') return /[}\]]\s*$/.test(text.slice(-40)) ? 'missing_quote' : 'unexpected_end';
  if (atEnd) return expected === 'comma or ]' || expected === 'comma or }' ? 'missing_closing' : 'unexpected_end';
  const rest = text.slice(offset, offset + 80);
  const before = lastInk(text, offset);
  switch (expected) {
    case 'string without control characters':
      if (!/^[\r\n]/.test(rest)) return 'control_character';
      return /^\s+(?:"[^"\n]*"\s*:|[}\]]|```|<\/)/.test(rest) ? 'missing_quote' : 'unescaped_newline';
    case 'escape':
    case 'four hex digits':
      return 'bad_escape';
    case 'digit':
      return /^inf/i.test(rest) ? 'nan_or_infinity' : 'bad_number';
    default:
  }
  if (rest.startsWith("'")) return singleQuoted(text, start);
  if (/^(?:None|True|False)\b|^\(|^[bruf]['"](?!\s*:)/.test(rest)) return 'python_literal';
  if (/^(?:nan|[+]?inf(?:inity)?)\b/i.test(rest)) return 'nan_or_infinity';
  if (/^undefined\b/.test(rest)) return 'undefined_value';
  if (/^(?:\/[/*]|#|<!--)/.test(rest)) return 'comment';
  if (/^(?:\.\.\.|…)/.test(rest)) return 'ellipsis';
  if (/^[“”„‟‘’‚«»]/.test(rest)) return 'smart_quotes';
  if (/^[：，｛｝［］＂；、]/.test(rest)) return 'fullwidth_punctuation';
  if (INVISIBLE.test(rest)) return 'invisible_character';
  if (/^&(?:quot|#34|#x22|apos|#39|amp|lt|nbsp);/i.test(rest)) return 'html_entities';
  if (/^\\+["'nrt]/.test(rest)) return 'escaped_json';
  if (rest.startsWith('`')) return 'backtick_string';
  const isBracket = /^[}\]]/.test(rest);
  switch (expected) {
    case 'colon':
      if (rest.startsWith('=')) return 'equals_sign';
      return IDENTIFIER.test(rest) && before === '"' ? 'unescaped_quote' : 'missing_colon';
    case 'key':
    case 'key or }':
      if (isBracket) return before === ',' ? 'trailing_comma' : 'mismatched_bracket';
      if (rest.startsWith('{')) return 'doubled_braces';
      if (rest.startsWith(',')) return 'missing_value';
      // b": 1
      if (/^[\w -]{1,60}"\s*:/.test(rest)) return 'missing_quote';
      // 1,000: the comma ended a number.
      if (/^\d/.test(rest) && /\d,$/.test(text.slice(Math.max(0, offset - 2), offset))) return 'bad_number';
      if (/^<[^<>\n]{1,60}>/.test(rest)) return 'placeholder';
      return IDENTIFIER.test(rest) || /^-?\d/.test(rest) ? 'unquoted_key' : 'unexpected_token';
    case 'value':
    case 'value or ]':
      if (isBracket) return before === ',' ? 'trailing_comma' : expected === 'value' ? 'missing_value' : 'mismatched_bracket';
      if (rest.startsWith(',')) return 'missing_value';
      if (/^[A-Za-z_][\w.]*\(/.test(rest)) return 'call_syntax';
      if (/^(?:\+\d|\.\d)/.test(rest)) return 'bad_number';
      if (/^<[^<>\n]{1,60}>/.test(rest)) return 'placeholder';
      return IDENTIFIER.test(rest) || /^[$€£¥%@]/.test(rest) ? 'unquoted_value' : 'unexpected_token';
    default:
      return afterValue(text, offset, rest, before, isBracket);
  }
}

/** A comma or the end of the container was expected. */
function afterValue(text: string, offset: number, rest: string, before: string | undefined, isBracket: boolean): JsonCause {
  if (isBracket) return 'mismatched_bracket';
  if (rest.startsWith(';')) return 'semicolon';
  const touching = text[offset - 1] ?? '';
  if (/[\d.]/.test(touching) && /^(?:[\d._]|[xXbBoO][\da-fA-F])/.test(rest)) return 'bad_number';
  if (/^[+*/-]\s*["\d(A-Za-z]/.test(rest)) return 'expression';
  if (/\d/.test(touching) && /^[%\p{L}]/u.test(rest)) return 'unquoted_value';
  if (rest.startsWith(':')) return before === '"' ? 'missing_braces' : 'unexpected_token';
  // 1": the quote before it is missing.
  if (/^"\s*[}\],]/.test(rest) && before !== '"') return 'missing_quote';
  const startsValue = /^(?:["{[]|-?\d|(?:true|false|null)\b)/.test(rest);
  if (before === '"' && !startsValue) return 'unescaped_quote';
  // "a" "b" is a missing comma; "he said ""hi" is a quote too many.
  if (before === '"' && touching === '"' && rest.startsWith('"')) return 'unescaped_quote';
  return startsValue ? 'missing_comma' : IDENTIFIER.test(rest) ? 'unquoted_value' : 'unexpected_token';
}

/** Python writes None, True and False and knows no comments with slashes; JavaScript writes null, true and false. */
function singleQuoted(text: string, start: number): JsonCause {
  const end = Math.min(text.length, start + MAX_DIALECT_LENGTH);
  for (let i = start; i < end; i += 1) {
    const sign = text[i] as string;
    if (sign === "'" || sign === '"') {
      for (i += 1; i < end && text[i] !== sign; i += 1) if (text[i] === '\\') i += 1;
    } else if (/[A-Za-z/]/.test(sign)) {
      const word = /^(?:true|false|null|undefined|\/[/*])(?!\w)/.exec(text.slice(i, i + 12));
      if (word) return 'single_quotes';
      while (i + 1 < end && /\w/.test(text[i + 1] as string)) i += 1;
    }
  }
  return 'python_literal';
}

/** The last character before `offset` that is not white space, where it is near. */
const lastInk = (text: string, offset: number): string | undefined => text.slice(Math.max(0, offset - 1_000), offset).trimEnd().at(-1);

/** Lines that are looked at to say what a text without JSON is. */
const MAX_LINES = 40;

/** What a text is in which no JSON was found. */
export function nameText(text: string, start: number): JsonCause {
  const head = text.slice(start, start + 4_000);
  if (/^[}\]]/.test(head)) return 'extra_bracket';
  if (/^<(?:\?xml|!|[A-Za-z][\w:.-]*(?:\s[^<>]*)?\/?>)/.test(head)) return 'xml';
  const lines = head.split('\n', MAX_LINES).map((line) => line.trim()).filter((line) => line !== '' && !/^(?:```|~~~)$/.test(line));
  const rows = lines.filter((line) => /^\|.*\|$/.test(line));
  if (rows.length >= 2 && rows.some((line) => /^[|:\s-]+$/.test(line))) return 'markdown_table';
  const pairs = lines.filter((line) => /^(?:- )?[\p{L}_"'][^:\n]{0,40}:(?:\s|$)|^- \S|^---$/u.test(line));
  if (lines.length >= 2 && pairs.length === lines.length && pairs.some((line) => line.includes(':'))) return 'yaml';
  return /^(?:#{1,6} |\*\*|[-*+] |\d+[.)] )/.test(head) && lines.length >= 2 ? 'markdown' : 'no_json';
}

/** What stands before JSON that is there after all. */
export function nameBefore(before: string): JsonCause {
  const head = before.trim();
  if (/<\/?think(?:ing)?>/.test(head.slice(0, 200)) || /<\/think(?:ing)?>$/.test(head.slice(-200))) return 'reasoning_around_json';
  if (/^json:?$/i.test(head)) return 'language_word';
  if (head === '' || /^[\u200b-\u200f\u2060-\u2064]+$/.test(head)) return 'invisible_character';
  if (/^(?:\/\/[^\n]*|\/\*[^*]*\*\/|<!--[^>]*-->)$/.test(head)) return 'comment';
  if (/^`{1,2}(?:json)?$/i.test(head)) return 'inline_code';
  if (/^(?:"""|''')(?:json)?$/i.test(head)) return 'triple_quotes';
  if (/^[\p{L}_$][\w$ .:[\]]{0,60}=$|^(?:return|export default|yield)$/u.test(head)) return 'assignment';
  SPECIAL_TOKEN.lastIndex = 0;
  if (SPECIAL_TOKEN.test(head)) return 'special_token';
  return /^<[A-Za-z][\w:.-]*>$/.test(head) ? 'tag_around_json' : 'prose_around_json';
}

/** What stands after a whole JSON value. */
export function nameAfter(text: string, offset: number): JsonCause {
  const rest = text.slice(offset, offset + 64);
  if (/^[}\]]|^,\s*"[^"\n]*"\s*:/.test(rest)) return 'extra_bracket';
  if (/^(?:[,;]\s*)?[{[]/.test(rest)) return 'more_than_one_value';
  if (/^(?:\/\/|\/\*|#(?!#* ))/.test(rest)) return 'comment';
  if (/^;\s*$/.test(rest)) return 'trailing_semicolon';
  if (rest.startsWith('```')) return 'fence_not_opened';
  SPECIAL_TOKEN.lastIndex = 0;
  return SPECIAL_TOKEN.test(rest) ? 'special_token' : INVISIBLE.test(rest) ? 'invisible_character' : 'prose_around_json';
}
