// Redaction wherever a value may stand: encodings, borders of parts, tool calls, property names, attributes; and what follows from it for offsets, corrections and names.
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { email, card, iban, ip, key, nationalId, phone, ssn, Draw } from '../../bench/redact-values.ts';
import { DetectorSettings, type Interaction } from '../../core/contracts/index.ts';
import { detect, sameVerdict } from '../../core/detect/index.ts';
import { digestOfBytes } from '../../core/digest.ts';
import { bech32Check, coinSort } from '../../core/redact/coins.ts';
import { nationalIdSort } from '../../core/redact/accounts.ts';
import { createRedactor, mapRange, names, textsOf, type Recogniser } from '../../core/redact/index.ts';

const redactor = createRedactor('a tenant key');
const redactText = (text: string): string => redactor.redactText(text);
const EMAIL = redactText('jo@corp.example');

const interactionOf = (over: Partial<Interaction>): Interaction => ({
  schemaVersion: 1, source: '/a', id: '1', time: '2026-01-02T03:04:05.000Z', workload: 'tickets', channel: 'tickets/production',
  adapterDigest: null, generation: 0, baseModel: 'b', engineBuild: 'e', promptVersion: '1', tenant: 't', consentBasis: 'contract', retentionDays: 30,
  sampling: {}, messages: [{ role: 'user', parts: [{ text: 'hi', trusted: true }] }], answer: { text: '{}' }, finishReason: 'stop', ...over,
});

