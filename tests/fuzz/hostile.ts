// Inputs that are made to break things, by name; all of them are made here, none is stored.

const MB = 1_000_000;

/** Texts of about `size` characters. */
export const hostileTexts = (size: number): [string, string][] => {
  const fill = (unit: string): string => unit.repeat(Math.ceil(size / unit.length)).slice(0, size);
  return [
    ['open brackets', fill('[')],
    ['open braces', fill('{"a":')],
    ['closed brackets', fill('[') + fill(']')],
    ['close brackets', fill(']')],
    ['brackets in prose', fill('[a ')],
    ['braces in prose', fill('{ ')],
    ['objects one after another', fill('{"a":1} ')],
    ['quotes', fill('"')],
    ['backslashes', `"${fill('\\')}`],
    ['escaped quotes', `"${fill('\\"')}`],
    ['backticks', fill('`')],
    ['fences', fill('```json\n')],
    ['fences that close', fill('```json\n{}\n```\n')],
    ['tags', fill('<tool_call>')],
    ['tags that close', fill('<tool_call>{"name":"a"}</tool_call>')],
    ['angle brackets', fill('<')],
    ['white space', fill(' \n\t')],
    ['white space and a brace', `${fill(' ')}{`],
    ['one letter', fill('a')],
    ['one word', fill('a ')],
    ['letters and an at', `${fill('a')}@`],
    ['dots', fill('a.')],
    ['at signs', fill('a@')],
    ['dashes', fill('a-')],
    ['digits', fill('4')],
    ['digits with gaps', fill('4 1 ')],
    ['digit groups', fill('4111 1111 1111 1111 ')],
    ['a long number', `[${fill('9')}]`],
    ['a long exponent', `[1e${fill('9')}]`],
    ['hexadecimal', fill('deadbeef')],
    ['base64', fill('QUJDRA==')],
    ['percent signs', fill('%41')],
    ['percent signs alone', fill('%')],
    ['markdown images', fill('![](')],
    ['links', fill('https://a.')],
    ['colons', fill('a:')],
    ['slashes', fill('/')],
    ['key equals', fill('key=')],
    ['lone surrogates', fill('\ud800')],
    ['surrogates the wrong way round', fill('\udc00\ud800')],
    ['combining marks', `a${fill('\u0301')}`],
    ['ligatures that unfold', fill('\ufdfa')],
    ['emoji with joiners', fill('\u{1f469}\u200d')],
    ['invisible letters', fill('\u200b')],
    ['right to left', fill('\u202e')],
    ['NULs', fill('\0')],
    ['byte order marks', fill('\ufeff')],
    ['dotted capital I', fill('\u0130')],
    ['many keys', `{${Array.from({ length: size / 12 }, (_, n) => `"k${n}":${n % 10}`).join(',')}}`],
    ['one key many times', `{${fill('"a":1,')}"a":1}`],
    ['many elements', `[${fill('0,')}0]`],
    ['commas', `[${fill(',')}]`],
    ['python', fill("{'a': None, ")],
    ['calls', fill('f(a=')],
    ['comments', fill('/* ')],
    ['a refusal without end', fill("I'm sorry, but ")],
    ['capitalised names', fill('Dear Ann Lee ')],
    ['repetition', fill('ab'.repeat(50) + '\n')],
  ];
};

/** Values that JSON carries and programs stumble over. */
export const hostileValues: unknown[] = [
  null, true, -0, 1e308, 5e-324, 2 ** 53, -(2 ** 63), 1e-7, '', '\0', '\ud800', '__proto__', [], {}, [[]], [null],
  JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":1,"hasOwnProperty":null,"valueOf":[],"length":-1}'),
  { '': { '': '' } }, { '~': 1, '/': 2, '\u2028': 3 },
];

export const nested = (depth: number, open = '{"a":', close = '}', inside = '1'): string => open.repeat(depth) + inside + close.repeat(depth);

/** Schemas that compile slowly, match slowly, recurse, or are not schemas. */
export const hostileSchemas = (): [string, Record<string, unknown>][] => [
  ['deep', JSON.parse(nested(20_000, '{"properties":{"a":', '}}', '{}')) as Record<string, unknown>],
  ['deep allOf', JSON.parse(nested(3_000, '{"allOf":[', ']}', '{}')) as Record<string, unknown>],
  ['huge enum', { enum: Array.from({ length: 100_000 }, (_, n) => `value ${n}`) }],
  ['many properties', { type: 'object', properties: Object.fromEntries(Array.from({ length: 3_000 }, (_, n) => [`p${n}`, { type: 'integer' }])) }],
  ['a pattern that backtracks', { type: 'string', pattern: '^(a+)+$' }],
  ['a pattern with look-around', { type: 'string', pattern: '(?=(a+))\\1b' }],
  ['a pattern with large counts', { type: 'string', pattern: '(?:a{1,1000}){1,1000}' }],
  ['endless reference', { $ref: '#' }],
  ['mutual references', { $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } }, $ref: '#/$defs/a' }],
  ['remote reference', { $ref: 'https://schema.example/x.json' }],
  ['file reference', { $ref: 'file:///etc/passwd' }],
  ['async', { $async: true }],
  ['prototype', JSON.parse('{"type":"object","properties":{"__proto__":{"type":"string"},"constructor":{"type":"string"}},"required":["toString"]}') as Record<string, unknown>],
  ['wrong types', { type: 5, properties: [], required: 'a', minimum: 'b' }],
  ['unknown draft', { $schema: 'https://schema.example/draft' }],
  ['numeric edges', { multipleOf: 1e-308, maximum: 1e308, minLength: 2 ** 53 }],
  ['dict', { type: 'dict', properties: { a: { type: 'float' } } }],
];

export { MB };
