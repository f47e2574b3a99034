// Schema verdicts: pointer and keyword of each violation, and schemas that are never the model's fault.
import { describe, expect, it, test } from 'vitest';
import { DetectorSettings } from '../../core/contracts/index.ts';
import { detect } from '../../core/detect/index.ts';
import { compiledSchema } from '../../core/detect/schema-compiler.ts';
import { classes, found, inputOf } from './detect-support.ts';

const settings = DetectorSettings.parse({});
const evidence = (value: unknown, outputSchema: Record<string, unknown>) =>
  detect(inputOf(JSON.stringify(value), { outputSchema }), settings).flatMap((finding) => finding.evidence.map(({ rule, pointer }) => [finding.class, rule, pointer]));

const ticket = {
  type: 'object',
  additionalProperties: false,
  required: ['order', 'items'],
  properties: { order: { type: 'string', pattern: '^NH-[0-9]{4}$' }, mail: { type: 'string', format: 'email' }, items: { type: 'array', minItems: 1, uniqueItems: true, items: { type: 'object', properties: { 'a/b~c': { type: 'integer' } } } } },
};

describe('schema_violation', () => {
  it('lists every violation by pointer and keyword', () => {
    expect(evidence({ order: 'NH-1', mail: 'nobody', items: [{ 'a/b~c': 'x' }, {}], 'ex/tra': 1 }, ticket)).toEqual([
      ['schema_violation', 'additionalProperties', '/ex~1tra'],
      ['schema_violation', 'pattern', '/order'],
      ['schema_violation', 'format', '/mail'],
      ['schema_violation', 'type', '/items/0/a~1b~0c'],
    ]);
    expect(evidence({ items: [] }, ticket)).toEqual([
      ['schema_violation', 'required', '/order'],
      ['schema_violation', 'minItems', '/items'],
    ]);
    expect(evidence({ order: 'NH-1234', items: [{ x: 1, y: 2 }, { y: 2, x: 1 }] }, ticket)).toEqual([['schema_violation', 'uniqueItems', '/items']]);
    expect(evidence({ order: 'NH-1234', items: [{}] }, ticket)).toEqual([]);
  });

  it('looks into a fence, and not into what is no JSON', () => {
    expect(classes(inputOf('```json\n{"items":[1]}\n```', { outputSchema: ticket }))).toEqual(['schema_violation']);
    expect(classes(inputOf('{"items":[1]', { outputSchema: ticket }))).toEqual(['malformed_json']);
  });

  test.each([
    ['2020-12 by default', { prefixItems: [{ type: 'string' }] }],
    ['2020-12', { $schema: 'https://json-schema.org/draft/2020-12/schema', prefixItems: [{ type: 'string' }] }],
    ['2019-09', { $schema: 'https://json-schema.org/draft/2019-09/schema', items: [{ type: 'string' }] }],
    ['draft-07', { $schema: 'http://json-schema.org/draft-07/schema#', items: [{ type: 'string' }] }],
    ['draft-06', { $schema: 'http://json-schema.org/draft-06/schema#', items: [{ type: 'string' }] }],
    ['draft-04', { $schema: 'http://json-schema.org/draft-04/schema#', items: [{ type: 'string' }] }],
    ['itself, in draft 4', { $schema: 'http://json-schema.org/draft-04/schema#', type: 'array', items: { anyOf: [{ $ref: '#' }, { type: 'string' }] } }],
    ['itself by its name', { $id: 'https://acme.example/tree.json', type: 'array', items: { anyOf: [{ $ref: 'https://acme.example/tree.json' }, { type: 'string' }] } }],
    ['itself', { type: 'array', items: { anyOf: [{ $ref: '#' }, { type: 'string' }] } }],
    ['references inside', { $id: 'https://acme.example/s', $ref: '#/definitions/a', definitions: { a: { items: { type: 'string' } } } }],
    ['unknown keywords and formats', { 'x-note': 1, format: 'acme', items: { type: 'string', example: 'x' } }],
  ])('%s', (_name, schema) => {
    expect(classes(inputOf('[1]', { outputSchema: schema }))).toEqual(['schema_violation']);
    expect(classes(inputOf('["x"]', { outputSchema: schema }))).toEqual([]);
  });

  it('reads draft 4 as draft 4', () => {
    const schema = { $schema: 'http://json-schema.org/draft-04/schema#', type: 'number', minimum: 1, exclusiveMinimum: true };
    expect(evidence(1, schema)).toEqual([['schema_violation', 'minimum', '']]);
  });

  it('tells two schemas with one $id apart', () => {
    for (const type of ['string', 'number', 'string']) expect(evidence(1, { $id: 'https://acme.example/one', type })).toHaveLength(type === 'string' ? 1 : 0);
  });

  it('does not change the answer, and ignores what looks like a prototype', () => {
    expect(evidence(JSON.parse('{"__proto__":1}'), { type: 'object', additionalProperties: false })).toEqual([['schema_violation', 'additionalProperties', '/__proto__']]);
    expect(evidence({}, { type: 'object', properties: { a: { default: 1 } }, required: ['toString'] })).toEqual([['schema_violation', 'required', '/toString']]);
  });
});