describe('every kind becomes one of its kind', () => {
  test.each([
    ['quoted e-mail', 'to "jo smith"@corp.example now', 'jo smith', /^to [a-z][a-z2-7]+@example\.net now$/],
    ['e-mail in other scripts', 'an jörg.müller@bücher.de!', 'bücher', /^an [a-z][a-z2-7]+@example\.net!$/],
    ['e-mail after a name', 'user=JO@CORP.COM', 'CORP', /^user=[a-z][a-z2-7]+@example\.net$/],
    ['bounce address', 'bounce+jo=corp.com@list.example.org', 'corp', /^[a-z][a-z2-7]+@example\.net$/],
    ['card in a test range', 'card 5105-2345-6789-0122', '5105-2', /^card 5555-55\d\d-\d{4}-\d{4}$/],
    ['North American phone', 'call 415-867-5309', '867', /^call [2-9]\d\d-555-01\d\d$/],
    ['extension', '+1 (415) 867-5309 ext. 12', '867', /^\+1 \([2-9]\d\d\) 555-01\d\d ext\. 12$/],
    ['British mobile', '+44 7911 123456', '123456', /^\+44 7700 900\d{3}$/],
    ['French phone', '06 12 34 56 78', '12 34', /^06 39 98 \d\d \d\d$/],
    ['Danish phone after a word', 'tlf, phone: 32 12 34 56', '12 34', /^tlf, phone: [2-9]\d \d\d \d\d \d\d$/],
    ['IBAN of no bank', 'DE89370400440532013000', '37040044', /^DE\d\d9999\d{14}$/],
    ['taxpayer number', 'SSN 912-78-3456', '78-34', /^SSN 9\d\d-7\d-\d{4}$/],
    ['NIR', '1 85 05 78 006 084 91', '006 084', /^1 \d\d 0[1-9] \d\d \d{3} \d{3} \d\d$/],
    ['DNI', 'DNI 12345678Z', '12345678', /^DNI \d{8}[A-Z]$/],
    ['NIE', 'X-1234567-L', '1234567', /^X-\d{7}-[A-Z]$/],
    ['NINO', 'AB 12 34 56 C', '12 34', /^[A-Z]{2} \d\d \d\d \d\d C$/],
    ['German tax id', 'Steuer-ID: 86 095 742 719', '742', /^Steuer-ID: \d\d \d{3} \d{3} \d{3}$/],
    ['mapped IPv4', 'peer ::ffff:84.1.2.3', '84.1', /^peer 2001:db8(:[0-9a-f]{4}){6}$/],
    ['Slack hook', 'https://hooks.slack.com/services/T01234567/B01234567/abcdefGHIJKL012345678901', 'abcdefGHI', /^https:\/\/hooks\.slack\.com\/services\/[A-Z]\d{8}\/[A-Z]\d{8}\/[a-z]{6}[A-Z]{6}\d{12}$/],
    ['password in a sentence', 'my password is Tr0ub4dor&3', 'Tr0ub', /^my password is [A-Z][a-z]\d[a-z]{2}\d[a-z]{3}&\d$/],
    ['Ethereum', '0x52908400098527886E0F7030069857D2E4169EE7', '529084', /^0x[0-9a-f]{40}$/],
    ['Bitcoin', '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa', 'P5QGefi', /^1[1-9A-HJ-NP-Za-km-z]{25,33}$/],
    ['segwit', 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4', 'w508d6', /^bc1q[02-9ac-hj-np-z]{38}$/],
  ])('%s', (_name, text, gone, shape) => {
    const redacted = redactText(text);
    expect(redacted).toMatch(shape);
    expect(redacted).not.toContain(gone);
    expect(redactText(redacted)).toBe(redacted);
  });

  it('with right check digits', () => {
    for (const id of ['1 85 05 78 006 084 91', '12345678Z', 'X1234567L', 'AB123456C']) expect([id, nationalIdSort(redactText(id))]).toEqual([id, nationalIdSort(id)]);
    for (const coin of ['1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa', '3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy', 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4']) expect(coinSort(redactText(coin))).toBe(coinSort(coin));
    // BIP 350: a program of version 1.
    expect(bech32Check('p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq')).toBe('zk5jj0');
  });

  test.each([
    'order 4111111111111111, tracking 9416 2213 6845 6818 7355 15, Sendungsnummer 00340434161094042557',
    'ISBN 978-3-16-148410-0, ISBN 0-306-40615-2, ISSN 2049-3630, SKU 415-555-267, part 123.456.789',
    'firmware 3.76.39.7 and Chrome/99.0.12.34 and kernel 5.10.0.1',
    'git@github.com:acme/repo.git, icon@2x.png, left-pad@1.3.0, @handle, a@b',
    'password: required, "password": {"type": "string"}, token = ${TOKEN}, secret: <your secret>, max_tokens=4096, primary_key=user_id_17',
    'the total was 12 345 678 zł on 2026 01 02, room 0312, pages 120-135, 48.8566, 2.3522',
    'refund for two of three items. 4 of them on 12.03.2025 10:30 - 13.03.2025 11:45',
  ])('and nobody is found in: %s', (text) => {
    expect(redactText(text)).toBe(text);
  });
});

describe('wherever it stands', () => {
  it('behind the encodings of the web', () => {
    expect(redactText('https://x.example/?email=jo%40corp.example&n=1')).toBe(`https://x.example/?email=${EMAIL.replace('@', '%40')}&n=1`);
    const encoded = Buffer.from('{"mail":"jo@corp.example","n":17}').toString('base64');
    const redacted = redactText(`payload ${encoded}.`).slice('payload '.length, -1);
    expect(Buffer.from(redacted, 'base64').toString()).toBe(`{"mail":"${EMAIL}","n":17}`);
    expect(redactText(redacted)).toBe(redacted);
    expect(redactText('{"u":"https:\\/\\/jo\\u0040corp.example"}')).toContain(EMAIL);
  });

  it('over the border of two parts of a message, and only there', () => {
    const parts = (...texts: string[]): string[] => redactor.redactInteraction(interactionOf({ messages: [{ role: 'user', parts: texts.map((text) => ({ text, trusted: true })) }] })).interaction.messages[0]?.parts.map((part) => part.text) ?? [];
    const [left = '', right = ''] = parts('my card 4111 1111', ' 1111 1111 thanks');
    expect(left + right).toMatch(/^my card 4111 11\d\d \d{4} \d{4} thanks$/);
    expect(left + right).not.toContain('1111 1111 1111');
    expect(left).toHaveLength('my card 4111 1111'.length);
    expect(parts(left, right)).toEqual([left, right]);
    expect(parts('write to jo@corp', '.example')[0]).toBe(`write to ${EMAIL}`);
    expect(parts('write to jo@corp.example', 'Hello')).toEqual([`write to ${EMAIL}`, 'Hello']);
    expect(parts('order 12', '34 items')).toEqual(['order 12', '34 items']);
    // A line break ends a value, but for a number whose extension stands on the next line.
    expect(parts('card 4111 1111\n', '1111 1111')).toEqual(['card 4111 1111\n', '1111 1111']);
    expect(parts('call (415) 555-2671\n', 'x1234 please').join('')).not.toContain('2671');
    expect(parts('-----BEGIN PRIVATE KEY-----\nMIIE', 'thanks a lot')[1]).toMatch(/^[a-z]{6} a lot$/);
    expect(parts('use -----BEGIN PRIVATE KEY-----', 'now, or not')[1]).toMatch(/^[a-z]{3}, or not$/);
  });

  it('of a private key in every part that it goes on in', () => {
    const line = (n: number): string => digestOfBytes(`line ${n}`).slice(7).repeat(2).slice(0, 64);
    const lines = Array.from({ length: 12 }, (_, n) => line(n));
    const key = `-----BEGIN RSA PRIVATE KEY-----\n${lines.join('\n')}\n-----END RSA PRIVATE KEY-----\nThat is all.`;
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 31, max: key.length - 45 }), { minLength: 1, maxLength: 4 }), (cuts) => {
        const borders = [0, ...[...new Set(cuts)].sort((a, b) => a - b), key.length];
        const texts = borders.slice(1).map((end, index) => key.slice(borders[index], end));
        const kept = redactor.redactInteraction(interactionOf({ messages: [{ role: 'user', parts: texts.map((text) => ({ text, trusted: true })) }] })).interaction.messages[0]?.parts.map((part) => part.text) ?? [];
        for (const one of lines) expect(kept.join('')).not.toContain(one.slice(0, 32));
        expect(kept.join('').endsWith('\n-----END RSA PRIVATE KEY-----\nThat is all.')).toBe(true);
      }),
    );
  });

  it('in tool calls, tools, schemas, property names and attributes, by one surrogate', () => {
    const mail = 'jo@corp.example';
    const raw = interactionOf({
      messages: [{ role: 'assistant', parts: [], toolCalls: [{ id: 'call_1', name: `mail_${'x'}`, arguments: `{"to":"${mail}"}` }] }, { role: 'tool', toolCallId: 'call_1', name: mail, parts: [{ text: mail, trusted: false, note: mail }] }],
      tools: [{ name: 'send', description: `ask ${mail}`, parameters: { properties: { to: { enum: [mail] } } } }],
      outputSchema: { properties: { to: { const: mail } } },
      answer: { text: `{"${mail}":1}`, reasoning: [{ step: mail }] },
      attributes: { [mail]: { phone: '5551234567', phones: [5_551_234_567], note: 'fine', count: 5_551_234 } },
    });
    const { interaction } = redactor.redactInteraction(raw);
    const kept = JSON.stringify(interaction);
    expect(kept).not.toMatch(/corp\.example|5551234567/);
    expect(kept.split(EMAIL)).toHaveLength(11);
    expect(interaction['attributes']).toMatchObject({ [EMAIL]: { note: 'fine', count: 5_551_234 } });
    expect(interaction.messages[0]?.toolCalls?.[0]).toMatchObject({ id: 'call_1', name: 'mail_x' });
    expect(raw.tools?.[0]?.description).toBe(`ask ${mail}`);
    expect(redactor.redactInteraction(interaction).interaction).toEqual(interaction);
  });

  it('a record without values keeps its tools and schemas as they are', () => {
    const raw = interactionOf({ tools: [{ name: 'send', parameters: { type: 'object' } }], outputSchema: { type: 'object' }, attributes: { a: [1, 'b', null] } });
    expect(redactor.redactInteraction(raw)).toEqual({ interaction: raw, replaced: 0, answerOffsets: [], values: [] });
  });
});

