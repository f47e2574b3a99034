// How well and how fast the redactor finds generated values. Run: node bench/redact.ts [--seed 1] [--per-kind 1000] [--misses 20]
import { parseArgs } from 'node:util';
import { generateSamples } from './redact-generator.ts';
import { scoreSamples, wilson } from './redact-score.ts';

const { values: options } = parseArgs({ options: { seed: { type: 'string', default: '1' }, 'per-kind': { type: 'string', default: '1000' }, misses: { type: 'string', default: '0' } } });

const samples = generateSamples(Number(options.seed), Number(options['per-kind']));
const { scores, misses } = scoreSamples(samples);
const share = (part: number, whole: number): string => {
  const [low, high] = wilson(part, whole);
  return `${(part / whole).toFixed(4)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
};
console.log(`seed ${options.seed}: ${samples.length} samples, ${samples.reduce((sum, { lookalikes }) => sum + lookalikes.length, 0)} look-alikes`);
console.log('| kind | values | recall [95 %] | hidden | spans | precision [95 %] |\n|---|---|---|---|---|---|');
for (const { kind, values, covered, hidden, spans, right } of scores) console.log(`| ${kind} | ${values} | ${share(covered, values)} | ${(hidden / values).toFixed(4)} | ${spans} | ${share(right, spans)} |`);
for (const { kind, what, text, context } of misses.slice(0, Number(options.misses))) console.log(`${what} ${kind}: ${JSON.stringify(text)} in ${context}`);
