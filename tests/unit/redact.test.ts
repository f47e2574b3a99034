// Redaction: what is replaced and by what, what stays, that JSON stays JSON, and that a second time changes nothing.
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { Interaction } from '../../core/contracts/index.ts';
import { createRedactor } from '../../core/redact/index.ts';
import { mod97, passesLuhn } from '../../core/redact/checksums.ts';

const redactor = createRedactor('a tenant key');
const redactText = (text: string): string => redactor.redactText(text);

const passesMod97 = (iban: string): boolean => {
  const compact = iban.replace(/\s/g, '').toUpperCase();
  return mod97(compact.slice(4) + compact.slice(0, 4)) === 1;
};

describe('values become valid surrogates of the same format', () => {
  test.each([
    ['e-mail', 'write to jo@corp.example, please', 'jo@corp.example', /^write to [a-z][a-z2-7]{9,}@example\.net, please$/],
    ['long e-mail', 'Jo.Smith+tag@mail.some-company.co.uk', 'Jo.Smith', /^[a-z][a-z2-7]{23}@example\.net$/],
    ['card', 'card 4111 1111 1111 1111 exp 12/26', '4111 1111', /^card 41\d\d \d{4} \d{4} \d{4} exp 12\/26$/],
    ['American Express', '3782 822463 10005', '822463', /^37\d\d \d{6} \d{5}$/],
    ['IBAN', 'IBAN: DE89 3704 0044 0532 0130 00.', '3704', /^IBAN: DE\d\d( \d{4}){4} \d\d\.$/],
    ['compact IBAN with letters', 'GB29NWBK60161331926819', 'NWBK', /^GB\d\d[A-Z]{4}\d{14}$/],
    ['SSN', 'SSN 219-09-9999', '219-09', /^SSN [1-5]\d\d-\d\d-\d{4}$/],
    ['IPv4', 'from 8.8.4.4 at noon', '8.8.4.4', /^from 198\.1[89]\.\d+\.\d+ at noon$/],
    ['IPv6', 'from 2001:0db8:85a3:0000:0000:8a2e:0370:7334', '85a3', /^from 2001:db8(:[0-9a-f]{4}){6}$/],
    ['short IPv6', 'fe80::1ff:fe23:4567:890a', '1ff', /^2001:db8(:[0-9a-f]{4}){6}$/],
    ['international phone', '+49 (0) 151 23456789', '2345', /^\+49 \(0\) \d{3} \d{8}$/],
    ['American phone', '(415) 555-2671', '555-2671', /^\([2-9]\d\d\) [2-9]\d\d-\d{4}$/],
    ['British phone', '020 7946 0958', '7946', /^0\d\d [2-9]\d{3} 0\d{3}$/],
    ['named phone', '{"phone":"5551234567"}', '5551234567', /^\{"phone":"[2-9]\d\d[01]\d{6}"\}$/],
    ['named phone in words', 'my mobile number is 21 212 133 2727', '212 133', /^my mobile number is [2-9]\d \d{3} 1\d\d \d{4}$/],
    ['API key', 'sk-ant-api03-abcDEF123456789012345678901234', 'abcDEF1234', /^sk-ant-api03-[a-f]{3}[A-F]{3}\d{24}$/],
    ['AWS key', 'AKIAIOSFODNN7EXAMPLE', 'IOSFODNN7', /^AKIA[A-Z]{8}\d[A-Z]{7}$/],
    ['GitHub token', 'ghp_abcdefghijklmnopqrstuvwxyz0123456789', 'abcdefg', /^ghp_[a-z]{26}\d{10}$/],
    ['bearer', 'Authorization: Bearer abc123def456ghi789jkl0', 'abc123', /^Authorization: Bearer [a-z]{3}\d{3}[a-z]{3}\d{3}[a-z]{3}\d{3}[a-z]{3}\d$/],
    ['password in an address', 'postgres://bob:s3cr3tPw@db:5432/x', 's3cr3tPw', /^postgres:\/\/bob:[a-z]\d[a-z]{2}\d[a-z][A-Z][a-z]@db:5432\/x$/],
    ['AWS secret after its name', 'the secret wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', 'K7MDENG', /^the secret [a-z][A-Z][a-z]{3}[\w/]{35}$/],
    ['hexadecimal key', 'key: 9f86d081884c7d659a2feaa0c55ad015', '9f86d081', /^key: [\da-f]{32}$/],
    ['named key', 'api_key = "abcd1234efgh5678"', 'abcd1234', /^api_key = "[a-z]{4}\d{4}[a-z]{4}\d{4}"$/],
  ])('%s', (_name, text, gone, shape) => {
    const redacted = redactText(text);
    expect(redacted).not.toContain(gone);
    expect(redacted).toMatch(shape);
    expect(redactText(redacted)).toBe(redacted);
  });

  it('keeps check digits right', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^4\d{14}$/), (body) => {
        const card = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((digit) => `${body}${digit}`).find(passesLuhn) as string;
        const redacted = redactText(card);
        return redacted !== card && redacted.length === 16 && passesLuhn(redacted);
      }),
    );
    for (const iban of ['DE89370400440532013000', 'FR1420041010050500013M02606', 'NO9386011117947', 'MT84MALT011000012345MTLCAST001S']) {
      expect(passesMod97(iban)).toBe(true);
      expect(redactText(iban)).not.toBe(iban);
      expect(passesMod97(redactText(iban))).toBe(true);
    }
  });

  it('keeps a token a token and a key block a key block', () => {
    const token = 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c';
    const redacted = redactText(`token ${token}`).slice(6);
    const claims = redacted.split('.')[1] as string;
    expect(redacted).toHaveLength(token.length);
    expect(redacted).not.toContain('SflKxwRJ');
    expect(Object.keys(JSON.parse(Buffer.from(claims, 'base64url').toString()) as object)).toEqual(['sub']);
    expect(redactText(redacted)).toBe(redacted);

    const block = '-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nabc+/=\n-----END RSA PRIVATE KEY-----';
    for (const text of [block, block.slice(0, 60), JSON.stringify({ key: block })]) {
      const hidden = redactText(text);
      expect(hidden).not.toContain('MIIEpAIB');
      expect(hidden).toHaveLength(text.length);
      expect(redactText(hidden)).toBe(hidden);
    }
    expect((JSON.parse(redactText(JSON.stringify({ key: block }))) as { key: string }).key.split('\n')).toHaveLength(4);
  });
});

