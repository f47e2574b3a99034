// The linear matcher says what the native engine says, and knows when it may not be needed.
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { linearPattern } from '../../core/detect/linear-pattern.ts';
import { backtrackingRisk, parsePattern } from '../../core/detect/pattern-syntax.ts';
import { PatternRefused, safePattern } from '../../core/detect/safe-pattern.ts';

const linear = (source: string, unicode = true) => linearPattern(parsePattern(source, unicode), unicode);

describe('linearPattern', () => {
  const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '\\w', '\\s', '\\b', '\\B', '^', '$', '\\.', '[\\]a-c]', '\\u0061', '\\p{L}', '\u{1f600}', '');
  const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
    pattern: fc.oneof(
      { depthSize: 'medium', withCrossShrink: true },
      atom,
      fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => `${a}${b}`),
      fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => `(?:${a}|${b})`),
      fc.tuple(tie('pattern'), fc.constantFrom('*', '+', '?', '{2}', '{1,3}', '{2,}', '*?', '+?')).map(([a, quantifier]) => `(${a})${quantifier}`),
    ),
  }));
  it('agrees with the native engine', () => {
    fc.assert(
      fc.property(pattern, fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1', ' ', '.', '\n', ']', '\u{1f600}', 'é'), maxLength: 8 }), (source, text) => {
        // V8 also tries an empty match between the halves of a surrogate pair, which ECMA-262 (AdvanceStringIndex) steps over:
        // there the linear matcher follows the specification and the engine does not.
        fc.pre(!(/\\[bB]/.test(source) && /[\u{10000}-\u{10FFFF}]/u.test(text)));
        expect([source, text, linear(source).test(text)]).toEqual([source, text, new RegExp(source, 'u').test(text)]);
      }),
      { numRuns: 10_000 },
    );
  });

  test.each([
    ['^[\\w.+-]+@[\\w-]+\\.[\\w.-]+$', 'jo@corp.example', true],
    ['^\\d{3}\\-\\d{4}$', '555-1234', true],
    ['^(?:[a-z0-9]+\\.)+[a-z]{2,}$', 'mail.example.com', true],
    ['^(?:[a-z0-9]+\\.)+[a-z]{2,}$', 'mail.example.', false],
    ['^(?<year>\\d{4})-(?:0[1-9]|1[0-2])$', '2026-13', false],
    ['[\\]]$', 'a]', true],
    ['^\\cA\\x41\\t$', '\u0001A\t', true],
    ['^.$', '\ud83d\ude00', false],
  ])('%s on %j without the u flag', (source, text, expected) => {
    expect(new RegExp(source).test(text)).toBe(expected);
    expect(linear(source, false).test(text)).toBe(expected);
  });
});

describe('backtrackingRisk', () => {
  test.each([
    ['^NH-[0-9]{4}$', { nested: false, degree: 0, irregular: false }],
    ['^a+$', { nested: false, degree: 1, irregular: false }],
    ['\\s+$', { nested: false, degree: 2, irregular: false }],
    ['^(a+)+$', { nested: true, irregular: false }],
    ['^(a|a)*$', { nested: true, irregular: false }],
    ['^(\\w+\\s?)*$', { nested: true, irregular: false }],
    ['^(?=.*[A-Z]).{8,}$', { nested: false, degree: 2, irregular: true }],
    ['(a)\\1', { irregular: true }],
  ])('%s', (source, expected) => {
    expect(backtrackingRisk(parsePattern(source, true))).toMatchObject(expected);
  });
});

describe('safePattern', () => {
  it('refuses what nobody can run safely', () => {
    for (const source of ['(', '^(?=(a+)+$)(a+)+$', '(a+)+\\1', '(a{1,500}){1,500}', '('.repeat(500) + ')'.repeat(500), 'a'.repeat(5_000)]) expect(() => safePattern(source)).toThrow(PatternRefused);
  });
  it('is quick on patterns that hang', () => {
    const started = performance.now();
    for (const source of ['^(a+)+$', '^(a*)*b$', '^(a|aa)+$', '(.*)*x', '^(([a-z])+.)+[A-Z]([a-z])+$', '^(\\d+)*(\\d+)*$', '(x+x+)+y']) expect(safePattern(source).test('a'.repeat(3_000) + '!')).toBe(false);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
