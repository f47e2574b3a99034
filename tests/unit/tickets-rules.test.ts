// The rules of the ticket example: they behave on their examples, and no right answer breaks one.
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { expect, it } from 'vitest';
import { DetectorSettings, RuleFile } from '../../core/contracts/index.ts';
import { detect } from '../../core/detect/index.ts';
import { checkRules } from '../../core/detect/policy-check.ts';
import { drawFacts, truthOf } from '../../examples/tickets/facts.ts';
import { SEEN_FAMILIES, UNSEEN_FAMILIES } from '../../examples/tickets/families/index.ts';
import { generateTickets } from '../../examples/tickets/generate.ts';
import { partsOf } from '../../examples/tickets/parts.ts';
import { messagesFor } from '../../examples/tickets/prompt.ts';
import { answerText } from '../../examples/tickets/truth.ts';
import { seededRandom } from '../../examples/seeded-random.ts';
import { readWorkload } from '../../stores/workloads.ts';
import { inputOf, message } from './detect-support.ts';

const settings = DetectorSettings.parse(RuleFile.parse(parse(readFileSync('examples/tickets/rules.yaml', 'utf8'))));

function rulesBroken(ticket: string, answer: object): string[] {
  const { messages } = messagesFor({ text: ticket });
  const input = inputOf(answerText(answer), { messages: messages.map(({ role, content }, index) => message(role, content, index < messages.length - 1)) });
  return detect(input, settings).flatMap(({ evidence }) => evidence.map(({ rule }) => rule));
}

it('behaves on its examples, and is part of the workload', async () => {
  expect(checkRules(settings)).toEqual([]);
  expect((await readWorkload('examples/tickets/workload.yaml')).workload.detectors.rules).toEqual(settings.rules);
});

it.each(['seen', 'unseen'] as const)('passes every right answer to %s tickets', (families) => {
  const broken = generateTickets({ seed: 'rules', count: 1_000, families }).flatMap(({ id, text, truth }) => rulesBroken(text, truth).map((rule) => `${id} ${rule}`));
  expect(broken).toEqual([]);
});

it('passes a customer who has the name of a worked example, in every family', () => {
  for (const family of [...SEEN_FAMILIES, ...UNSEEN_FAMILIES]) {
    const random = seededRandom(`rules/${family.name}`);
    const facts = { ...drawFacts(random), first: 'Ada', last: 'Berg' };
    const text = family.write(partsOf(facts, family.bank, random), random);
    expect([family.name, rulesBroken(text, truthOf(facts))]).toEqual([family.name, []]);
  }
});

it('finds the worked example’s answer under another ticket', () => {
  const truth = { customer: { name: 'Ada Berg', reply: 'phone' }, order: 'NH-4821', items: ['2x KT-204'], route: { topic: 'defect', priority: 'high', queue: 'DEF-1', hours: 4 }, actions: ['replace'] };
  expect(rulesBroken('My lamp never came, no rush. Petra Weber', truth)).toEqual(['no-other-customer', 'no-false-alarm']);
});
