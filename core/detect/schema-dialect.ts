// Rewrites what people and data sets write as JSON Schema into what the drafts define, so that a dialect is no fault.
// Covers OpenAPI 3.0 (`nullable`, boolean `exclusiveMinimum`), function-calling sets (the Berkeley leaderboard's
// `"type": "dict"`, `"float"`, `"tuple"`, `"any"`; Python's `"List[int]"`; upper-case types of Google's API), and dumps with nulls.

export type Draft = '2020-12' | '2019-09' | 'draft-07' | 'draft-04';

type Schema = Record<string, unknown>;

/** Put beside every reference: the validator counts its way through recursion. */
export const STEP_KEYWORD = 'ratchetStep';

/** What a schema without a name of its own is called. */
export const LOCAL_NAME = 'https://schema.invalid/';

const TYPES: ReadonlyMap<string, string> = new Map([
  ...['null', 'boolean', 'object', 'array', 'number', 'string', 'integer'].map((name) => [name, name] as const),
  ...['dict', 'dictionary', 'map', 'hashmap', 'hashtable', 'struct', 'record'].map((name) => [name, 'object'] as const),
  ...['list', 'tuple', 'set', 'sequence', 'arraylist', 'queue', 'stack', 'iterable'].map((name) => [name, 'array'] as const),
  ...['float', 'double', 'decimal', 'numeric'].map((name) => [name, 'number'] as const),
  ...['int', 'long', 'short', 'byte', 'bigint', 'int32', 'int64'].map((name) => [name, 'integer'] as const),
  ...['str', 'char', 'text', 'date', 'datetime', 'enum'].map((name) => [name, 'string'] as const),
  ['bool', 'boolean'],
  ['none', 'null'],
  ['nonetype', 'null'],
]);
/** Types that say nothing about the value. */
const ANY_TYPES: ReadonlySet<string> = new Set(['any', 'object | any', 'type_unspecified', 'mixed', 'unknown', 'optional', 'union', 'literal']);

const MAPS: ReadonlySet<string> = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas', 'dependencies']);
/** Values, not schemas: what they hold is left as it is. */
const DATA: ReadonlySet<string> = new Set(['const', 'enum', 'default', 'example', 'examples']);
const REFERENCES = ['$ref', '$dynamicRef', '$recursiveRef'];

