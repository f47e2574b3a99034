// The golden examples in zod and in the committed JSON Schemas (ajv); gpu-worker/tests/test_contracts.py reads the same files.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormatsModule from 'ajv-formats';
import type { z } from 'zod';
import { describe, expect, it } from 'vitest';
import * as contracts from '../../core/contracts/index.ts';

const addFormats = addFormatsModule as unknown as typeof addFormatsModule.default;
const golden = join(import.meta.dirname, 'golden');
const schemas = join(import.meta.dirname, '../../core/contracts/json');

interface Golden {
  valid: Record<string, unknown>[];
  /** The first valid example with one value replaced. */
  invalid: { path: string[]; value: unknown }[];
}

function withValue(document: Record<string, unknown>, path: readonly string[], value: unknown): Record<string, unknown> {
  const copy = structuredClone(document);
  let target: Record<string, unknown> = copy;
  for (const key of path.slice(0, -1)) target = target[key] as Record<string, unknown>;
  target[path.at(-1) ?? ''] = value;
  return copy;
}

const names = readdirSync(golden).map((file) => file.replace(/\.json$/, ''));

it('has golden examples for every published schema', () => {
  expect(names.sort()).toEqual(readdirSync(schemas).map((file) => file.replace(/\.schema\.json$/, '')).sort());
});

describe.each(names)('%s', (name) => {
  const { valid, invalid } = JSON.parse(readFileSync(join(golden, `${name}.json`), 'utf8')) as Golden;
  const schema = contracts[name as keyof typeof contracts] as unknown as z.ZodType;
  const ajv = new Ajv2020({ strict: false });
  addFormats(ajv);
  const validate = ajv.compile(JSON.parse(readFileSync(join(schemas, `${name}.schema.json`), 'utf8')) as object);

  it('accepts the valid examples in zod and in JSON Schema', () => {
    for (const document of valid) {
      expect(schema.safeParse(document).error).toBeUndefined();
      expect(validate(document), JSON.stringify(validate.errors)).toBe(true);
    }
  });

  it.each(invalid)('refuses $path = $value in zod and in JSON Schema', ({ path, value }) => {
    const document = withValue(valid[0] ?? {}, path, value);
    expect(schema.safeParse(document).success).toBe(false);
    expect(validate(document)).toBe(false);
  });
});

it('keeps unknown fields of records', () => {
  const { valid } = JSON.parse(readFileSync(join(golden, 'Interaction.json'), 'utf8')) as Golden;
  expect(contracts.Interaction.parse({ ...valid[0], future: { field: 1 } })).toMatchObject({ future: { field: 1 } });
});
