// The JSON Schema that a workload or suite file names.
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Mistake, YamlFile } from './yaml-file.ts';

/** @returns the schema, or the mistake in its place */
export async function readSchema(file: YamlFile, name: string): Promise<{ schema?: Record<string, unknown>; mistakes: Mistake[] }> {
  const mistake = (message: string): { mistakes: Mistake[] } => ({ mistakes: [file.mistakeAt(['outputSchema'], `outputSchema: ${name} ${message}`)] });
  let schema: unknown;
  try {
    schema = JSON.parse(await readFile(resolve(dirname(file.path), name), 'utf8'));
  } catch (error) {
    return mistake(error instanceof SyntaxError ? 'is not JSON' : 'cannot be read');
  }
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return mistake('is not a JSON object');
  return { schema: schema as Record<string, unknown>, mistakes: [] };
}
