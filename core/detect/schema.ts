// Whether a value fits its schema; each violation by JSON pointer and keyword.
import type { ErrorObject } from 'ajv';
import type { Evidence } from '../contracts/index.ts';
import { escapePointer } from './answer-text.ts';
import { compiledSchema, type SchemaProblem } from './schema-compiler.ts';
import { startWork, TooMuchWork } from './work.ts';

export const SCHEMA_DETECTOR = 'schema@2';

export type SchemaVerdict =
  | { kind: 'fits' }
  | { kind: 'violates'; evidence: Evidence[] }
  /** The schema itself is at fault. */
  | { kind: 'schema_invalid'; problem: SchemaProblem }
  /** Too deep or too long to be decided in bounded time. */
  | { kind: 'undecided'; reason: 'too_deep' | 'too_long' };

/** In larger texts the violations are not listed: collecting all of them would take memory without bound. */
const MAX_COLLECT_LENGTH = 256 * 1024;
/** A large schema's violations are collected in any case. */
const MAX_COLLECTED_LENGTH = 2 * 1024 * 1024;
/** A text this short cannot nest so deeply that its own depth exhausts the stack: then the schema refers to itself without end. */
const SHALLOW_LENGTH = 1_024;
/** Pointers are for people; names in the answer may be of any length. */
const MAX_POINTER_LENGTH = 1_024;

/**
 * @param length characters of the text that `value` was parsed from
 * @param base put before every pointer
 */
export function judgeSchema(value: unknown, schema: object, length: number, base = ''): SchemaVerdict {
  const compiled = compiledSchema(schema);
  if (!compiled.ok) return { kind: 'schema_invalid', problem: compiled.problem };
  if (compiled.collects && length > MAX_COLLECTED_LENGTH) return { kind: 'undecided', reason: 'too_long' };
  try {
    startWork(length);
    if (compiled.check(value)) return { kind: 'fits' };
    if (length > MAX_COLLECT_LENGTH) return { kind: 'violates', evidence: [{ rule: 'schema', pointer: base, detail: 'too large to list its violations' }] };
  } catch (error) {
    return undecided(error, length);
  }
  try {
    startWork(length);
    return { kind: 'violates', evidence: evidenceOf(compiled.violations(value), base) };
  } catch (error) {
    // That it violates is known: only the list is too much work.
    if (undecided(error, length).kind === 'undecided') return { kind: 'violates', evidence: [{ rule: 'schema', pointer: base, detail: 'too much work to list its violations' }] };
    throw error;
  }
}

function undecided(error: unknown, length: number): SchemaVerdict {
  if (error instanceof TooMuchWork) return { kind: 'undecided', reason: 'too_long' };
  if (!(error instanceof RangeError)) throw error;
  return length <= SHALLOW_LENGTH ? { kind: 'schema_invalid', problem: 'endless_ref' } : { kind: 'undecided', reason: 'too_deep' };
}

/** The same place and keyword once; where a member is missing or too many, the pointer names it. */
function evidenceOf(errors: readonly ErrorObject[], base: string): Evidence[] {
  const seen = new Map<string, Evidence>();
  for (const error of errors) {
    const params = error.params as Record<string, unknown>;
    const name = params['missingProperty'] ?? params['additionalProperty'] ?? params['unevaluatedProperty'];
    const pointer = shortened(base + error.instancePath + (typeof name === 'string' ? `/${escapePointer(name)}` : ''));
    const key = `${pointer} ${error.keyword}`;
    if (!seen.has(key)) seen.set(key, { rule: error.keyword, pointer });
  }
  return [...seen.values()];
}

/** The nearest place around it whose pointer is short enough. */
const shortened = (pointer: string): string => (pointer.length <= MAX_POINTER_LENGTH ? pointer : pointer.slice(0, pointer.lastIndexOf('/', MAX_POINTER_LENGTH)));
