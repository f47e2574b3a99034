// JSON answers: the verdict is JSON.parse's, the scanner says where and why, and every fault has one name.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { DetectorSettings } from '../../core/contracts/index.ts';
import { detect, notesOn } from '../../core/detect/index.ts';
import { JSON_CAUSES, type JsonCause } from '../../core/detect/json-cause.ts';
import { scanValue, skipSpace } from '../../core/detect/json-scanner.ts';
import { ended, found, inputOf } from './detect-support.ts';

const settings = DetectorSettings.parse({});

const accepts = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

/** RFC 8259 by the scanner: one value with nothing but white space around it. */
const scans = (text: string): boolean => {
  const result = scanValue(text);
  return result.fault === null && skipSpace(text, result.end) === text.length;
};

describe('the scanner', () => {
  it('agrees with JSON.parse on text that is nearly JSON', () => {
    const token = fc.constantFrom('{', '}', '[', ']', ',', ':', '"a"', '"', '\\', '\\u00', '\\u0041', '1', '-', '0', '.', 'e', 'E+', 'true', 'fals', 'null', ' ', '\n', '\t', '\u00a0', '\u0000', '\ud800', "'", '/', 'x');
    fc.assert(fc.property(fc.array(token, { maxLength: 12 }).map((tokens) => tokens.join('')), (text) => scans(text) === accepts(text)), { numRuns: 20_000 });
  });

  it('agrees with JSON.parse on JSON with one character changed, and never points past it', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(), fc.constantFrom('', '"', ',', ']', '}', 'x', '\\', '\n', '0'), (value, at, character) => {
        const json = JSON.stringify(value);
        const place = at % (json.length + 1);
        const text = json.slice(0, place) + character + json.slice(place + 1);
        expect(scans(text)).toBe(accepts(text));
        const result = scanValue(text);
        // The characters before the fault could still have become JSON: cutting there is a truncation, not another fault.
        if (result.fault) expect(scanValue(text.slice(0, result.fault.offset)).fault?.atEnd ?? true).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('malformed_json', () => {
  const cases: [string, JsonCause, number, string?][] = [
    // One mistake inside.
    ['{"a":1,}', 'trailing_comma', 7, 'expected key'],
    ['[1,2,]', 'trailing_comma', 5, 'expected value'],
    ['{"a":1 "b":2}', 'missing_comma', 7, 'expected comma or }'],
    ['{"a":"x" "b":"y"}', 'missing_comma', 9, 'expected comma or }'],
    ['{"a":"x"\n"b":"y"}', 'missing_comma', 9, 'expected comma or }'],
    ['{"a" 1}', 'missing_colon', 5, 'expected colon'],
    ['{"a" = 1}', 'equals_sign', 5, 'expected colon'],
    ['{"a" => 1}', 'equals_sign', 5, 'expected colon'],
    ['{"a":1; "b":2}', 'semicolon', 6, 'expected comma or }'],
    ['{"a":}', 'missing_value', 5, 'expected value'],
    ['{"a":, "b":1}', 'missing_value', 5, 'expected value'],
    ['{"a":"he said "hi" ok"}', 'unescaped_quote', 15, 'expected comma or }'],
    ['{"a":"5" pipe"}', 'unescaped_quote', 9, 'expected comma or }'],
    ['{"a": "x\ny"}', 'unescaped_newline', 8, 'expected string without control characters'],
    ['{"a": "x\r\n\r\ny"}', 'unescaped_newline', 8, 'expected string without control characters'],
    ['{"a": "x,\n "b": 1}', 'missing_quote', 9, 'expected string without control characters'],
    ['{"a": "x}', 'missing_quote', 9, 'expected closing quote'],
    ['{"a": "x\ty"}', 'control_character', 8, 'expected string without control characters'],
    ['{"a":"\\x"}', 'bad_escape', 7, 'expected escape'],
    ['{"a":"it\\\'s"}', 'bad_escape', 9, 'expected escape'],
    ['{"a":"\\u12G4"}', 'bad_escape', 10, 'expected four hex digits'],
    ['{"a": 01}', 'bad_number', 7, 'expected comma or }'],
    ['{"a": 0x1F}', 'bad_number', 7, 'expected comma or }'],
    ['{"a": +1}', 'bad_number', 6, 'expected value'],
    ['{"a": .5}', 'bad_number', 6, 'expected value'],
    ['{"a": 1.}', 'bad_number', 8, 'expected digit'],
    ['{"a": 1,000}', 'bad_number', 8, 'expected key'],
    ['{"a": 1_000}', 'bad_number', 7, 'expected comma or }'],
    ['{"a": 1/2}', 'expression', 7, 'expected comma or }'],
    ['{"a": "x" + "y"}', 'expression', 10, 'expected comma or }'],
    ['{"a": 50%}', 'unquoted_value', 8, 'expected comma or }'],
    ['{"a": $5}', 'unquoted_value', 6, 'expected value'],
    ['{a:1}', 'unquoted_key', 1, 'expected key or }'],
    ['{1:"x"}', 'unquoted_key', 1, 'expected key or }'],
    ['{"a":yes}', 'unquoted_value', 5, 'expected value'],
    ['{"a": <number>}', 'placeholder', 6, 'expected value'],
    ['{"a": undefined}', 'undefined_value', 6, 'expected value'],
    ['{"a": NaN}', 'nan_or_infinity', 6, 'expected value'],
    ['{"a": nan}', 'nan_or_infinity', 6, 'expected value'],
    ['{"a": -Infinity}', 'nan_or_infinity', 7, 'expected digit'],
    ['NaN', 'nan_or_infinity', 0],
    ['{"a": 1 // one\n}', 'comment', 8, 'expected comma or }'],
    ['{"a": 1, # one\n"b":2}', 'comment', 9, 'expected key'],
    ['{"a": 1} // done', 'comment', 9, 'expected end of text'],
    ['{"a": [1, 2, ...]}', 'ellipsis', 13, 'expected value'],
    ['{“a”: 1}', 'smart_quotes', 1, 'expected key or }'],
    ['{"a": `x`}', 'backtick_string', 6, 'expected value'],
    ['{"a"：1}', 'fullwidth_punctuation', 4, 'expected colon'],
    ['{\u00a0"a": 1}', 'invisible_character', 1, 'expected key or }'],
    ['[1}', 'mismatched_bracket', 2, 'expected comma or ]'],
    ['{"a":[1,2}', 'mismatched_bracket', 9, 'expected comma or ]'],
    ['{"a":1}}', 'extra_bracket', 7, 'expected end of text'],
    ['{"a": "b": "c"}', 'missing_braces', 9, 'expected comma or }'],
    ['"a": 1, "b": 2', 'missing_braces', 0, 'expected {'],
    ["{'a': true}", 'single_quotes', 1, 'expected key or }'],
    ['{"a":1,@}', 'unexpected_token', 7, 'expected key'],
    ['{"a": 1,, "b": 2}', 'missing_value', 8, 'expected key'],
    ['{"a": 1}, "b": 2}', 'extra_bracket', 8, 'expected end of text'],
    ['}', 'extra_bracket', 0],
    ['{"a": 1"}', 'missing_quote', 7, 'expected comma or }'],
    ['{"a": 1, b": 2}', 'missing_quote', 9, 'expected key'],
    ['/* note */ {"a":1}', 'comment', 11, 'text before the JSON'],
    ['\u00a0{"a":1}', 'invisible_character', 1, 'text before the JSON'],
    ['\u200b{"a":1}', 'invisible_character', 1, 'text before the JSON'],
    ['{"a":1}\u0000', 'invisible_character', 7, 'expected end of text'],
    // It breaks off.
    ['{"a":1', 'missing_closing', 6, 'expected comma or }'],
    ['{"a":[{"b":1}', 'missing_closing', 13, 'expected comma or ]'],
    ['{"a":"x', 'unexpected_end', 7, 'expected closing quote'],
    ['{"a":1,', 'unexpected_end', 7, 'expected key'],
    ['{"a": tr', 'unexpected_end', 8, 'expected value'],
    // It is not JSON at all.
    ["{'a': None}", 'python_literal', 1, 'expected key or }'],
    ["{'a': 'it is'}", 'python_literal', 1, 'expected key or }'],
    ['{"a": None}', 'python_literal', 6, 'expected value'],
    ['[True]', 'python_literal', 1, 'expected value or ]'],
    ["['a']", 'python_literal', 1, 'expected value or ]'],
    ['{"a": (1, 2)}', 'python_literal', 6, 'expected value'],
    ['("a", 1)', 'python_literal', 0],
    ['get_weather(city="Rome")', 'call_syntax', 0],
    ['[get_weather(city="Rome")]', 'call_syntax', 1, 'expected value or ]'],
    ['print(get_weather("Rome"))', 'call_syntax', 0],
    ['{"a": datetime(2026, 1, 1)}', 'call_syntax', 6, 'expected value'],
    ['{{"a": 1}}', 'doubled_braces', 1, 'expected key or }'],
    ['{\\"a\\": 1}', 'escaped_json', 1, 'expected key or }'],
    ['{&quot;a&quot;: 1}', 'html_entities', 1, 'expected key or }'],
    ['<ticket><order>1</order></ticket>', 'xml', 0, 'expected value'],
    ['<!DOCTYPE html><p>Hello', 'xml', 0, 'expected value'],
    ['| a | b |\n|---|---|\n| 1 | 2 |', 'markdown_table', 0, 'expected value'],
    ['order: 12\nname: Ann\nitems:\n  - pen\n  - ink', 'yaml', 0, 'expected value'],
    ['**Order:** 12\n**Name:** Ann', 'markdown', 0, 'expected value'],
    ['', 'empty', 0],
    [' \n', 'empty', 0],
    ['```json\n```', 'empty', 8],
    ['```yaml\norder: 12\nname: Ann\n```', 'yaml', 8, 'expected value'],
    ['The order is late.', 'no_json', 0, 'expected value'],
    ['1. First, look at [2].', 'no_json', 0, 'expected value'],
    ['Note: see [1] and {x}.', 'no_json', 0, 'expected value'],
    // Something is around the JSON.
    ['Sure! {"a":1}', 'prose_around_json', 6, 'text before the JSON'],
    ['Here is the JSON:\n\n{"a":1}\n\nAnything else?', 'prose_around_json', 19, 'text before the JSON'],
    ['{"a":1}\nHope this helps', 'prose_around_json', 8, 'text after the JSON'],
    ['[Note] here it is: {"a":1}', 'prose_around_json', 19, 'text before the JSON'],
    ['Here:\n```json\n{"a":1}\n```', 'prose_around_json', 14, 'text before the JSON'],
    ['```json\n{"a":1}\n``` more', 'prose_around_json', 20, 'text after the fence'],
    ['I will look.\n<tool_call>\n{"name":"f","arguments":{}}\n</tool_call>', 'prose_around_json', 25, 'text before the JSON'],
    ['<think>Hm, {"b"...</think>\n{"a":1}', 'reasoning_around_json', 27, 'text before the JSON'],
    ['<think>Let me see', 'reasoning_around_json', 0, 'it never ends'],
    ['json\n{"a":1}', 'language_word', 5, 'text before the JSON'],
    ['JSON: {"a":1}', 'language_word', 6, 'text before the JSON'],
    ['const answer = {"a":1};', 'assignment', 15, 'text before the JSON'],
    ['return {"a":1}', 'assignment', 7, 'text before the JSON'],
    ['<answer>{"a":1}</answer>', 'tag_around_json', 8, 'text before the JSON'],
    ['{"a":1}<|im_end|>', 'special_token', 7, 'expected end of text'],
    ['<|im_start|>assistant\n{"a":1}', 'special_token', 22, 'text before the JSON'],
    ['{"a":1};', 'trailing_semicolon', 7, 'expected end of text'],
    ['`{"a":1}`', 'inline_code', 1, 'text before the JSON'],
    ['"""{"a":1}"""', 'triple_quotes', 3, 'text before the JSON'],
    ['{"a":1}\n{"b":2}', 'more_than_one_value', 8, 'expected end of text'],
    ['{"a":1},{"b":2}', 'more_than_one_value', 7, 'expected end of text'],
    ['```json\n{"a":1}\n```\n```json\n{"b":2}\n```', 'more_than_one_value', 20, 'a second fence'],
    ['```json\n{"a":1}', 'fence_not_closed', 15, 'expected closing fence'],
    ['{"a":1}\n```', 'fence_not_opened', 8, 'expected end of text'],
    ['```json\n{"a":\n```', 'unexpected_end', 14, 'expected value'],
    ['```json\n{"a":1\n```', 'missing_closing', 15, 'expected comma or }'],
    ['<tool_call>\n{"name":"f"}', 'tag_not_closed', 24, 'expected closing tag'],
    ['<tool_call>\n{"name":"f"\n</tool_call>', 'missing_closing', 24, 'expected comma or }'],
    ["<tool_call>\n{'name':'f'}\n</tool_call>", 'python_literal', 13, 'expected key or }'],
    ['\ufeff{}', 'byte_order_mark', 0],
  ];
  test.each(cases)('%j: %s', (text, cause, start, detail) => {
    const [finding, ...others] = detect(inputOf(text), settings);
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ class: 'malformed_json', detector: 'json@2' });
    expect(finding?.evidence[0]).toMatchObject({ rule: cause, start, ...(detail === undefined ? {} : { detail }) });
  });

  it('has a case for every cause, and a line in the reference', () => {
    const seen = new Set<string>([...cases.map(([, cause]) => cause), 'envelope_not_allowed']);
    expect(Object.keys(JSON_CAUSES).filter((cause) => !seen.has(cause))).toEqual([]);
    const reference = readFileSync(new URL('../../docs/reference/detectors/json.md', import.meta.url), 'utf8');
    expect(Object.entries(JSON_CAUSES).filter(([cause, meaning]) => !reference.includes(`| \`${cause}\` | ${meaning} |`))).toEqual([]);
  });

  it('names the fault inside the prose too', () => {
    for (const text of ["Sure: {'a': 1}", "Sure:\n```json\n{'a': 1}\n```"]) expect(detect(inputOf(text), settings)[0]?.evidence.map((evidence) => evidence.rule)).toEqual(['prose_around_json', 'python_literal']);
  });

  test.each([
    '{"a":1}', ' [1] ', '"x"', '-0.5e3', 'null', '\n\n{"a":"\\u00e9"}\n', '{"a":"```"}', '{"a":"<tool_call>"}', '{"a":"Sure: {\'b\': None}"}',
    '```json\n{"a":1}\n```', '```\n[1]\n```\n', '```JSON {"a":1} ```', '~~~json\n{"a":1}\n~~~', '````json\n{"a":"```"}\n````', '```json title="x"\n{"a":1}\n```', '```{"a":1}```',
    '<tool_call>\n{"name":"f","arguments":{}}\n</tool_call>', '<tool_call>{"a":1}</tool_call>\n<tool_call>{"a":2}</tool_call>', '[TOOL_CALLS][{"name":"f","arguments":{}}]', '[TOOL_CALLS]f{"a":1}', '[TOOL_CALLS]f[ARGS]{"a":1}',
    '<|python_tag|>{"name":"f","parameters":{}}; {"name":"g","parameters":{}}', '<function=f>{"a":1}</function>', 'functools[{"name":"f","arguments":{}}]', '<|tool_call|>[{"name":"f","arguments":{}}]', '<function_call> {"name":"f","arguments":{}}',
    '<tool_call>\n```json\n{"name":"f"}\n```\n</tool_call>', '```xml\n<tool_call>{"name":"f"}</tool_call>\n```', '<tool_call>{"name":"f"}</tool_call><|im_end|>',
    '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{"a":1}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>', '<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{"a":1}<|tool_call_end|><|tool_calls_section_end|>',
    '<|channel|>commentary to=functions.f <|constrain|>json<|message|>{"a":1}<|call|>', '<TOOLCALL>[{"name":"f","arguments":{}}]</TOOLCALL>', '<|tools_prefix|>[{"f":{"a":1}}]<|tools_suffix|>',
  ])('%j is fine', (text) => {
    expect(found(text)).toEqual([]);
  });

  test.each([
    ['```json\n{"a":1}\n```', 'fenced'],
    ['<tool_call>{"a":1}</tool_call>', 'tool_call_tag'],
    ['{"a":1}', 'bare'],
  ] as const)('%s is refused where the workload does', (text, envelope) => {
    expect(found(text, { envelopes: [envelope] })).toEqual([]);
    for (const other of ['bare', 'fenced', 'tool_call_tag'] as const) if (other !== envelope) expect(found(text, { envelopes: [other] })).toEqual(['malformed_json envelope_not_allowed']);
  });

  it('takes JSON out of prose only where the workload does, and judges it', () => {
    const outputSchema = { type: 'object', required: ['a'] };
    for (const around of ['Sure! $', '$\nHope this helps', 'json\n$', '<think>hm {</think>\n$', 'Here:\n```json\n$\n```\nDone.', '$<|im_end|>', 'const x = $;', '`$`', 'See [1] and {x}:\n$']) {
      const text = (json: string): string => around.replace('$', json);
      expect(found(text('{"a":1}'), { envelopes: ['prose'] })).toEqual([]);
      expect(found(inputOf(text('{"b":1}'), { outputSchema }), { envelopes: ['prose'] })).toEqual(['schema_violation required']);
      expect(found(text('{"a":None}'), { envelopes: ['prose'] })).toEqual(['malformed_json python_literal']);
      expect(found(text('{"a":1}'))[0]).toMatch(/^malformed_json /);
    }
    expect(found(ended('Sure: {"a": 1', 'length'), { envelopes: ['bare', 'prose'] })).toEqual(['truncated finish_reason_length']);
  });

  it('looks into a fence and a tag with the schema', () => {
    const outputSchema = { type: 'object', required: ['a'] };
    for (const text of ['```json\n{"b":1}\n```', '<tool_call>{"b":1}</tool_call>']) expect(found(inputOf(text, { outputSchema }))).toEqual(['schema_violation required']);
  });

  it('carries no text of the answer', () => {
    for (const text of ['{"a": hunter2}', 'hunter2 is {"x": hunter2', "{'hunter2': 1}", 'hunter2(hunter2)', '<hunter2>1</hunter2>', '<tool_call>hunter2']) expect(JSON.stringify(detect(inputOf(text), settings))).not.toContain('hunter2');
  });
});

describe('one fault, one class', () => {
  test.each([
    ['{"a":1', 'length', ['truncated finish_reason_length']],
    ['```json\n{"a": "x', 'length', ['truncated finish_reason_length']],
    ['{"a": tr', 'length', ['truncated finish_reason_length']],
    ['', 'length', ['truncated finish_reason_length']],
    ['{"a":1}', 'length', []],
    ["{'a': 1", 'length', ['malformed_json python_literal']],
    ['Well, let me think about', 'length', ['malformed_json no_json']],
    ['<tool_call>{"name": "f", "argu', 'length', ['truncated finish_reason_length']],
    ['<think>Let me see', 'length', ['truncated finish_reason_length']],
    ['{"a":1,}', 'length', ['malformed_json trailing_comma']],
    ['Sure: {"a": 1', 'length', ['malformed_json prose_around_json']],
    ['{"a":1', 'aborted', ['undetermined aborted']],
    ['', 'error', ['undetermined error']],
    ['', 'content_filter', ['undetermined content_filter']],
    ['{"a" 1', 'aborted', ['malformed_json missing_colon']],
    ["I'm sorry, but I can't help with that.", 'stop', ['refusal refuses']],
    ["I'm sorry, but I can't do this: {\"a\":1}", 'stop', ['malformed_json prose_around_json']],
  ] as const)('%j ended by %s', (text, finishReason, expected) => {
    expect(found(ended(text, finishReason))).toEqual(expected);
  });
});

it('says where an answer was cut though no limit is named', () => {
  for (const finishReason of ['stop', 'tool_calls'] as const) expect(detect(ended('{"a":"x', finishReason), settings)[0]?.evidence.map(({ rule }) => rule)).toEqual(['unexpected_end', 'cut_without_limit']);
});

describe('notes', () => {
  const rules = (text: string) => notesOn(inputOf(text), settings).map((note) => note.rule);
  it('tell what is odd without being wrong', () => {
    expect(rules('```json\n{"a":1,"b":{"a":2},"a":3}\n```')).toEqual(['fenced', 'duplicate_key']);
    expect(rules('{"a":1,"\\u0061":3}')).toEqual(['duplicate_key']);
    expect(rules('[12345678901234567890, 1e999, 1e-999, 0.0, 1.5, 9007199254740991]')).toEqual(['unsafe_number', 'unsafe_number', 'unsafe_number']);
    expect(rules('<tool_call>{"a":1}</tool_call>')).toEqual(['tool_call_tag']);
    expect(rules('"{\\"a\\":1}"')).toEqual(['json_in_string']);
    expect(rules(`{${'"a":1,'.repeat(500)}"a":1}`)).toHaveLength(50);
    for (const lone of ['"\\ud800"', '"\\udc00\\ud800"', '"\ud800"', '"\\ud83dx\\ude00"']) expect(rules(lone)).toEqual(['lone_surrogate']);
    for (const whole of ['"\\ud83d\\ude00"', '"\u{1f600}"', '"\\\\ud800"']) expect(rules(whole)).toEqual([]);
  });
});

describe('hostile answers', () => {
  test.each([
    ['open brackets', '['.repeat(250_000)],
    ['brackets that close', '['.repeat(250_000) + ']'.repeat(250_000)],
    ['deep objects', '{"a":'.repeat(100_000)],
    ['many faults', '{"a" '.repeat(200_000)],
    ['a long word', 'a'.repeat(10_000_000)],
    ['a long string', `"${'\\u0041'.repeat(500_000)}`],
    ['prose with braces', 'see {x} and [1] '.repeat(50_000)],
    ['fences', '```'.repeat(100_000)],
    ['fences that close', '```json\n{}\n```\n'.repeat(50_000)],
    ['tags', '<tool_call>'.repeat(50_000)],
    ['tags that close', '<tool_call>{"name":"a"}</tool_call>'.repeat(20_000)],
    ['tags with parameters', '<function=a><parameter=b>'.repeat(20_000)],
    ['tags in prose', 'the <tool_call> tag '.repeat(50_000)],
    ['single quotes', "{'a': ".repeat(100_000)],
    ['a string of 10 MB', `{"a":"${'x'.repeat(10_000_000)}"}`],
    ['a string of 10 MB that is cut', `{"a":"${'x'.repeat(10_000_000)}`],
    ['lone surrogates', '\ud800'.repeat(1_000_000)],
    ['quotes', '"'.repeat(1_000_001)],
    ['spaces', ' '.repeat(5_000_000)],
    ['prototype', '{"__proto__":{"x":1},"constructor":{"prototype":1}}'],
  ])('%s', (_name, text) => {
    const started = process.cpuUsage();
    for (const expect_ of ['json', 'any'] as const) detect(inputOf(text, { tools: [{ name: 'a' }] }), DetectorSettings.parse({ expect: expect_, envelopes: ['bare', 'fenced', 'tool_call_tag', 'prose'] }));
    detect(inputOf(text, { outputSchema: { $ref: '#/$defs/a', $defs: { a: { type: ['array', 'object'], items: { $ref: '#/$defs/a' } } } } }), settings);
    expect(process.cpuUsage(started).user / 1_000).toBeLessThan(5_000);
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.constantFrom('stop', 'length', 'aborted'), (text, finishReason) => Array.isArray(detect(ended(text, finishReason), settings))));
  });
});
