// Remembered results: the same as made anew, kept while they are asked for, and bounded in number and in characters.
import { expect, test } from 'vitest';
import { remembered } from '../../core/remembered.ts';

/** How often each text was made. */
function counting(options?: { texts?: number; length?: number }) {
  const made: string[] = [];
  const lengthOf = remembered((text) => {
    made.push(text);
    return text.length;
  }, options);
  return { made, lengthOf };
}

test('a text is made once, also where others come between', () => {
  const { made, lengthOf } = counting({ texts: 4 });
  for (let n = 0; n < 40; n += 1) {
    expect(lengthOf('the same')).toBe(8);
    expect(lengthOf(`other ${n}`)).toBe(`other ${n}`.length);
  }
  expect(made.filter((text) => text === 'the same')).toHaveLength(1);
});

test('those that are not asked for make room', () => {
  const { made, lengthOf } = counting({ texts: 4 });
  for (const text of ['first', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'first']) lengthOf(text);
  expect(made.filter((text) => text === 'first')).toHaveLength(2);
});

test('long texts make room sooner, and the longest are not kept', () => {
  const { made, lengthOf } = counting({ texts: 1_000, length: 400_000 });
  const long = (letter: string): string => letter.repeat(300_000);
  for (const letter of [...'abcdefghi', 'a']) lengthOf(long(letter));
  expect(made.filter((text) => text.startsWith('a'))).toHaveLength(2);
  lengthOf('x'.repeat(400_001));
  lengthOf('x'.repeat(400_001));
  expect(made.filter((text) => text.startsWith('x'))).toHaveLength(2);
});
