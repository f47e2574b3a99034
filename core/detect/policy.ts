// Whether an answer keeps the workload's rules: brand and legal rules that people write in YAML, and the persona.
import type { DetectorSettings, Evidence, Message, PolicyRule, ToolCall } from '../contracts/index.ts';
import type { AnswerString } from './answer-text.ts';
import { judgePersona, measurePersona, type PersonaMeasure } from './persona.ts';
import { Covers, isInside, isNegated, quotationsIn } from './policy-excuses.ts';
import { isWithin, linksIn } from './policy-links.ts';
import { countCapitals, countCharacters, countExclamations, countTokens, countWords, indexIn, paragraphEnds, sentenceEnds } from './policy-measure.ts';
import { readPrompt, type PromptReader } from './policy-prompt.ts';
import { readyRules, type ReadyRule, type ReadyRules, type Role } from './policy-rules.ts';
import { MAX_SCANNED, TOKEN, type Hit, type Tokens } from './policy-scanner.ts';

export { PERSONA_DETECTOR } from './persona.ts';
export const POLICY_DETECTOR = 'policy@2';

export interface PolicyContext {
  messages: readonly Message[];
  calls: readonly ToolCall[];
  /** The arguments of the calls are there in full. */
  callsAreWhole: boolean;
}

export interface PolicyVerdict {
  policy_violation: Evidence[];
  persona_break: Evidence[];
  /** Of the persona's register, which has a detector of its own. */
  persona: Evidence[];
}

/** Evidence before its rule is named. */
type Found = Omit<Evidence, 'rule'>;

type Where = { start: number; end: number } | { pointer: string };

/** What one rule has met so far, over all texts at its place. */
interface RuleState {
  isCovered: boolean;
  /** Phrases that were there, with the first place and how often. */
  seen: Map<number, { count: number; where: Where }> | undefined;
  claims: { phrase: number; section: string; where: Where }[] | undefined;
  needs: Set<string> | undefined;
  words: number;
  exclamations: number;
  capitals: number;
  emoji: number;
  links: number;
  /** Evidence that needs no look at the other texts. */
  evidence: Found[] | undefined;
}

const compiled = new WeakMap<DetectorSettings, ReadyRules>();

function rulesOf(settings: DetectorSettings): ReadyRules {
  let ready = compiled.get(settings);
  if (!ready) compiled.set(settings, (ready = readyRules(settings)));
  return ready;
}

/** True where there is anything to judge. */
export const hasRules = (settings: DetectorSettings): boolean => settings.rules.length > 0 || settings.persona !== undefined;

/**
 * Evidence names the rule, the number of its phrase, places, counts and limits, never a text.
 * @param strings what the answer says
 * @param whole the answer is there in full; without it nothing can be missing
 */
export function judgePolicy(strings: readonly AnswerString[], settings: DetectorSettings, whole: boolean, context: PolicyContext): PolicyVerdict {
  const ready = rulesOf(settings);
  const states = new Array<RuleState | undefined>(ready.rules.length);
  const stateOf = (rule: number): RuleState =>
    (states[rule] ??= { isCovered: false, seen: undefined, claims: undefined, needs: undefined, words: 0, exclamations: 0, capitals: 0, emoji: 0, links: 0, evidence: undefined });
  const isCut = strings.some(({ text }) => text.length > MAX_SCANNED);
  const isWholeAt = ({ place }: ReadyRule): boolean => !isCut && (place?.isCallsOnly ? context.callsAreWhole : whole);
  const measures: PersonaMeasure[] = [];

  strings.forEach((string, index) => {
    const hits = ready.scanner.scan(string.text);
    if (hits.length > 0) addHits(ready, hits, string, index, context.calls, stateOf);
    if (string.isName) return;
    for (const number of ready.measuring) {
      const rule = ready.rules[number] as ReadyRule;
      if (rule.place?.covers(string, context.calls) ?? true) addNumbers(rule, stateOf(number), string, ready.scanner.tokens, isWholeAt(rule));
    }
    if (ready.persona && (ready.persona.place?.covers(string, context.calls) ?? true)) measures.push(measurePersona(ready, hits, string));
  });

  const prompt = readPrompt(context.messages, ready.scanner);
  const verdict: PolicyVerdict = { policy_violation: [], persona_break: [], persona: [] };
  ready.rules.forEach((rule, number) => {
    // What is wanted of the whole answer is missing from an answer without any text, too.
    const state = rule.measures && !rule.place ? stateOf(number) : states[number];
    if (!state) return;
    const evidence = evidenceOf(rule, state, isWholeAt(rule), prompt);
    if (evidence.length === 0 || !applies(rule, prompt)) return;
    verdict[rule.rule.class].push(...evidence.map((item) => ({ rule: rule.rule.id, ...(rule.rule.kind && { kind: rule.rule.kind }), ...item })));
  });
  if (measures.length > 0) verdict.persona = judgePersona(ready, measures, context.messages, prompt, whole && !isCut);
  return verdict;
}

