// Canonical JSON and digests: the same vectors that the Python side is held to (gpu-worker/tests/test_canonical.py).
import { readFileSync } from 'node:fs';
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
