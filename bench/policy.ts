// Rules and persona beside plain `includes` over the same phrases, in CPU time. Run: node bench/policy.ts
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { DetectorSettings, RuleFile, type PolicyRule } from '../core/contracts/index.ts';
import { judgePolicy } from '../core/detect/policy.ts';
import { seededRandom } from '../examples/seeded-random.ts';

const ANSWERS = 4_000;
const LENGTH = 800;
const ROUNDS = 7;
const random = seededRandom('bench/policy');

const WORDS = 'the a of and to in is that it for on with as are this be have from we our can will not order parcel delivery customer invoice refund return days week shop product kettle lamp warranty team contact number address payment card price discount offer time send received damaged replace collect tracking call help answer large small new old best free more less before after today tomorrow'.split(' ');
const REGISTER = ['thou', 'thee', 'thy', 'hath', 'aye', 'nay', 'upon', 'my lord', 'verily', 'ere'];
/** Prose in the register, with sentences and paragraphs; one answer in ten says what a rule forbids, another one in ten leaves the register. */
function answer(): string {
  const forbidden = random.chance(0.1) ? LENGTH * random.next() : Infinity;
  const share = random.chance(0.1) ? 0 : 0.1;
  let text = '';
  while (text.length < LENGTH) {
    if (text.length > forbidden && !text.includes('guarantee')) text += 'we guarantee it ';
    text += random.pick(random.chance(share) ? REGISTER : WORDS) + (random.chance(0.08) ? '. ' : random.chance(0.02) ? '.\n\n' : random.chance(0.05) ? ', ' : ' ');
  }
  return text;
}

const word = (): string => Array.from({ length: random.int(4, 9) }, () => String.fromCharCode(97 + random.int(0, 25))).join('');
/** One to three words, a third of the longer phrases' words common ones; nobody forbids "and". */
function phrase(): string {
  const count = random.int(1, 3);
  return Array.from({ length: count }, () => (count > 1 && random.chance(0.3) ? random.pick(WORDS) : word())).join(' ') + (random.chance(0.2) ? '*' : '');
}
const phrases = (count: number): string[] => Array.from({ length: count }, phrase);

/** Thirty rules, most of them lists of phrases; some count, two look for links, one wants a disclaimer. */
const rules: unknown[] = Array.from({ length: 24 }, (_, index) => ({ id: `list-${index}`, forbid: phrases(10), unless: { negated: index % 3 === 0, quoted: index % 4 === 0 } }));
rules.push(
  { id: 'guarantee', kind: 'legal', forbid: ['guarantee*', 'risk free', '100 % safe'], unless: { negated: true } },
  { id: 'disclaimer', kind: 'legal', disclaimer: { claims: ['discount', 'best price*'], needs: ['offer', 'terms'], within: 'answer' } },
  { id: 'length', length: { words: { max: 400 }, sentences: { max: 60 }, characters: { max: 4_000 } } },
  { id: 'tone', tone: { words: phrases(20), maxPer100Words: 2, maxExclamationMarks: 2, maxCapitals: 3, maxEmoji: 0 } },
  { id: 'links', links: { allow: ['example.com'] } },
  { id: 'closing', requireAny: ['thank', 'contact', 'help', 'best regards'] },
);
const { persona } = RuleFile.parse(parse(readFileSync(new URL('../examples/medieval/rules.yaml', import.meta.url), 'utf8')));
const withRules = DetectorSettings.parse({ expect: 'text', rules });
const withPersona = DetectorSettings.parse({ expect: 'text', rules, persona });
const plain = [...withRules.rules.flatMap((rule: PolicyRule) => [rule.forbid, rule.requireAny, rule.tone?.words ?? [], rule.disclaimer?.claims ?? [], rule.disclaimer?.needs ?? []].flat()), ...Object.values(persona?.lexicon ?? {}).flat()].map((text) => text.replaceAll('*', '').toLowerCase());

const answers = Array.from({ length: ANSWERS }, answer);
const context = { messages: [], calls: [], callsAreWhole: false };
const arms: Record<string, (text: string) => number> = {
  includes: (text) => {
    const lower = text.toLowerCase();
    return plain.reduce((found, one) => found + (lower.includes(one) ? 1 : 0), 0);
  },
  rules: (text) => judgePolicy([{ text }], withRules, true, context).policy_violation.length,
  'rules and persona': (text) => {
    const verdict = judgePolicy([{ text }], withPersona, true, context);
    return verdict.policy_violation.length + verdict.persona.length;
  },
};

const speeds = new Map<string, number[]>(Object.keys(arms).map((name) => [name, []]));
// The first round warms up and is not counted; arms take turns, so that what else the machine does meets all alike.
for (let round = 0; round <= ROUNDS; round += 1) {
  for (const [name, run] of Object.entries(arms)) {
    let found = 0;
    // Time of this process alone, all its threads: what else runs on the machine counts for nothing.
    const before = process.cpuUsage();
    for (const text of answers) found += run(text);
    const { user, system } = process.cpuUsage(before);
    const perSecond = ANSWERS / ((user + system) / 1e6);
    if (found === 0) throw new Error(`${name} found nothing`);
    if (round > 0) speeds.get(name)?.push(perSecond);
  }
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
const base = median(speeds.get('includes') ?? []);
console.log(`${ANSWERS} answers of ${LENGTH} characters, ${withRules.rules.length} rules, ${plain.length} phrases, median of ${ROUNDS}`);
for (const [name, values] of speeds) console.log(`${name.padEnd(18)} ${Math.round(median(values)).toLocaleString('en').padStart(9)} answers per CPU second  ${(median(values) / base).toFixed(2)} × includes`);
