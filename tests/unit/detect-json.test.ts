// JSON answers: the verdict is JSON.parse's, the scanner says where and why, and every fault has one name.
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { DetectorSettings } from '../../core/contracts/index.ts';
import { detect, notesOn } from '../../core/detect/index.ts';
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
  test.each([
    ['{"a":1,}', 'trailing_comma', 7, 'expected key'],
    ['[1,2,]', 'trailing_comma', 5, 'expected value'],
    ['{a:1}', 'unquoted_key', 1, 'expected key or }'],
    ['{"a":yes}', 'unquoted_value', 5, 'expected value'],
    ['{"a" 1}', 'missing_colon', 5, 'expected colon'],
    ['{"a":}', 'missing_value', 5, 'expected value'],
    ['{"a":1 "b":2}', 'missing_comma', 7, 'expected comma or }'],
    ['{"a":"he said "hi" ok"}', 'unescaped_quote', 15, 'expected comma or }'],
    ["{'a': None}", 'python_literal', 1, 'expected key or }'],
    ['{"a": None}', 'python_literal', 6, 'expected value'],
    ['[True]', 'python_literal', 1, 'expected value or ]'],
    ["['a']", 'python_literal', 1, 'expected value or ]'],
    ['("a", 1)', 'python_literal', 0, undefined],
    ['get_weather(city="Rome")', 'call_syntax', 0, undefined],
    ['[get_weather(city="Rome")]', 'call_syntax', 1, 'expected value or ]'],
    ['{"a": NaN}', 'nan_or_infinity', 6, 'expected value'],
    ['{"a": -Infinity}', 'nan_or_infinity', 7, 'expected digit'],
    ['NaN', 'nan_or_infinity', 0, undefined],
    ['{"a": undefined}', 'undefined_value', 6, 'expected value'],
    ['{"a": 1 // one\n}', 'comment', 8, 'expected comma or }'],
    ['{"a": [1, 2, ...]}', 'ellipsis', 13, 'expected value'],
    ['{“a”: 1}', 'smart_quotes', 1, 'expected key or }'],
    ['{"a": "x\ny"}', 'control_character', 8, 'expected string without control characters'],
    ['{"a":"\\x"}', 'bad_escape', 7, 'expected escape'],
    ['{"a":"\\u12G4"}', 'bad_escape', 10, 'expected four hex digits'],
    ['{"a": 01}', 'bad_number', 7, 'expected comma or }'],
    ['{"a": +1}', 'bad_number', 6, 'expected value'],
    ['{"a": 1.}', 'bad_number', 8, 'expected digit'],
    ['[1}', 'unexpected_bracket', 2, 'expected comma or ]'],
    ['{"a":1}}', 'unexpected_bracket', 7, 'expected end of text'],
    ['{"a":1}\n{"b":2}', 'more_than_one_value', 8, 'expected end of text'],
    ['"a": 1, "b": 2', 'missing_braces', 0, 'expected {'],
    ['\ufeff{}', 'byte_order_mark', 0, undefined],
    ['{"a":1', 'unexpected_end', 6, 'expected comma or }'],
    ['{"a":"x', 'unexpected_end', 7, 'expected closing quote'],
    ['', 'empty', 0, undefined],
    [' \n', 'empty', 0, undefined],
    ['The order is late.', 'no_json', 0, 'expected value'],
    ['1. First, look at [2].', 'no_json', 0, 'expected value'],
    ['Sure! {"a":1}', 'prose_around_json', 6, 'text before the JSON'],
    ['{"a":1}\nHope this helps', 'prose_around_json', 8, 'text after the JSON'],
    ['[Note] here it is: {"a":1}', 'prose_around_json', 19, 'text before the JSON'],
    ['Here:\n```json\n{"a":1}\n```', 'prose_around_json', 14, 'text before the JSON'],
    ['```json\n{"a":1}\n``` more', 'prose_around_json', 20, 'text after the fence'],
    ['```json\n{"a":1}', 'fence_not_closed', 15, 'expected closing fence'],
    ['```json\n{"a":\n```', 'unexpected_end', 14, 'expected value'],
  ])('%j: %s', (text, cause, start, detail) => {
    const [finding, ...others] = detect(inputOf(text), settings);
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ class: 'malformed_json', detector: 'json@1', evidence: [{ rule: cause, start, ...(detail === undefined ? {} : { detail }) }] });
  });

  it('names the fault inside the prose too', () => {
    expect(detect(inputOf("Sure: {'a': 1}"), settings)[0]?.evidence.map((evidence) => evidence.rule)).toEqual(['prose_around_json', 'python_literal']);
  });

  test.each(['{"a":1}', ' [1] ', '"x"', '-0.5e3', 'null', '```json\n{"a":1}\n```', '```\n[1]\n```\n', '```JSON {"a":1} ```'])('%j is fine', (text) => {
    expect(found(text)).toEqual([]);
  });

  it('refuses a fence only where the workload does', () => {
    expect(found('```json\n{"a":1}\n```', { allowFence: false })).toEqual(['malformed_json fence_not_allowed']);
  });

  it('carries no text of the answer', () => {
    for (const text of ['{"a": hunter2}', 'hunter2 is {"x": hunter2', "{'hunter2': 1}", 'hunter2(hunter2)']) expect(JSON.stringify(detect(inputOf(text), settings))).not.toContain('hunter2');
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

describe('notes', () => {
  const rules = (text: string) => notesOn(inputOf(text), settings).map((note) => note.rule);
  it('tell what is odd without being wrong', () => {
    expect(rules('```json\n{"a":1,"b":{"a":2},"a":3}\n```')).toEqual(['fenced', 'duplicate_key']);
    expect(rules('{"a":1,"\\u0061":3}')).toEqual(['duplicate_key']);
    expect(rules('[12345678901234567890, 1e999, 1.5, 9007199254740991]')).toEqual(['unsafe_number', 'unsafe_number']);
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
    ['quotes', '"'.repeat(1_000_001)],
    ['spaces', ' '.repeat(5_000_000)],
    ['prototype', '{"__proto__":{"x":1},"constructor":{"prototype":1}}'],
  ])('%s', (_name, text) => {
    const started = performance.now();
    detect(inputOf(text), settings);
    detect(inputOf(text, { outputSchema: { $ref: '#/$defs/a', $defs: { a: { type: ['array', 'object'], items: { $ref: '#/$defs/a' } } } } }), settings);
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.constantFrom('stop', 'length', 'aborted'), (text, finishReason) => Array.isArray(detect(ended(text, finishReason), settings))));
  });
});
