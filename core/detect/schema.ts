// Whether a value fits its schema; each violation by JSON pointer and keyword.
import type { ErrorObject } from 'ajv';
import type { Evidence } from '../contracts/index.ts';
import { escapePointer } from './answer-text.ts';
import { MatchTooLong } from './linear-pattern.ts';
import { compiledSchema, type SchemaProblem } from './schema-compiler.ts';

export const SCHEMA_DETECTOR = 'schema@1';

export type SchemaVerdict =
  | { kind: 'fits' }
  | { kind: 'violates'; evidence: Evidence[] }
  /** The schema itself is at fault. */
  | { kind: 'schema_invalid'; problem: SchemaProblem }
  /** Too deep or too long to be decided in bounded time. */
  | { kind: 'undecided'; reason: 'too_deep' | 'too_long' };

/** In larger texts the violations are not listed: collecting all of them would take memory without bound. */
const MAX_COLLECT_LENGTH = 256 * 1024;

/**
 * @param length characters of the text that `value` was parsed from
 * @param base put before every pointer
 */
export function judgeSchema(value: unknown, schema: object, length: number, base = ''): SchemaVerdict {
  const compiled = compiledSchema(schema);
  if (!compiled.ok) return { kind: 'schema_invalid', problem: compiled.problem };
  try {
    if (compiled.check(value)) return { kind: 'fits' };
    if (length > MAX_COLLECT_LENGTH) return { kind: 'violates', evidence: [{ rule: 'schema', pointer: base, detail: 'too large to list its violations' }] };
    return { kind: 'violates', evidence: evidenceOf(compiled.violations(value), base) };
  } catch (error) {
    if (error instanceof MatchTooLong) return { kind: 'undecided', reason: 'too_long' };
    if (error instanceof RangeError) return { kind: 'undecided', reason: 'too_deep' };
    throw error;
  }
}

/** The same place and keyword once; where a member is missing or too many, the pointer names it. */
function evidenceOf(errors: readonly ErrorObject[], base: string): Evidence[] {
  const seen = new Map<string, Evidence>();
  for (const error of errors) {
    const params = error.params as Record<string, unknown>;
    const name = params['missingProperty'] ?? params['additionalProperty'] ?? params['unevaluatedProperty'];
    const pointer = base + error.instancePath + (typeof name === 'string' ? `/${escapePointer(name)}` : '');
    const key = `${pointer} ${error.keyword}`;
    if (!seen.has(key)) seen.set(key, { rule: error.keyword, pointer });
  }
  return [...seen.values()];
}
