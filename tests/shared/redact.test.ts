// What the built-in recogniser of names adds, on the public Presidio sample (RATCHET_TEST_DATA/pii; fails where it is missing).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { wilson } from '../../bench/redact-score.ts';
import { findSpans } from '../../core/redact/find.ts';
import { names } from '../../core/redact/index.ts';

interface Sample {
  full_text: string;
  spans: { entity_type: string; start_position: number; end_position: number }[];
}

/** Sorts that are someone's; organisations, titles, web sites and dates are not replaced. */
const PERSONAL = ['PERSON', 'ADDRESS', 'PHONE_NUMBER', 'CREDIT_CARD', 'US_SSN', 'IP_ADDRESS', 'EMAIL_ADDRESS', 'IBAN_CODE'] as const;
const BY_PATTERN: ReadonlySet<string> = new Set(PERSONAL.slice(2));

let samples: Sample[];
beforeAll(() => {
  const folder = process.env['RATCHET_TEST_DATA'];
  if (!folder) throw new Error('RATCHET_TEST_DATA names no folder: set it to the folder that holds pii/presidio_generated_small.json');
  samples = JSON.parse(readFileSync(join(folder, 'pii', 'presidio_generated_small.json'), 'utf8')) as Sample[];
});

/** Share of each sort's values of which every letter and digit is hidden; and of the letters and digits that are hidden, how many belong to a value of any sort. */
function measure(recogniser?: typeof names): { recall: Map<string, [number, number]>; rightCharacters: number; hiddenCharacters: number } {
  const recall = new Map<string, [number, number]>(PERSONAL.map((sort) => [sort, [0, 0]]));
  let rightCharacters = 0;
  let hiddenCharacters = 0;
  for (const { full_text: text, spans } of samples) {
    const hidden = new Uint8Array(text.length);
    for (const { start, end } of findSpans(text, recogniser)) hidden.fill(1, start, end);
    const told = new Uint8Array(text.length);
    for (const { start_position: start, end_position: end } of spans) told.fill(1, start, end);
    const isTelling = (index: number): boolean => /[\p{L}\p{N}]/u.test(text[index] as string);
    for (let i = 0; i < text.length; i += 1) {
      if (hidden[i] !== 1 || !isTelling(i)) continue;
      hiddenCharacters += 1;
      if (told[i] === 1) rightCharacters += 1;
    }
    for (const { entity_type: sort, start_position: start, end_position: end } of spans) {
      const counts = recall.get(sort);
      if (!counts) continue;
      counts[1] += 1;
      let isWhole = true;
      for (let i = start; i < end; i += 1) if (hidden[i] !== 1 && isTelling(i)) isWhole = false;
      if (isWhole) counts[0] += 1;
    }
  }
  return { recall, rightCharacters, hiddenCharacters };
}

const share = (part: number, whole: number): number => (whole === 0 ? 1 : part / whole);

describe('the Presidio sample', () => {
  it('shows what the recogniser adds', () => {
    const without = measure();
    const withNames = measure(names);
    const cell = ([part, whole]: [number, number]): string => `${part}/${whole} [${wilson(part, whole).map((bound) => bound.toFixed(2)).join(', ')}]`;
    const rows = PERSONAL.map((sort) => `| ${sort} | ${cell(without.recall.get(sort) as [number, number])} | ${cell(withNames.recall.get(sort) as [number, number])} |`);
    const precision = ({ rightCharacters, hiddenCharacters }: ReturnType<typeof measure>): string => `${rightCharacters}/${hiddenCharacters} = ${share(rightCharacters, hiddenCharacters).toFixed(3)}`;
    console.log(['| hidden whole | patterns alone | with names |', '|---|---|---|', ...rows, `| precision by character | ${precision(without)} | ${precision(withNames)} |`].join('\n'));

    const total = (measured: ReturnType<typeof measure>, of: (sort: string) => boolean): number => {
      const counts = [...measured.recall].filter(([sort]) => of(sort)).map(([, count]) => count);
      return share(counts.reduce((sum, [part]) => sum + part, 0), counts.reduce((sum, [, whole]) => sum + whole, 0));
    };
    expect(total(without, (sort) => BY_PATTERN.has(sort))).toBeGreaterThanOrEqual(0.85);
    expect(share(without.rightCharacters, without.hiddenCharacters)).toBeGreaterThanOrEqual(0.95);
    // Generated names and streets of many countries, more than half of them in no list: floors, not claims.
    expect(total(withNames, (sort) => sort === 'PERSON')).toBeGreaterThanOrEqual(0.35);
    expect(total(withNames, (sort) => sort === 'ADDRESS')).toBeGreaterThanOrEqual(0.2);
    expect(total(without, (sort) => sort === 'PERSON')).toBeLessThan(0.05);
    expect(share(withNames.rightCharacters, withNames.hiddenCharacters)).toBeGreaterThanOrEqual(0.85);
  });
});