describe('dialects', () => {
  const object = (property: unknown) => ({ type: 'object', properties: { a: property } });
  const verdict = (property: unknown, value: unknown) => evidence({ a: value }, object(property)).map(([name, rule]) => `${name} ${rule}`);
  test.each([
    ['dict', {}, []],
    ['float', 1.5, '1.5'],
    ['float', 2, '2'],
    ['tuple', [1], {}],
    ['list', [], 'x'],
    ['bool', true, 'true'],
    ['int', 1, 1.5],
    ['str', 'x', 1],
    ['STRING', 'x', 1],
    ['HashMap', {}, 'x'],
    ['ArrayList', [], 'x'],
    ['Bigint', 1, 'x'],
    ['List[Dict[str, Any]]', [], 'x'],
    ['str, optional', 'x', 1],
    ['string', 'x', null],
  ])('"type": "%s"', (type, good, bad) => {
    expect(verdict({ type }, good)).toEqual([]);
    expect(verdict({ type }, bad)).toEqual(['schema_violation type']);
  });
  it('any type is any type', () => {
    for (const type of ['any', 'Any', 'Union[str, int]', 'Optional[str]', ['string', 'any']]) for (const value of [1, 'x', null, {}, []]) expect(verdict({ type }, value)).toEqual([]);
  });
  test.each([
    ['nullable', { type: 'string', nullable: true }, null, 1],
    ['nullable enum', { type: 'string', enum: ['a'], nullable: true }, null, 'b'],
    ['nullable without a type', { nullable: true, anyOf: [{ type: 'string' }] }, null, 1],
    ['not nullable', { type: 'string', nullable: false }, 'x', null],
    ['exclusive bound of draft 4 and OpenAPI 3.0', { type: 'number', minimum: 1, exclusiveMinimum: true }, 1.5, 1],
    ['bound that is not exclusive', { type: 'number', maximum: 1, exclusiveMaximum: false }, 1, 2],
    ['tuple of draft 7', { items: [{ type: 'string' }], additionalItems: false }, ['x'], ['x', 'y']],
    ['nulls where a program left fields unset', { type: 'string', description: null, pattern: null, enum: null, minLength: 2 }, 'xx', 'x'],
    ['example, x- and discriminator', { 'type': 'object', 'discriminator': { propertyName: 'kind' }, 'example': { type: 'dict' }, 'x-order': 1, 'properties': { kind: { enum: ['k'] } } }, { kind: 'k' }, { kind: 'l' }],
    ['formats of OpenAPI', { type: 'integer', format: 'int32' }, 2 ** 31 - 1, 2 ** 31],
    ['an unknown format', { type: 'string', format: 'phone', maxLength: 3 }, 'x', 'xxxx'],
    ['names that look like keywords', { properties: { type: { type: 'string' }, required: { type: 'int' }, id: { enum: ['x'] } } }, { type: 'dict', required: 1 }, { id: 'y' }],
    ['a constant that looks like a schema', { const: { type: 'dict', nullable: true } }, { type: 'dict', nullable: true }, { type: 'object' }],
    ['a draft 4 id', { id: 'a name, not an address', type: 'string' }, 'x', 1],
    ['cents', { type: 'number', multipleOf: 0.01 }, 19.99, 19.999],
  ])('%s', (_name, property, good, bad) => {
    expect(verdict(property, good)).toEqual([]);
    expect(verdict(property, bad)).not.toEqual([]);
  });
  it('a nullable reference may be null', () => {
    const schema = { properties: { a: { $ref: '#/$defs/s', nullable: true } }, $defs: { s: { type: 'str' } } };
    for (const value of ['x', null]) expect(evidence({ a: value }, schema)).toEqual([]);
    expect(evidence({ a: 1 }, schema)).not.toEqual([]);
  });
  it('`required: true` beside a property means what it says', () => {
    expect(evidence({}, object({ type: 'string', required: true }))).toEqual([['schema_violation', 'required', '/a']]);
    expect(evidence({}, object({ type: 'string', required: false }))).toEqual([]);
  });
  it('leaves the customer\'s object as it was', () => {
    const schema = { type: 'dict', properties: { a: { type: 'float', nullable: true } } };
    const before = JSON.stringify(schema);
    evidence({}, schema);
    expect(JSON.stringify(schema)).toBe(before);
  });
});

