// The linear matcher says what the native engine says, and knows when it may not be needed.
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { linearPattern } from '../../core/detect/linear-pattern.ts';
import { backtrackingRisk, parsePattern } from '../../core/detect/pattern-syntax.ts';
import { PatternRefused, safePattern } from '../../core/detect/safe-pattern.ts';
import { startWork, TooMuchWork, workDone } from '../../core/detect/work.ts';

const linear = (source: string, unicode = true) => linearPattern(parsePattern(source, unicode), unicode ? 'u' : '');

describe('linearPattern', () => {
  const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '\\w', '\\s', '\\b', '\\B', '^', '$', '\\.', '[\\]a-c]', '\\u0061', '\\p{L}', '\u{1f600}', '');
  const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
    pattern: fc.oneof(
      { depthSize: 'medium', withCrossShrink: true },
      atom,
      fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => `${a}${b}`),
      fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => `(?:${a}|${b})`),
      fc.tuple(fc.constantFrom('(?=', '(?!', '(?<=', '(?<!'), tie('pattern')).map(([look, a]) => `${look}${a})`),
      fc.tuple(tie('pattern'), fc.constantFrom('*', '+', '?', '{2}', '{1,3}', '{2,}', '*?', '+?')).map(([a, quantifier]) => `(${a})${quantifier}`),
    ),
  }));
  it('agrees with the native engine', () => {
    fc.assert(
      fc.property(pattern, fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1', ' ', '.', '\n', ']', '\u{1f600}', 'é'), maxLength: 8 }), (source, text) => {
        startWork(1_000);
        // V8 also tries a match between the halves of a surrogate pair, which ECMA-262 (AdvanceStringIndex) steps over:
        // there the linear matcher follows the specification and the engine does not.
        fc.pre(!(/\\[bB]|\(\?<?[=!]/.test(source) && /[\u{10000}-\u{10FFFF}]/u.test(text)));
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
    // Once the look-ahead holds, its other ways are forgotten.
    ['^(?=.*[A-Z])(?=.*\\d).{8,}$', { nested: false, degree: 1, irregular: false }],
    ['^a{0,15}b?(?:x|y)$', { nested: false, degree: 0, bits: 6 }],
    ['^a*b*c*$', { nested: false, degree: 3 }],
    ['(?i:a)', { irregular: true }],
    ['(a)\\1', { irregular: true }],
  ])('%s', (source, expected) => {
    expect(backtrackingRisk(parsePattern(source, true))).toMatchObject(expected);
  });
});

describe('safePattern', () => {
  it('refuses what nobody can run safely', () => {
    for (const source of ['(', '(a+)+\\1', '^((?i:a)+)+$', '(a{1,500}){1,500}', '('.repeat(500) + ')'.repeat(500), 'a'.repeat(5_000)]) expect(() => safePattern(source)).toThrow(PatternRefused);
  });
  it('is quick on patterns that hang', () => {
    const started = process.cpuUsage();
    startWork(10_000_000);
    for (const source of ['^(a+)+$', '^(a*)*b$', '^(a|aa)+$', '(.*)*x', '^(([a-z])+.)+[A-Z]([a-z])+$', '^(\\d+)*(\\d+)*$', '(x+x+)+y', '^(?=(a+)+$)(a+)+$', `^${'a?'.repeat(30)}${'a'.repeat(30)}$`, `^${'a{0,16}'.repeat(12)}$`, `^${'(?:a|a)'.repeat(40)}!!$`]) expect(safePattern(source).test('a'.repeat(3_000) + '!')).toBe(false);
    expect(process.cpuUsage(started).user / 1_000).toBeLessThan(5_000);
  });
  it('counts its steps: linear in the text, and an end to patience', () => {
    const steps = (source: string, length: number): number => {
      startWork(1_000_000);
      safePattern(source).test(`${'a'.repeat(length)}!`);
      return workDone();
    };
    for (const source of ['^(a+)+$', '\\s+$', '^a*a*a*a*$', '^(?=.*[A-Z])(?=.*\\d).{8,}$']) expect(steps(source, 8_000)).toBeLessThanOrEqual(2.2 * steps(source, 4_000));
    startWork(0);
    expect(() => safePattern('^(a{1,50}){1,30}$').test('a'.repeat(100_000))).toThrow(TooMuchWork);
    startWork(0);
    expect(() => safePattern('^(.)(.*)(.*)\\2\\1$').test('a'.repeat(5_000))).toThrow(TooMuchWork);
    startWork(0);
    expect(() => safePattern('^.{1,3000}.{1,3000}$').test('a'.repeat(10_000))).toThrow(TooMuchWork);
  });
  test.each([
    ['\\A\\d+\\Z', '12', true],
    ['\\A\\d+\\Z', '12A', false],
    ['^(?P<year>\\d{4})$', '2026', true],
    ['(?i)^[a-c]+$', 'ABC', true],
    ['^(\\w)\\1$', 'aa', true],
    ['^(\\w)\\1$', 'ab', false],
    ['^(?i:x)y$', 'Xy', true],
    ['^[\\w-]+\\@[\\w-]+$', 'a-b@c', true],
    ['(?<!foo)bar$', 'foobar', false],
    ['^(?!.*--)[a-z-]{1,63}$', 'a--b', false],
  ])('%s on %s: %s', (source, text, expected) => {
    startWork(0);
    expect(safePattern(source).test(text)).toBe(expected);
  });
});