describe('what is no personal data stays', () => {
  test.each([
    'ORD-48213, SKU AB-1234, customer C-48213, order NH-4821, ticket #1234567',
    'on 2026-01-02 or 01.02.2026 10:30, from 12/03/2025 to 2025/03/12, at 12:30:15',
    'the key /usr/local/share/Documents/Reports2024/final, key: releases/Download-2024/AppSetup-Windows, key: customer-notifications-preferences-v2',
    'pay 1,299.00 EUR, 49.90 USD, 12345678.90, 3.14159265358979',
    'invoice 2024-001-0001, id 550e8400-e29b-41d4-a716-446655440000, sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    'tracking 1Z999AA10123456784, 987654321012, epoch 1767225600000',
    'version 1.2.3.4, v10.0.0.1, http://localhost:8080 on 127.0.0.1, std::vector<int> a::b',
    'a@b, user @someone, 50% @ 3pm, the password is wrong, your token is missing, Basic subscription',
    '4111 1111 1111 1112 does not pass Luhn; DE89370400440532013001 has a wrong check',
    '{"order":"NH-1234","items":[{"code":"LA-123","count":2}],"hours":24}',
  ])('%s', (text) => {
    expect(redactText(text)).toBe(text);
  });
});

describe('one value, one surrogate', () => {
  it('whatever its spelling, and another one for another tenant', () => {
    const digits = (text: string) => redactText(text).replace(/\D/g, '');
    expect(digits('4111 1111 1111 1111')).toBe(digits('4111-1111-1111-1111'));
    expect(digits('4111 1111 1111 1111')).toBe(digits('4111111111111111'));
    expect(digits('+1 415-555-2671').slice(1)).toBe(digits('(415) 555-2671'));
    expect(redactText('JO@Corp.example')).toBe(redactText('jo@corp.example'));
    expect(redactText('DE89 3704 0044 0532 0130 00').replace(/ /g, '')).toBe(redactText('DE89370400440532013000'));
    expect(redactText('jo@corp.example')).not.toBe(redactText('jo@corp.exampl'));
    expect(createRedactor('other').redactText('jo@corp.example')).not.toBe(redactText('jo@corp.example'));
    expect(createRedactor('a tenant key').redactText('jo@corp.example')).toBe(redactText('jo@corp.example'));
  });

  it('also behind the escapes of JSON, and of JSON in JSON', () => {
    const email = redactText('jo@corp.example');
    expect(redactText('{"m":"a\\njo\\u0040corp.example\\n"}')).toBe(`{"m":"a\\n${email}\\n"}`);
    expect(redactText('{"m":"{\\"to\\":\\"jo@corp.example\\",\\"note\\":\\"x\\\\njo@corp.example\\"}"}')).toBe(`{"m":"{\\"to\\":\\"${email}\\",\\"note\\":\\"x\\\\n${email}\\"}"}`);
    expect(redactText("{'m': 'x\\njo@corp.example")).toBe(`{'m': 'x\\n${email}`);
  });
});