const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The draft that `$schema` names; without one it is 2020-12. null: none that we know. */
export function draftOf(schema: Schema): Draft | null {
  const named = schema['$schema'] ?? undefined;
  if (named === undefined) return '2020-12';
  if (typeof named !== 'string') return null;
  switch (named.replace(/^https?:\/\//, '').replace(/#$/, '')) {
    case 'json-schema.org/draft/2020-12/schema':
    case 'json-schema.org/schema':
    case 'spec.openapis.org/oas/3.1/dialect/base':
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

/**
 * A copy in which every keyword means what the draft says.
 * @throws RangeError where the schema nests too deeply
 */
export function normaliseSchema(schema: Schema, draft: Draft): Schema {
  /** Nobody promised a draft: older ways to write a thing are read as they were meant. */
  const isUnnamed = (schema['$schema'] ?? undefined) === undefined;

  const nameKeyword = draft === 'draft-04' ? 'id' : '$id';
  const given = schema[nameKeyword];
  const rootName = typeof given === 'string' && !given.startsWith('#') ? given.replace(/#$/, '') : LOCAL_NAME;
  /** A schema may refer to itself by its own name. */
  const local = (reference: string): string => (reference === rootName ? '#' : reference.startsWith(`${rootName}#`) ? reference.slice(rootName.length) : reference);

  const any = (value: unknown): unknown => (Array.isArray(value) ? value.map(any) : isSchema(value) ? one(value) : value);

  const one = (node: Schema): Schema => {
    const out = new Map<string, unknown>();
    for (const [name, value] of Object.entries(node)) {
      // Programs that write their unset fields write null.
      if (value === null && name !== 'const') continue;
      if (DATA.has(name)) out.set(name, value);
      else if (MAPS.has(name) && isSchema(value)) out.set(name, Object.fromEntries(Object.entries(value).map(([key, member]) => [key, any(member)])));
      else out.set(name, any(value));
    }
    if (draft !== 'draft-04') out.delete('id');
    if (draft === 'draft-04' && Array.isArray(node['required']) && node['required'].length === 0) out.delete('required');
    readType(out);
    readRequired(node, out);
    if (isUnnamed) readOlder(out);
    for (const name of REFERENCES) {
      const reference = out.get(name);
      if (typeof reference !== 'string') continue;
      out.set(name, local(reference));
      out.set(STEP_KEYWORD, true);
    }
    return readNullable(out);
  };

  const document = one(schema);
  delete document['$schema'];
  // ajv finds the root of a reference to '#' by its name.
  document[nameKeyword] = rootName;
  return document;
}

/** @returns undefined for any type, null for one that nobody knows */
function typeNamed(written: string): { types: string[] | null; optional: boolean } | null {
  const exact = TYPES.get(written);
  if (exact !== undefined) return { types: [exact], optional: false };
  const name = /^([a-z_]+)\b/.exec(written.trim().toLowerCase().replace(/^typing\./, ''))?.[1] ?? '';
  const isDecorated = !/^\s*[A-Za-z_.]+\s*$/.test(written);
  // Python: "List[int]", "str, optional", "Union[str, int]"; only these forms may follow the name.
  if (isDecorated && !/^[\w.]+\s*(?:\[[\w\s,.|[\]'"]*\])?\s*(?:,\s*(?:optional|default.*))?$/i.test(written.trim())) return null;
  if (ANY_TYPES.has(name)) return { types: null, optional: name === 'optional' };
  const type = TYPES.get(name);
  return type === undefined ? null : { types: [type], optional: /,\s*optional/i.test(written) };
}

function readType(out: Map<string, unknown>): void {
  const written = out.get('type');
  if (typeof written === 'string') {
    const read = typeNamed(written);
    if (read?.types === null) out.delete('type');
    else if (read) out.set('type', read.types[0]);
  } else if (Array.isArray(written)) {
    const read = written.map((name) => (typeof name === 'string' ? typeNamed(name) : null));
    if (read.some((item) => item?.types === null)) out.delete('type');
    else if (read.every((item) => item !== null)) out.set('type', [...new Set(read.flatMap((item) => item?.types ?? []))]);
  }
}

/** `required: true` beside a property's type means that the object around it requires the property. */
function readRequired(node: Schema, out: Map<string, unknown>): void {
  if (typeof out.get('required') === 'boolean') out.delete('required');
  const { properties, required } = node;
  if (!isSchema(properties)) return;
  const marked = Object.keys(properties).filter((name) => isSchema(properties[name]) && properties[name]['required'] === true);
  if (marked.length > 0) out.set('required', [...new Set([...(Array.isArray(required) ? (required as unknown[]) : []), ...marked])]);
}

/** Draft 4's boolean bounds (also OpenAPI 3.0) and the tuples of drafts before 2020-12. */
function readOlder(out: Map<string, unknown>): void {
  for (const [exclusive, bound] of [['exclusiveMinimum', 'minimum'], ['exclusiveMaximum', 'maximum']] as const) {
    const written = out.get(exclusive);
    if (typeof written !== 'boolean') continue;
    out.delete(exclusive);
    if (!written || !out.has(bound)) continue;
    out.set(exclusive, out.get(bound));
    out.delete(bound);
  }
  if (!Array.isArray(out.get('items'))) return;
  out.set('prefixItems', out.get('items'));
  out.delete('items');
  if (out.has('additionalItems')) out.set('items', out.get('additionalItems'));
  out.delete('additionalItems');
}

/** OpenAPI 3.0: null is fine, too, whatever the type and the enum beside it say. */
function readNullable(out: Map<string, unknown>): Schema {
  const isNullable = out.get('nullable') === true;
  out.delete('nullable');
  if (!isNullable) return Object.fromEntries(out);
  const type = out.get('type');
  const isPlain = type !== undefined && !out.has('const') && !['$ref', 'allOf', 'anyOf', 'oneOf', 'not', 'if'].some((name) => out.has(name));
  if (!isPlain) return { anyOf: [Object.fromEntries(out), { type: 'null' }] };
  out.set('type', [...new Set([...(Array.isArray(type) ? (type as unknown[]) : [type]), 'null'])]);
  const values = out.get('enum');
  if (Array.isArray(values) && !values.includes(null)) out.set('enum', [...(values as unknown[]), null]);
  return Object.fromEntries(out);
}

/** Keywords that make a thing a schema, where it has no `type`. */
const SCHEMA_KEYWORDS = ['properties', '$ref', '$schema', 'anyOf', 'oneOf', 'allOf', 'required', 'additionalProperties', '$defs', 'patternProperties'];

/** Some sets (xLAM) write a tool's parameters as a bare map of names to types. Nothing in it says which are required. */
export function readParameters(parameters: Schema): Schema {
  const members = Object.values(parameters);
  const isMap = members.length > 0 && typeof parameters['type'] !== 'string' && !SCHEMA_KEYWORDS.some((name) => name in parameters) && members.every((member) => isSchema(member) && typeof member['type'] === 'string');
  return isMap ? { type: 'object', properties: parameters } : parameters;
}
