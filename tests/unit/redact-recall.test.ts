// The floors of the redaction benchmark, on samples of a fixed seed: bench/redact.ts prints the table.
import { describe, expect, it, test } from 'vitest';
import { generateSamples, VALUE_KINDS } from '../../bench/redact-generator.ts';
import { scoreSamples, wilson } from '../../bench/redact-score.ts';
import { createRedactor } from '../../core/redact/index.ts';

const PER_KIND = 500;
const samples = generateSamples(20_261_125, PER_KIND);
const { scores } = scoreSamples(samples);

describe('generated values among look-alikes', () => {
  test.each(VALUE_KINDS)('%s: recall at least 0.97, precision at least 0.9', (kind) => {
    const score = scores.find((one) => one.kind === kind);
    expect(score?.values).toBe(PER_KIND);
    expect((score?.covered ?? 0) / PER_KIND).toBeGreaterThanOrEqual(0.97);
    expect((score?.right ?? 0) / (score?.spans ?? 1)).toBeGreaterThanOrEqual(0.9);
  });

  it('none of them is left in the redacted text, and none of its words is lost', () => {
    const redactor = createRedactor('k');
    let left = 0;
    for (const { text, truths } of samples) {
      const redacted = redactor.redactText(text);
      expect(redactor.redactText(redacted)).toBe(redacted);
      for (const { start, end } of truths) if (redacted.includes(text.slice(start, end))) left += 1;
    }
    expect(left / (PER_KIND * VALUE_KINDS.length)).toBeLessThanOrEqual(0.01);
  });

  it('the same seed gives the same samples, another one others', () => {
    expect(generateSamples(1, 3)).toEqual(generateSamples(1, 3));
    expect(generateSamples(1, 3)).not.toEqual(generateSamples(2, 3));
  });
});

it('intervals are those of Wilson', () => {
  const [low, high] = wilson(97, 100);
  expect(low).toBeCloseTo(0.9155, 3);
  expect(high).toBeCloseTo(0.9897, 3);
  expect(wilson(0, 0)).toEqual([0, 1]);
});
