// The ajv instances behind all schemas, one for each draft, set so that no value can stall them.
import { Ajv, type Options } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import draft04Module from 'ajv-draft-04';
import formatsModule from 'ajv-formats';
import canonicalize from 'canonicalize';
import { safePattern } from './safe-pattern.ts';
import { STEP_KEYWORD, type Draft } from './schema-dialect.ts';
import { spend } from './work.ts';

/** CommonJS modules whose types promise a default that Node gives one level deeper. */
const Ajv04 = draft04Module.default;
const addFormats = formatsModule.default;

/** Longer strings have no format: the longest that a format's own standard allows are far shorter. */
const MAX_FORMAT_LENGTH = 8_192;
/** Formats of data, which has any length; their patterns are linear. */
const LONG_FORMATS: ReadonlySet<string> = new Set(['byte', 'binary', 'password']);
/** A reference followed, in steps of `work.ts`. */
const REFERENCE_STEPS = 10;

/** ajv asks for a RegExp; it calls `test` and names the function in generated code that we never print. */
const regExp = Object.assign((source: string): { test(text: string): boolean } => Object.assign(safePattern(source), { toString: () => `pattern ${source}` }), { code: 'safePattern' });

const OPTIONS: Options = {
  strict: false,
  // ajv would print a customer's schema, and quote it in messages.
  logger: false,
  messages: false,
  // Two customers' schemas may carry one $id.
  addUsedSchema: false,
  validateFormats: true,
  // Else every object has a "toString".
  ownProperties: true,
  // 19.99 is a multiple of 0.01, though not in binary.
  multipleOfPrecision: 6,
  // Optimising ajv's program takes time quadratic in the schema, and V8 does it again.
  code: { regExp, optimize: false },
};

const ENGINES = {
  '2020-12': () => new Ajv2020(OPTIONS),
  '2019-09': () => new Ajv2019(OPTIONS),
  'draft-07': () => new Ajv(OPTIONS),
  'draft-04': () => new Ajv04(OPTIONS),
} as const satisfies Record<Draft, () => Ajv>;

const engines = new Map<string, Ajv>();

export function engineFor(draft: Draft, allErrors: boolean): Ajv {
  const name = `${draft} ${allErrors}`;
  let engine = engines.get(name);
  if (engine) return engine;
  engine = ENGINES[draft]();
  engine.opts.allErrors = allErrors;
  addFormats(engine);
  for (const [format, definition] of Object.entries(engine.formats)) if (!LONG_FORMATS.has(format)) engine.formats[format] = bounded(definition);
  // ajv compares every pair of objects.
  engine.removeKeyword('uniqueItems');
  engine.addKeyword({ keyword: 'uniqueItems', type: 'array', schemaType: 'boolean', validate: (wanted: boolean, items: unknown[]) => !wanted || areUnique(items) });
  // Recursion through anyOf doubles with every level of the value.
  engine.addKeyword({
    keyword: STEP_KEYWORD,
    schemaType: 'boolean',
    validate: () => {
      spend(REFERENCE_STEPS);
      return true;
    },
  });
  engines.set(name, engine);
  return engine;
}

function areUnique(items: readonly unknown[]): boolean {
  const isScalar = (item: unknown): boolean => typeof item !== 'object' || item === null;
  return new Set(items.every(isScalar) ? items : items.map((item) => canonicalize(item))).size === items.length;
}

type FormatDefinition = Ajv['formats'][string];

function bounded(definition: FormatDefinition): FormatDefinition {
  if (definition instanceof RegExp) return (text: string) => text.length <= MAX_FORMAT_LENGTH && definition.test(text);
  if (typeof definition === 'function') return (text: string) => text.length <= MAX_FORMAT_LENGTH && (definition as (text: string) => boolean)(text);
  if (typeof definition === 'object' && 'validate' in definition && definition.type !== 'number') return { ...definition, validate: bounded(definition.validate as FormatDefinition) } as FormatDefinition;
  return definition;
}