function applies({ rule, phrases }: ReadyRule, prompt: PromptReader): boolean {
  return rule.when === undefined || (phrases.when ?? []).some((phrase) => prompt.has(phrase, rule.when?.from ?? 'any'));
}

/** Sorts the hits in one text to their rules, without those that are excused. */
function addHits(ready: ReadyRules, hits: readonly Hit[], string: AnswerString, index: number, calls: readonly ToolCall[], stateOf: (rule: number) => RuleState): void {
  const { text, pointer } = string;
  const { tokens } = ready.scanner;
  const covers = new Map<number, Covers>();
  const coversOf = (rule: number): Covers => {
    let found = covers.get(rule);
    if (!found) covers.set(rule, (found = new Covers(hits.filter(({ phrase }) => isExcuse(ready, phrase, rule)))));
    return found;
  };
  let quotations: ReturnType<typeof quotationsIn> | undefined;
  let paragraphs: number[] | undefined;
  const sectionOf = (token: number, within: 'answer' | 'paragraph' | 'sentence'): string => {
    if (within === 'answer') return '';
    const ends = within === 'sentence' ? sentenceEnds(text, tokens) : (paragraphs ??= paragraphEnds(tokens));
    return `${index}:${indexIn(ends, token)}`;
  };

  for (const hit of hits) {
    const use = ready.uses[hit.phrase];
    if (!use || use.rule === null || use.role === 'when' || use.role === 'excuse') continue;
    const { rule, place } = ready.rules[use.rule] as ReadyRule;
    if (place && !place.covers(string, calls)) continue;
    const start = tokens.start[hit.from] as number;
    const end = tokens.end[hit.to] as number;
    const isWanted = use.role === 'require' || use.role === 'requireAny' || use.role === 'need' || use.role === 'use';
    if (!isWanted) {
      if (use.role === 'spelling' && text.slice(start, end).replace(/\s+/gu, ' ') === use.text) continue;
      if (use.role === 'form' && !isForm(rule, text, tokens, hit)) continue;
      if ((rule.unless ?? rule.address) && coversOf(use.rule).holds(hit)) continue;
      if (rule.unless?.negated && isNegated(text, tokens, hit)) continue;
      if (rule.unless?.quoted && isInside((quotations ??= quotationsIn(text)), start, end)) continue;
    }
    const state = stateOf(use.rule);
    const where = pointer === undefined ? { start, end } : { pointer };
    const within = rule.disclaimer?.within ?? 'answer';
    if (use.role === 'need') (state.needs ??= new Set()).add(sectionOf(hit.to, within));
    else if (use.role === 'claim') (state.claims ??= []).push({ phrase: hit.phrase, section: sectionOf(hit.to, within), where });
    else {
      state.seen ??= new Map();
      const seen = state.seen.get(hit.phrase);
      if (seen) seen.count += 1;
      else state.seen.set(hit.phrase, { count: 1, where });
    }
  }
}

function isExcuse(ready: ReadyRules, phrase: number, rule: number): boolean {
  const use = ready.uses[phrase];
  return use !== undefined && use.rule === rule && use.role === 'excuse';
}

/** "Sie" is a form of address where its capital is not that of a sentence's first word; other forms always are. */
function isForm(rule: PolicyRule, text: string, tokens: Tokens, hit: Hit): boolean {
  if (rule.address?.language !== 'de' || rule.address.form !== 'informal') return true;
  if (!/^\p{Lu}/u.test(text.slice(tokens.start[hit.from]))) return false;
  if (hit.from === 0 || ((tokens.flags[hit.from] as number) & TOKEN.newLine) !== 0) return false;
  return ((tokens.flags[hit.from - 1] as number) & TOKEN.word) !== 0 || text[tokens.start[hit.from - 1] as number] === ',';
}

