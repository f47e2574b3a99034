// How fast the redactor is on ordinary records and on texts made to slow it down. Run: node bench/redact-speed.ts
import { createRedactor } from '../core/redact/index.ts';
import { interactionNo } from '../tests/contracts/records.ts';
import { generateSamples } from './redact-generator.ts';

const redactor = createRedactor('bench');
const HOSTILE_LENGTH = 100_000;
const UNITS = ['a@', 'a@a.', 'a@a.co ', '@', '"a b"@', '1', '1.', '1-', '0 ', '1 ', '12 ', '(1', '+1 ', '0049', '00', ':', 'a:', 'a::', '::1 ', 'f:', '1:2::', 'eyJ', 'eyJa.', 'eyJaaaaaaaaaaaa.aaaa', '-----BEGIN PRIVATE KEY-----', '-----BEGIN ', '-----', 'sk-', 'sk-1234567890123456', 'token=', 'token ', 'token is ', 'password=a1b2c3 ', 'Bearer ', 'phone ', 'phone 5551234 ', 'call 1', '://a:', 'a://a:b1c@', 'a.', 'DE89 ', 'DE89', '4111 ', '4111111111111111 ', '\\', '\\n', '\\u0040', '%40', 'a%40a.de ', 'jo@x.co ', 'A', 'a', 'aB3/', 'é', 'é@é.de ', '=', '= ', '"', 'key: "', '192.168.1.1', '1.2.3.4 ', 'AA', '0x', 'bc1q', '123-45-6789 ', 'AB 12 34 56 ', 'Dr. ', 'X1234567', '{"a":', '\n'];

/** Milliseconds of processor time, the best of five. */
function best(work: () => void): number {
  let least = Infinity;
  for (let round = 0; round < 5; round += 1) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1_000);
  }
  return least;
}

const filler = 'The customer wrote that the second parcel of order NH-4821 arrived damaged on 2026-01-02 and asks for a replacement of two of three items. ';
const record = (index: number, values: string) => ({ ...interactionNo(index), messages: [{ role: 'user' as const, parts: [{ text: filler.repeat(5) + values, trusted: true }, { text: filler.repeat(4), trusted: false }] }], answer: { text: JSON.stringify({ category: 'damage', order: 'NH-4821', items: [{ id: index, count: 2 }], note: filler.repeat(3), contact: values.slice(0, 40) }) } });
const plain = Array.from({ length: 2_000 }, (_, index) => record(index, ''));
const personal = Array.from({ length: 2_000 }, (_, index) => record(index, `Write to jo${index}@corp.example or call +49 151 ${2_000_000 + index}.`));
for (const [name, records] of [['without values', plain], ['with two values', personal]] as const) {
  const bytes = JSON.stringify(records[0]).length;
  const ms = best(() => records.forEach((interaction) => redactor.redactInteraction(interaction)));
  console.log(`records of ${bytes} characters ${name}: ${Math.round((records.length / ms) * 1_000).toLocaleString('en')} a second of processor time`);
}
const running = generateSamples(1, 200).map((sample) => sample.text).join('\n').slice(0, HOSTILE_LENGTH);
console.log(`100 kB of generated samples, full of values: ${best(() => redactor.redactText(running)).toFixed(1)} ms`);
const times = UNITS.map((unit): [string, number] => [unit, best(() => redactor.redactText(unit.repeat(Math.ceil(HOSTILE_LENGTH / unit.length)).slice(0, HOSTILE_LENGTH)))]).sort((a, b) => b[1] - a[1]);
console.log(`100 kB of one unit again and again, ${UNITS.length} units; the slowest:`);
for (const [unit, ms] of times.slice(0, 15)) console.log(`  ${JSON.stringify(unit)}: ${ms.toFixed(1)} ms`);
