// Compiles customers' JSON Schemas, each once, and says which of them cannot be used; that is never the model's fault.
import type { AnySchemaObject, ErrorObject } from 'ajv';
import { digestOfBytes } from '../digest.ts';
import { PatternRefused } from './safe-pattern.ts';
import { draftOf, LOCAL_NAME, normaliseSchema } from './schema-dialect.ts';
import { engineFor } from './schema-engine.ts';

/** Why a schema cannot be used. */
export type SchemaProblem = 'does_not_compile' | 'async' | 'remote_ref' | 'endless_ref' | 'pattern_refused' | 'unknown_draft' | 'not_an_object' | 'too_large';

export type CompiledSchema =
  | { ok: false; problem: SchemaProblem }
  | {
      ok: true;
      /** `check` goes on to the last violation, too, and remembers all of them. */
      collects: boolean;
      /** Stops at the first violation. */
      check(value: unknown): boolean;
      /** All violations, up to a number that a person could read. */
      violations(value: unknown): ErrorObject[];
    };

/** Compiled schemas that are kept; the one unused for longest makes room. */
const MAX_SCHEMAS = 256;
/** Characters of a schema as JSON: ajv writes a program of some ten times that. */
const MAX_SCHEMA_LENGTH = 512 * 1024;
const MAX_NESTED_LENGTH = 16 * 1024;
const MAX_VIOLATIONS = 50;

const byDigest = new Map<string, CompiledSchema>();
/** A workload's schema is the same object for every record: no digest needed. */
const byObject = new WeakMap<object, CompiledSchema>();

/** The compiled form of a schema, from the cache where it was seen before. Never throws. */
export function compiledSchema(schema: object): CompiledSchema {
  const known = byObject.get(schema);
  if (known) return known;
  let text: string;
  try {
    text = JSON.stringify(schema);
  } catch {
    return { ok: false, problem: 'does_not_compile' };
  }
  if (text.length > MAX_SCHEMA_LENGTH) return { ok: false, problem: 'too_large' };
  const digest = digestOfBytes(text);
  let compiled = byDigest.get(digest);
  if (compiled) byDigest.delete(digest);
  else compiled = compile(schema, text.length);
  byDigest.set(digest, compiled);
  for (const oldest of byDigest.keys()) {
    if (byDigest.size <= MAX_SCHEMAS) break;
    byDigest.delete(oldest);
  }
  byObject.set(schema, compiled);
  return compiled;
}

function compile(schema: object, length: number): CompiledSchema {
  if (Array.isArray(schema)) return { ok: false, problem: 'not_an_object' };
  const document = schema as AnySchemaObject;
  const draft = draftOf(document);
  if (draft === null) return { ok: false, problem: 'unknown_draft' };
  // With `$async: true` ajv would answer with a promise.
  if (document['$async'] !== undefined) return { ok: false, problem: 'async' };
  try {
    const normal = normaliseSchema(document, draft);
    const validator = (allErrors: boolean) => {
      const engine = engineFor(draft, allErrors);
      try {
        return engine.compile(normal);
      } finally {
        engine.removeSchema(normal);
      }
    };
    // Where it stops at the first violation, ajv's program nests one level for each property, and thousands overflow V8's parser.
    const isLarge = length > MAX_NESTED_LENGTH;
    const check = validator(isLarge);
    let checkAll = isLarge ? check : null;
    return {
      ok: true,
      collects: isLarge,
      check(value) {
        const fits = check(value);
        check.errors = null;
        return fits;
      },
      violations(value) {
        checkAll ??= validator(true);
        checkAll(value);
        const errors = checkAll.errors ?? [];
        checkAll.errors = null;
        return errors.slice(0, MAX_VIOLATIONS);
      },
    };
  } catch (error) {
    if (error instanceof PatternRefused) return { ok: false, problem: 'pattern_refused' };
    return { ok: false, problem: isRemote(error, document) ? 'remote_ref' : 'does_not_compile' };
  }
}

/** ajv says which reference it could not resolve, and against which schema's name. */
function isRemote(error: unknown, schema: AnySchemaObject): boolean {
  if (!(error instanceof Error) || !('missingSchema' in error)) return false;
  const missing = String(error.missingSchema).replace(/#$/, '');
  const own: unknown = schema.$id ?? schema['id'];
  return missing !== '' && missing !== LOCAL_NAME && missing !== own;
}