const interactionOf = (over: Partial<Interaction>): Interaction => ({
  schemaVersion: 1, source: '/a', id: '1', time: '2026-01-02T03:04:05.000Z', workload: 'tickets', channel: 'tickets/production',
  adapterDigest: null, generation: 0, baseModel: 'b', engineBuild: 'e', promptVersion: '1', tenant: 't', consentBasis: 'contract', retentionDays: 30,
  sampling: {}, messages: [{ role: 'user', parts: [{ text: 'hi', trusted: true }] }], answer: { text: '{}' }, finishReason: 'stop', ...over,
});

describe('an interaction', () => {
  const raw = interactionOf({
    messages: [
      { role: 'user', parts: [{ text: 'Call me on 5551234567 or jo@corp.example', trusted: true }] },
      { role: 'assistant', parts: [], toolCalls: [{ id: 'call_1', name: 'find', arguments: '{"mail":"jo@corp.example"}' }] },
      { role: 'tool', toolCallId: 'call_1', parts: [{ text: '{"mail":"jo@corp.example","order":"NH-4821"}', trusted: false }] },
    ],
    answer: { text: '{"contact":"5551234567"}', toolCalls: [{ name: 'send', arguments: '{"to":"jo@corp.example"}' }], reasoning: 'mail jo@corp.example' },
  });

  it('is redacted in every text, with the same surrogate everywhere', () => {
    const { interaction, replaced } = redactor.redactInteraction(raw);
    const kept = JSON.stringify(interaction);
    const email = redactText('jo@corp.example');
    expect(kept).not.toMatch(/corp\.example|5551234567/);
    expect(kept.split(email)).toHaveLength(6);
    expect(kept).toContain('NH-4821');
    expect(replaced).toBe(7);
    const phone = /on (\d+) or/.exec(interaction.messages[0]?.parts[0]?.text ?? '')?.[1];
    expect(interaction.answer.text).toBe(`{"contact":"${phone}"}`);
    expect(interaction.messages[1]?.toolCalls?.[0]).toMatchObject({ id: 'call_1', name: 'find' });
  });

  it('is not changed by a second time, nor where there is nothing', () => {
    const once = redactor.redactInteraction(raw).interaction;
    expect(redactor.redactInteraction(once)).toEqual({ interaction: once, replaced: 0, answerOffsets: [], values: [] });
    const clean = interactionOf({});
    expect(redactor.redactInteraction(clean)).toEqual({ interaction: clean, replaced: 0, answerOffsets: [], values: [] });
    expect(raw.answer.text).toBe('{"contact":"5551234567"}');
  });
});