describe('schema_invalid', () => {
  test.each([
    ['does_not_compile', { type: 'objekt' }],
    ['does_not_compile', { properties: 1 }],
    ['does_not_compile', { $ref: '#/nowhere' }],
    ['async', { $async: true, type: 'object' }],
    ['does_not_compile', { properties: { a: { $async: true, type: 'object' } }, type: 'object' }],
    ['remote_ref', { $ref: 'https://acme.example/schema.json' }],
    ['unknown_draft', { $schema: 'https://acme.example/meta' }],
    ['pattern_refused', { pattern: '(' }],
    ['pattern_refused', { pattern: '^(a+)+\\1$' }],
    ['endless_ref', { $ref: '#' }],
    ['endless_ref', { $ref: '#/$defs/a', $defs: { a: { anyOf: [{ $ref: '#/$defs/a' }] } } }],
    ['too_large', { enum: Array.from({ length: 60_000 }, (_, i) => `value ${i}`) }],
    ['does_not_compile', { type: 'List[int' }],
    ['pattern_refused', { pattern: '(a{1,500}){1,500}b' }],
  ])('%s: %j', (problem, schema) => {
    expect(found(inputOf('"x"', { outputSchema: schema }))).toEqual([`schema_invalid ${problem}`]);
  });

  it('is not blamed on the model, and says nothing of the schema', () => {
    const findings = detect(inputOf('{}', { outputSchema: { $ref: 'https://secret.example/x' } }), settings);
    expect(JSON.stringify(findings)).not.toContain('secret');
    expect(findings[0]?.class).toBe('schema_invalid');
  });
});

describe('customers cannot stall the process', () => {
  const timed = (outputSchema: Record<string, unknown>, value: unknown): string[] => {
    const started = process.cpuUsage();
    const result = found(inputOf(JSON.stringify(value), { outputSchema }));
    expect(process.cpuUsage(started).user / 1_000).toBeLessThan(2_000);
    return result;
  };
  it('by patterns', () => {
    expect(timed({ pattern: '^(a+)+$' }, `${'a'.repeat(5_000)}b`)).toEqual(['schema_violation pattern']);
    expect(timed({ pattern: '^(a|a)*$' }, `${'a'.repeat(5_000)}b`)).toEqual(['schema_violation pattern']);
    expect(timed({ pattern: '^(\\w+\\s?)*$' }, `${'word '.repeat(2_000)}!`)).toEqual(['schema_violation pattern']);
    expect(timed({ pattern: '\\s+$' }, `${' '.repeat(50_000)}x`)).toEqual(['schema_violation pattern']);
    expect(timed({ pattern: '^.*.*.*.*x$' }, 'a'.repeat(20_000))).toEqual(['schema_violation pattern']);
    expect(timed({ pattern: '^(?=.*[A-Z])(?=.*\\d).{8,}$' }, 'a'.repeat(100_000))).toEqual(['schema_violation pattern']);
    expect(timed({ patternProperties: { '^(x+)+y$': { type: 'string' } } }, { ['x'.repeat(3_000)]: 1 })).toEqual([]);
  });
  it('by recursion that doubles with every level', () => {
    const doubling = { $ref: '#/$defs/a', $defs: { a: { anyOf: [{ allOf: [{ properties: { a: { $ref: '#/$defs/a' } } }, false] }, { properties: { a: { $ref: '#/$defs/a' } } }, false] } } };
    expect(timed(doubling, JSON.parse('{"a":'.repeat(40) + '{}' + '}'.repeat(40)))).toEqual(['undetermined too_long']);
  });
  it('by names without end', () => {
    const [finding] = detect(inputOf(JSON.stringify({ ['k'.repeat(5_000)]: 1 }), { outputSchema: { additionalProperties: false } }), settings);
    expect(finding?.evidence).toEqual([{ rule: 'additionalProperties', pointer: '' }]);
  });
  it('by large values', () => {
    expect(timed({ uniqueItems: true }, Array.from({ length: 20_000 }, (_, i) => ({ i })))).toEqual([]);
    expect(timed({ items: { type: 'string' } }, Array.from({ length: 200_000 }, (_, i) => i))).toEqual(['schema_violation schema']);
    for (const format of ['email', 'uri', 'date-time', 'hostname', 'uri-template', 'ipv6', 'regex', 'duration', 'iri']) for (const unit of ['a', 'a.', '-', ':', '@a', '%20', '{a}']) timed({ format }, unit.repeat(100_000 / unit.length));
  });
  it('by schemas of many properties', () => {
    const properties = Object.fromEntries(Array.from({ length: 4_000 }, (_, n) => [`p${n}`, { type: 'integer' }]));
    expect(timed({ type: 'object', properties }, { p3999: 'x' })).toEqual(['schema_violation type']);
  });
  it('by many schemas', () => {
    for (let i = 0; i < 600; i += 1) compiledSchema({ $id: 'https://acme.example/same', const: i });
    expect(found(inputOf('1', { outputSchema: { const: 2 } }))).toEqual(['schema_violation const']);
  });
});
