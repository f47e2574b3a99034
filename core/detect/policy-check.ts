// Runs the examples that rules carry: a rule that does not do what its author expects is found before it judges anybody.
import type { DetectorSettings, Message, PersonaExample, PolicyRule, RuleExample } from '../contracts/index.ts';
import { stringsIn, type AnswerString } from './answer-text.ts';
import { judgePolicy, type PolicyContext } from './policy.ts';
import { firstPlace } from './policy-places.ts';
import { mistakesInRules, type RuleMistake } from './policy-rules.ts';
import { TooManyWords } from './policy-words.ts';

const said = (role: Message['role'], text: string): Message => ({ role, parts: [{ text, trusted: true }] });

/** A text as it would stand at the rule's first place. */
function textAt(places: PolicyRule['in'], text: string): { strings: AnswerString[]; calls: PolicyContext['calls'] } {
  const place = firstPlace(places).replaceAll('*', '0');
  if (place === 'answer') return { strings: [{ text }], calls: [] };
  if (place.startsWith('/')) return { strings: [{ text, pointer: place }], calls: [] };
  const [name = '', ...segments] = place.slice('tool:'.length).split('/');
  return { strings: [{ text, pointer: ['/toolCalls/0/arguments', ...segments].join('/') }], calls: [{ name, arguments: '{}' }] };
}

/** What the rule says of the example; empty where it passes. */
function judgeExample(rule: PolicyRule, example: RuleExample, settings: DetectorSettings): string[] {
  const { prompt, answer } = typeof example === 'string' ? { prompt: undefined, answer: example } : example;
  const { strings, calls } = typeof answer === 'string' ? textAt(rule.in, answer) : { strings: stringsIn(answer), calls: [] };
  const verdict = judgePolicy(strings, settings, true, { messages: prompt === undefined ? [] : [said('user', prompt)], calls, callsAreWhole: true });
  return verdict[rule.class].filter((evidence) => evidence.rule === rule.id).map(({ detail }) => detail ?? '');
}

function judgePersonaExample(example: PersonaExample, settings: DetectorSettings): string[] {
  const turns = typeof example === 'string' ? [example] : example;
  const { strings, calls } = textAt(settings.persona?.in, turns.at(-1) ?? '');
  const messages = turns.slice(0, -1).map((turn) => said('assistant', turn));
  return judgePolicy(strings, settings, true, { messages, calls, callsAreWhole: true }).persona.map(({ detail }) => detail ?? '');
}

function checkExamples<T>(examples: { passes: readonly T[]; fails: readonly T[] }, judge: (example: T) => string[]): Omit<RuleMistake, 'rule'>[] {
  const mistakes: Omit<RuleMistake, 'rule'>[] = [];
  for (const list of ['passes', 'fails'] as const) {
    if (examples[list].length === 0) mistakes.push({ path: ['examples'], message: `needs at least one example under ${list}` });
    examples[list].forEach((example, index) => {
      const details = judge(example);
      if (list === 'passes' && details.length > 0) mistakes.push({ path: ['examples', list, index], message: `example ${index + 1} of passes fails: ${details.join('; ')}` });
      if (list === 'fails' && details.length === 0) mistakes.push({ path: ['examples', list, index], message: `example ${index + 1} of fails passes: nothing was found in it` });
    });
  }
  return mistakes;
}

/** Every mistake in the rules and the persona, then every example that does not behave; sound rules are tried even where others are broken. */
export function checkRules(settings: DetectorSettings): RuleMistake[] {
  const mistakes = mistakesInRules(settings);
  const broken = new Set(mistakes.map(({ rule }) => rule));
  const { persona, ...others } = settings;
  const sound: DetectorSettings = { ...others, rules: settings.rules.filter((_, index) => !broken.has(index)), ...(persona && !broken.has(null) && { persona }) };
  try {
    settings.rules.forEach((rule, index) => {
      if (!broken.has(index)) mistakes.push(...checkExamples(rule.examples, (example) => judgeExample(rule, example, sound)).map((mistake) => ({ rule: index, ...mistake })));
    });
    if (sound.persona) mistakes.push(...checkExamples(sound.persona.examples, (example) => judgePersonaExample(example, sound)).map((mistake) => ({ rule: null, ...mistake })));
  } catch (error) {
    if (!(error instanceof TooManyWords)) throw error;
    mistakes.push({ rule: 0, path: [], message: error.message });
  }
  return mistakes;
}