const digit = (length: number) => fc.stringMatching(new RegExp(`^[1-9]\\d{${length - 1}}$`));
const word = fc.stringMatching(/^[a-z]{2,9}$/);
/** Texts as people write them, with all sorts of values in them. */
const value = fc.oneof(
  fc.tuple(word, word, word).map(([a, b, c]) => `${a}.${b}@${c}.com`),
  digit(16), digit(10), digit(9).map((text) => `${text.slice(0, 3)}-${text.slice(3, 5)}-${text.slice(5)}`),
  digit(10).map((text) => `+49 ${text.slice(0, 3)} ${text.slice(3)}`), digit(10).map((text) => `phone ${text.slice(0, 3)} ${text.slice(3, 6)} ${text.slice(6)}`),
  digit(9).map((text) => `0${text.slice(0, 2)}/${text.slice(2)}`), digit(10).map((text) => `call 1-${text.slice(0, 3)}.${text.slice(3)}`),
  fc.ipV4(), fc.ipV6(), fc.stringMatching(/^sk-[a-zA-Z0-9]{24}$/), fc.stringMatching(/^token: [a-z0-9]{20}$/), fc.stringMatching(/^password=[a-zA-Z0-9]{9}$/),
  fc.constantFrom('DE89 3704 0044 0532 0130 00', '4111 1111 1111 1111', '378282246310005', 'ORD-48213', '2026-01-02', 'true', '"', '\\', '\n', '{', '\u{1f600}', 'é@ü.de'),
  fc.string({ unit: 'binary', maxLength: 8 }),
);
const text = fc.array(fc.oneof(word, value), { maxLength: 12 }).chain((words) => fc.constantFrom(' ', ', ', '\n', ': ').map((space) => words.join(space)));

describe('whatever the text', () => {
  it('redacting twice is redacting once', () => {
    fc.assert(fc.property(text, (raw) => redactText(redactText(raw)) === redactText(raw)), { numRuns: 3_000 });
  });

  it('JSON stays JSON of the same shape', () => {
    const shape = (json: unknown): unknown =>
      Array.isArray(json) ? json.map(shape) : typeof json === 'object' && json !== null ? Object.values(json).map(shape) : typeof json;
    const json = fc.letrec((tie) => ({
      node: fc.oneof({ depthSize: 'small' }, text, digit(10).map(Number), digit(16).map(Number), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null), fc.array(tie('node'), { maxLength: 4 }), fc.dictionary(fc.oneof(word, text), tie('node'), { maxKeys: 4 })),
    })).node;
    fc.assert(
      fc.property(json, fc.constantFrom(undefined, 2), (raw, space) => {
        const written = JSON.stringify(raw, null, space);
        const escaped = written.replace(/@/g, '\\u0040');
        expect(shape(JSON.parse(redactText(written)))).toEqual(shape(raw));
        expect(shape(JSON.parse(redactText(escaped)))).toEqual(shape(raw));
      }),
      { numRuns: 1_000 },
    );
  });

  it('hostile text takes no time', () => {
    const started = process.cpuUsage();
    const units = ['a@', '@', '1.', '1-', '0 ', '(1', '+1 ', ':', 'a:', 'eyJ', 'eyJa.', '-----BEGIN PRIVATE KEY-----', '-----BEGIN ', 'sk-', 'token=', 'token ', 'Bearer ', 'phone ', 'call 1', '://a:', 'a.', 'DE89 ', '4111 ', '\\', '\\n', 'jo@x.co ', '1'];
    for (const unit of units) redactText(unit.repeat(100_000 / unit.length));
    // 20 ms each on an idle machine; bench/redact-speed.ts measures them one by one.
    const { user, system } = process.cpuUsage(started);
    expect((user + system) / 1_000 / units.length).toBeLessThan(60);
  });
});

it('replaces a number that only one place gives away in every other place too, whatever stands in it', () => {
  for (const number of ['555-0172', '555.0172', '(555) 0172', '+1/555.01-72', '555 01 72']) {
    const { interaction } = redactor.redactInteraction({
      schemaVersion: 1, source: 's', id: '1', time: '2026-01-01T00:00:00Z', workload: 'w', channel: 'w/p', adapterDigest: null, generation: 0, baseModel: 'm', engineBuild: 'e', promptVersion: '1', tenant: 't',
      consentBasis: 'contract', retentionDays: 1, sampling: {}, finishReason: 'stop',
      messages: [{ role: 'user', parts: [{ text: `Swap them and call me at ${number}!`, trusted: false }] }],
      answer: { text: JSON.stringify({ contact: number }) },
    });
    const { contact } = JSON.parse(interaction.answer.text) as { contact: string };
    const said = interaction.messages[0]?.parts[0]?.text ?? '';
    expect(said).toContain(contact);
    expect(said === `Swap them and call me at ${number}!`).toBe(contact === number);
  }
});