describe('offsets', () => {
  it('of what stays are mapped to where it now stands, those of a value to its surrogate', () => {
    const word = fc.constantFrom('alpha', 'b', '{"x":', 'jo@corp.example', 'j@c.org', '4111 1111 1111 1111', 'call +49 151 2345678', 'ju\\u0040corp.example', '"', ',', '\n');
    fc.assert(
      fc.property(fc.array(word, { maxLength: 12 }), (words) => {
        const raw = words.join(' ');
        const { text, offsets } = redactor.redactWithOffsets(raw);
        expect(text).toBe(redactText(raw));
        for (let start = 0; start < raw.length; start += 1) {
          const place = mapRange(offsets, start, start + 1);
          expect(place.start).toBeGreaterThanOrEqual(0);
          expect(place.end).toBeGreaterThan(place.start);
          expect(place.end).toBeLessThanOrEqual(text.length);
          // One character is either itself still or within a surrogate, which is longer.
          if (place.end - place.start === 1 && /[a{"]/.test(raw[start] as string) && text[place.start] !== raw[start]) expect(text.slice(place.start - 60, place.end + 60)).toMatch(/\d|@/);
        }
        expect(mapRange(offsets, 0, raw.length)).toEqual({ start: 0, end: text.length });
      }),
    );
    const { text, offsets } = redactor.redactWithOffsets('from jo@c.io to "b" {');
    const brace = mapRange(offsets, 20, 21);
    expect(text.slice(brace.start, brace.end)).toBe('{');
    const inner = mapRange(offsets, 6, 8);
    expect(text.slice(inner.start, inner.end)).toMatch(/^[a-z][a-z2-7]+@example\.net$/);
  });

  it('follow the answer of an interaction through every pass', () => {
    const raw = '{"contact":"555 12 34 567","bad":}';
    const { interaction, answerOffsets } = redactor.redactInteraction(interactionOf({ messages: [{ role: 'user', parts: [{ text: 'call me at 555 12 34 567, or mail jo@c.io', trusted: true }] }], answer: { text: raw } }));
    const at = mapRange(answerOffsets, raw.indexOf('}'), raw.length);
    expect(interaction.answer.text.slice(at.start, at.end)).toBe('}');
  });
});

describe('a correction', () => {
  const said = (text: string) => redactor.redactInteraction(interactionOf({ messages: [{ role: 'user', parts: [{ text, trusted: true }] }], answer: { text: '{}' } }));

  it("carries its interaction's surrogates where no word gives a value away", () => {
    const { interaction, values } = said('Call me at 555 12 34 567, my password is hunter2!Blue');
    const kept = interaction.messages[0]?.parts[0]?.text ?? '';
    const [, number = '', password = ''] = /at ([\d ]+), my password is (\S+)$/.exec(kept) ?? [];
    expect(redactor.redactAnswer('{"a":"555 12 34 567","b":5551234567,"c":"hunter2!Blue","d":"5551234568"}', values)).toBe(`{"a":"${number}","b":${number.replace(/ /g, '')},"c":"${password}","d":"5551234568"}`);
    expect(JSON.stringify(values)).not.toMatch(/hunter2|1234567|12 34/);
    expect(createRedactor('another key').redactAnswer('{"a":"555 12 34 567"}', values)).toBe('{"a":"555 12 34 567"}');
  });

  it("knows a value by its property's name, without the interaction", () => {
    const { interaction } = said('My phone number: 5551234567');
    const number = /\d{10}/.exec(interaction.messages[0]?.parts[0]?.text ?? '')?.[0];
    for (const name of ['phone', 'phoneNumber', 'contact_phone', 'contact', 'mobile', 'tel']) expect(redactor.redactAnswer(`{"${name}":"5551234567"}`, [])).toBe(`{"${name}":"${number}"}`);
    for (const name of ['order', 'orderNumber', 'id', 'total']) expect(redactor.redactAnswer(`{"${name}":"5551234567"}`, [])).toBe(`{"${name}":"5551234567"}`);
  });

  it('takes bounded time, whatever the interaction knew', () => {
    const { values } = said(Array.from({ length: 60 }, (_, index) => `phone: ${'1'.repeat(7 + (index % 8))}${20 + index}`).join(', '));
    expect(values.length).toBeGreaterThan(20);
    const started = process.cpuUsage();
    for (const unit of ['1 ', '12345678901 ', 'a ']) redactor.redactAnswer(unit.repeat(100_000 / unit.length), values);
    const { user, system } = process.cpuUsage(started);
    expect((user + system) / 1_000).toBeLessThan(1_000);
  });
});

describe('names and addresses', () => {
  const withNames = createRedactor('a tenant key', names);

  it('stay without a recogniser and are replaced word by word with one', () => {
    const text = 'Dear Maria Lopez, Ms Lopez moved to 12 Old Mill Road, Apt. 4, Springfield, IL 62704. Regards, Thomas';
    expect(redactText(text)).toBe(text);
    const redacted = withNames.redactText(text);
    const [, first, family, again] = /^Dear (\S+vix) (\S+vix), Ms (\S+vix) moved to/.exec(redacted) ?? [];
    expect(first).not.toBe(family);
    expect(again).toBe(family);
    expect(redacted).not.toMatch(/Maria|Lopez|Mill|Springfield|62704|Thomas/);
    expect(redacted).toMatch(/ Road, Apt\. \d, \S+, IL \d{5}\. Regards, \S+vix$/);
    expect(withNames.redactText(redacted)).toBe(redacted);
  });

  it.each(['Will you call in May? I am Happy to pay the Bill. Best Regards', 'Please Order New York Style Pizza from Bank Street Market', '{"name":"Widget 3000","title":"Red Shoes","city":"x"}', 'Error 12 in Main Thread, see Chapter 4 of Spring Boot Reference'])('nobody is found in: %s', (text) => {
    expect(names.find(text)).toEqual([]);
  });

  it('their version is part of what is kept, and any other recogniser may be plugged in', () => {
    const other: Recogniser = { version: 'other@7', find: (text) => [...text.matchAll(/Zaphod/g)].map(({ index }) => ({ kind: 'person', start: index, end: index + 6 })) };
    const plugged = createRedactor('k', other);
    expect(plugged.version).toBe('redactor@3+other@7');
    expect(plugged.redactText('ask Zaphod@x.example or Zaphod')).toMatch(/^ask \S+@example\.net or \w+vix$/);
    const broken: Recogniser = { version: 'broken@1', find: (text) => [{ kind: 'person', start: -3, end: 2 }, { kind: 'person', start: 2, end: 1 }, { kind: 'address', start: 0, end: text.length + 1 }] };
    expect(createRedactor('k', broken).redactText('ask Zaphod')).toBe('ask Zaphod');
  });

  it('a service is asked for all texts before, and its answers are looked up', () => {
    const raw = interactionOf({ messages: [{ role: 'user', parts: [{ text: 'Zaphod here', trusted: true }] }], answer: { text: '{"to":"Zaphod\\nBeeblebrox"}', toolCalls: [{ name: 'f', arguments: '{"a":"Zaphod"}' }] } });
    const answers = new Map(textsOf(raw).map((text) => [text, [...text.matchAll(/Zaphod|Beeblebrox/g)].map((found) => ({ kind: 'person' as const, start: found.index, end: found.index + found[0].length }))]));
    const { interaction } = createRedactor('k', { version: 'service@1', find: (text) => answers.get(text) ?? [] }).redactInteraction(raw);
    expect(JSON.stringify(interaction)).not.toMatch(/Zaphod|Beeblebrox/);
    expect(JSON.parse(interaction.answer.text)).toEqual({ to: expect.stringMatching(/^\w+vix\n\w+vix$/) as string });
  });
});

describe('whatever the values', () => {
  const makers = [card, iban, email, phone, ip, ssn, nationalId, key];
  const value = fc.tuple(fc.nat(makers.length - 1), fc.integer()).map(([maker, seed]) => {
    const made = makers[maker]?.(new Draw(seed));
    return `${made?.before}${made?.text}${made?.after}`;
  });
  const text = fc.array(fc.oneof(fc.constantFrom('please', 'call', 'phone:', 'my number is', 'order', 'the password is', ',', '{', '"'), value), { maxLength: 6 }).map((parts) => parts.join(' '));

  it('redacting twice is redacting once', () => {
    fc.assert(fc.property(text, (raw) => redactText(redactText(raw)) === redactText(raw)), { numRuns: 2_000 });
  });

  it('the stored record gives the verdict of the raw one, whatever the answer is', () => {
    const schema = { type: 'object', required: ['note'], properties: { note: { type: 'string' }, n: { type: 'number' } }, additionalProperties: false };
    const answer = fc.oneof(text.map((note) => JSON.stringify({ note })), text.map((note) => JSON.stringify({ note, extra: note })), text.map((note) => JSON.stringify({ note, n: note })), text, text.map((note) => `{"note":"${note}`), text.map((note) => `\`\`\`json\n${JSON.stringify({ note })}\n\`\`\``));
    const settings = DetectorSettings.parse({ rules: [{ id: 'r', forbid: ['please'] }] });
    fc.assert(
      fc.property(answer, text, (said, asked) => {
        const raw = interactionOf({ messages: [{ role: 'user', parts: [{ text: asked, trusted: true }] }], answer: { text: said }, outputSchema: schema });
        const { interaction } = redactor.redactInteraction(raw);
        return sameVerdict(detect(raw, settings), detect(interaction, settings));
      }),
      { numRuns: 1_000 },
    );
  });
});
