// Compiles customers' JSON Schemas with ajv, each once, so that neither a schema nor a value can stall or crash the process.
import { Ajv, type AnySchemaObject, type ErrorObject, type Options } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import draft04Module from 'ajv-draft-04';
import formatsModule from 'ajv-formats';
import canonicalize from 'canonicalize';
import { digestOfBytes } from '../digest.ts';
import { PatternRefused, safePattern } from './safe-pattern.ts';

/** CommonJS modules whose types promise a default that Node gives one level deeper. */
const Ajv04 = draft04Module.default;
const addFormats = formatsModule.default;

/** Why a schema cannot be used; never the model's fault. */
export type SchemaProblem = 'does_not_compile' | 'async' | 'remote_ref' | 'pattern_refused' | 'unknown_draft' | 'not_an_object';

export type CompiledSchema =
  | { ok: false; problem: SchemaProblem }
  | {
      ok: true;
      /** Stops at the first violation. */
      check(value: unknown): boolean;
      /** All violations, up to a number that a person could read. */
      violations(value: unknown): ErrorObject[];
    };

/** Compiled schemas that are kept; the one unused for longest makes room. */
const MAX_SCHEMAS = 256;
const MAX_VIOLATIONS = 50;
/** Longer strings have no format: the longest that a format's own standard allows are far shorter. */
const MAX_FORMAT_LENGTH = 8_192;

const byDigest = new Map<string, CompiledSchema>();
/** A workload's schema is the same object for every record: no digest needed. */
const byObject = new WeakMap<object, CompiledSchema>();

/** The compiled form of a schema, from the cache where it was seen before. Never throws. */
export function compiledSchema(schema: object): CompiledSchema {
  const known = byObject.get(schema);
  if (known) return known;
  let digest: string;
  try {
    digest = digestOfBytes(JSON.stringify(schema));
  } catch {
    return { ok: false, problem: 'does_not_compile' };
  }
  let compiled = byDigest.get(digest);
  if (compiled) byDigest.delete(digest);
  else compiled = compile(schema);
  byDigest.set(digest, compiled);
  for (const oldest of byDigest.keys()) {
    if (byDigest.size <= MAX_SCHEMAS) break;
    byDigest.delete(oldest);
  }
  byObject.set(schema, compiled);
  return compiled;
}

const DRAFTS = {
  '2020-12': () => new Ajv2020(OPTIONS),
  '2019-09': () => new Ajv2019(OPTIONS),
  'draft-07': () => new Ajv(OPTIONS),
  'draft-04': () => new Ajv04(OPTIONS),
} as const;
type Draft = keyof typeof DRAFTS;

/** ajv asks for a RegExp; it calls `test` and names the function in generated code that we never print. */
const regExp = Object.assign((source: string): { test(text: string): boolean } => Object.assign(safePattern(source), { toString: () => `pattern ${source}` }), { code: 'safePattern' });

const OPTIONS: Options = {
  strict: false,
  // ajv would print a customer's schema.
  logger: false,
  // Two customers' schemas may carry one $id.
  addUsedSchema: false,
  validateFormats: true,
  // Else every object has a "toString".
  ownProperties: true,
  code: { regExp },
};

const engines = new Map<string, Ajv>();

function engineFor(draft: Draft, allErrors: boolean): Ajv {
  const name = `${draft} ${allErrors}`;
  let engine = engines.get(name);
  if (!engine) {
    engine = DRAFTS[draft]();
    engine.opts.allErrors = allErrors;
    addFormats(engine);
    for (const [format, definition] of Object.entries(engine.formats)) engine.formats[format] = bounded(definition);
    // ajv compares every pair of objects.
    engine.removeKeyword('uniqueItems');
    engine.addKeyword({ keyword: 'uniqueItems', type: 'array', schemaType: 'boolean', validate: (wanted: boolean, items: unknown[]) => !wanted || new Set(items.map((item) => canonicalize(item))).size === items.length });
    engines.set(name, engine);
  }
  return engine;
}

type FormatDefinition = Ajv['formats'][string];

function bounded(definition: FormatDefinition): FormatDefinition {
  if (definition instanceof RegExp) return (text: string) => text.length <= MAX_FORMAT_LENGTH && definition.test(text);
  if (typeof definition === 'function') return (text: string) => text.length <= MAX_FORMAT_LENGTH && (definition as (text: string) => boolean)(text);
  if (typeof definition === 'object' && 'validate' in definition && definition.type !== 'number') return { ...definition, validate: bounded(definition.validate as FormatDefinition) } as FormatDefinition;
  return definition;
}

/** The draft that `$schema` names; without one it is 2020-12. */
function draftOf(schema: Record<string, unknown>): Draft | null {
  const named = schema['$schema'];
  if (named === undefined) return '2020-12';
  if (typeof named !== 'string') return null;
  const uri = named.replace(/^https?:\/\//, '').replace(/#$/, '');
  switch (uri) {
    case 'json-schema.org/draft/2020-12/schema':
    case 'json-schema.org/schema':
      return '2020-12';
    case 'json-schema.org/draft/2019-09/schema':
      return '2019-09';
    case 'json-schema.org/draft-07/schema':
    // Draft 7 only adds keywords to draft 6.
    case 'json-schema.org/draft-06/schema':
      return 'draft-07';
    case 'json-schema.org/draft-04/schema':
      return 'draft-04';
    default:
      return null;
  }
}

function compile(schema: object): CompiledSchema {
  if (Array.isArray(schema)) return { ok: false, problem: 'not_an_object' };
  const document = schema as AnySchemaObject;
  const draft = draftOf(document);
  if (draft === null) return { ok: false, problem: 'unknown_draft' };
  if (document['$async'] !== undefined) return { ok: false, problem: 'async' };
  // `https://` and `#` variants of a draft's name mean the same; ajv knows one spelling.
  const spelled = { ...document };
  delete spelled['$schema'];
  const validator = (allErrors: boolean) => {
    const engine = engineFor(draft, allErrors);
    try {
      return engine.compile(spelled);
    } finally {
      engine.removeSchema(spelled);
    }
  };
  try {
    const check = validator(false);
    let checkAll: ReturnType<typeof validator> | null = null;
    return {
      ok: true,
      check: (value) => check(value),
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
    const isMissing = error instanceof Error && 'missingRef' in error;
    return { ok: false, problem: isMissing && !String(error.missingRef).startsWith('#') ? 'remote_ref' : 'does_not_compile' };
  }
}