/** Length, tone and links of one text at the rule's place. */
function addNumbers(ready: ReadyRule, state: RuleState, { text, pointer }: AnswerString, tokens: Tokens, isWhole: boolean): void {
  const { rule, capitals, allowedHosts, forbiddenHosts } = ready;
  state.isCovered = true;
  const at = pointer === undefined ? {} : { pointer };
  const compare = (name: string, limits: { min?: number | undefined; max?: number | undefined } | undefined, count: () => number): void => {
    if (!limits) return;
    const found = count();
    if (limits.max !== undefined && found > limits.max) (state.evidence ??= []).push({ detail: `too many ${name}`, count: found, limit: limits.max, ...at });
    else if (isWhole && limits.min !== undefined && found < limits.min) (state.evidence ??= []).push({ detail: `too few ${name}`, count: found, limit: limits.min, ...at });
  };
  compare('words', rule.length?.words, () => countWords(tokens));
  compare('sentences', rule.length?.sentences, () => sentenceEnds(text, tokens).length);
  compare('characters', rule.length?.characters, () => countCharacters(text));
  if (rule.tone) {
    if (rule.tone.words.length > 0) state.words += countWords(tokens);
    if (rule.tone.maxExclamationMarks !== undefined) state.exclamations += countExclamations(text, tokens);
    if (rule.tone.maxCapitals !== undefined) state.capitals += countCapitals(text, tokens, capitals);
    if (rule.tone.maxEmoji !== undefined) state.emoji += countTokens(tokens, TOKEN.emoji);
  }
  if (!rule.links) return;
  let wrong = 0;
  for (const { start, end, host } of linksIn(text)) {
    state.links += 1;
    const isForbidden = forbiddenHosts.some((domain) => isWithin(host, domain));
    if (!isForbidden && (allowedHosts === undefined || allowedHosts.some((domain) => isWithin(host, domain)))) continue;
    wrong += 1;
    if (wrong === 1) (state.evidence ??= []).push({ detail: isForbidden ? 'link to a forbidden domain' : 'link to a domain that is not allowed', ...(pointer === undefined ? { start, end } : { pointer }) });
  }
  if (wrong > 1) (state.evidence?.at(-1) as Found)['count'] = wrong;
}

/** Everything that one rule has against the answer, in the order of the rule's parts. */
function evidenceOf(ready: ReadyRule, state: RuleState, isWhole: boolean, prompt: PromptReader): Found[] {
  const { rule, phrases } = ready;
  const found: Found[] = [];
  const excused = (phrase: number): boolean => rule.unless?.asked === true && prompt.has(phrase, 'any');
  const times = (count: number): { count?: number } => (count > 1 ? { count } : {});
  const unwanted = (role: Role, name: string): void => {
    if (!state.seen) return;
    phrases[role]?.forEach((phrase, number) => {
      const seen = state.seen?.get(phrase);
      if (seen && !excused(phrase)) found.push({ detail: role === 'form' ? name : `${name} ${number + 1}`, ...times(seen.count), ...seen.where });
    });
  };
  unwanted('forbid', 'forbidden phrase');
  const isJudgedWhole = isWhole && (state.isCovered || !ready.place);
  if (isJudgedWhole) {
    phrases.require?.forEach((phrase, number) => {
      if (!state.seen?.has(phrase)) found.push({ detail: `required phrase ${number + 1} is missing` });
    });
    if (phrases.requireAny && !phrases.requireAny.some((phrase) => state.seen?.has(phrase))) found.push({ detail: 'none of the required phrases is there' });
  }
  if (isWhole && state.claims) {
    const open = state.claims.filter(({ phrase, section }) => !state.needs?.has(section) && !excused(phrase));
    const first = open[0];
    if (first) found.push({ detail: `claim ${(phrases.claim ?? []).indexOf(first.phrase) + 1} without its disclaimer`, ...times(open.length), ...first.where });
  }
  unwanted('form', 'wrong form of address');
  if (isJudgedWhole && phrases.use && !phrases.use.some((phrase) => state.seen?.has(phrase))) found.push({ detail: 'the name to use is missing' });
  unwanted('never', 'name never to use');
  unwanted('spelling', 'spelling of word');
  if (rule.tone) found.push(...toneOf(ready, rule.tone, state, excused));
  const maxLinks = rule.links?.max;
  if (maxLinks !== undefined && state.links > maxLinks) found.push({ detail: 'too many links', count: state.links, limit: maxLinks });
  return state.evidence ? [...found, ...state.evidence] : found;
}

function toneOf({ phrases }: ReadyRule, tone: NonNullable<PolicyRule['tone']>, state: RuleState, excused: (phrase: number) => boolean): Found[] {
  const found: Found[] = [];
  let count = 0;
  let where: Where | undefined;
  for (const phrase of phrases.tone ?? []) {
    const seen = excused(phrase) ? undefined : state.seen?.get(phrase);
    if (!seen) continue;
    count += seen.count;
    where ??= seen.where;
  }
  // A text under 100 words may have as many as one of 100.
  const limit = Math.floor((tone.maxPer100Words * Math.max(state.words, 100)) / 100);
  if (count > limit) found.push({ detail: 'too many tone words', count, limit, ...where });
  const compare = (name: string, value: number, max: number | undefined): void => {
    if (max !== undefined && value > max) found.push({ detail: `too many ${name}`, count: value, limit: max });
  };
  compare('exclamation marks', state.exclamations, tone.maxExclamationMarks);
  compare('words in capitals', state.capitals, tone.maxCapitals);
  compare('emoji', state.emoji, tone.maxEmoji);
  return found;
}
