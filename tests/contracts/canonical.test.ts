// Canonical JSON and digests: the same vectors that the Python side is held to (gpu-worker/tests/test_canonical.py).
import { readFileSync } from 'node:fs';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson, digestOfJson } from '../../core/digest.ts';

interface Vector {
  name: string;
  value: unknown;
  canonical: string;
  digest: string;
}
const { cases } = JSON.parse(readFileSync(new URL('./canonical.json', import.meta.url), 'utf8')) as { cases: Vector[] };

test.each(cases)('$name', ({ value, canonical, digest }) => {
  expect(canonicalJson(value)).toBe(canonical);
  expect(digestOfJson(value)).toBe(digest);
});

test('equals the canonicalize package on any JSON, also with names that are numbers or __proto__', () => {
  const value = fc.jsonValue({ maxDepth: 5, noUnicodeString: false });
  const named = fc.dictionary(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', '10', '9', 'é', '\u{1f600}', '\ufb33')), value);
  fc.assert(
    fc.property(fc.oneof(value, named), (any) => {
      expect(canonicalJson(any)).toBe(canonicalize(any));
    }),
    { numRuns: 500 },
  );
});

test.each([['NaN', NaN], ['infinity', -Infinity], ['half a surrogate pair', 'a\ud83d'], ['such a name', { '\udc00': 1 }], ['nothing', undefined], ['a function', () => 1], ['a big integer', 1n]])('refuses %s', (_, value) => {
  expect(() => canonicalJson([value])).toThrow(TypeError);
});
