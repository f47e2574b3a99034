// Whether an answer keeps the persona's register, and whether a session drifts away from it.
//
// Counts, not a model: register words, words that the register seldom has, contractions, length of sentences. A verdict needs significance,
// so that a short answer is called nothing. One answer: exact binomial tests of its words against `floor` and `ceiling`, and of each sentence
// against `ceiling`. Drift: the conditional test of two Poisson rates (Przyborowski and Wilenski, 1940) between the session's first and last
// answers: given all register words of both, those of the last are binomial with the share of its words.
import type { Evidence, Message, Persona } from '../contracts/index.ts';
import { binomialUpperTail } from '../gate/distributions.ts';
import { stringsIn, type AnswerString } from './answer-text.ts';
import { isInside, quotationsIn, type Range } from './policy-excuses.ts';
import { sentenceEnds } from './policy-measure.ts';
import type { PromptReader } from './policy-prompt.ts';
import type { ReadyRules } from './policy-rules.ts';
import { TOKEN, type Hit, type Tokens } from './policy-scanner.ts';

export const PERSONA_DETECTOR = 'persona@1';

/** Mean sentence length is judged from as many sentences on. */
const MIN_SENTENCES = 4;
/** One unusual word leaves no register, however short its sentence. */
const MIN_UNUSUAL = 2;
/** A fall that is significant and small is no break: the rate must have halved (or doubled). */
const LEAST_FALL = 0.5;

interface SentenceCounts {
  words: number;
  register: number;
  /** Contractions, and unusual words by phrase: the user's own words are taken out when the verdict is made. */
  contractions: number;
  unusual: number[] | undefined;
}

/** What one text has of the register. Pure in the text. */
export interface PersonaMeasure {
  sentences: SentenceCounts[];
  forbidden: { phrase: number; where: { start: number; end: number } | { pointer: string } }[];
}

// Code and data inside an answer are nobody's speech. Every alternative stops at the next mark of its kind.
const CODE = /```[\s\S]*?(?:```|$(?![\s\S]))|`[^`\n]{1,500}`|\{\s*"[^{}]{0,5000}\}|^[ \t]*[{}[\]][^\n]*$/gm;

function codeIn(text: string): Range[] {
  return /[`{[\]}]/.test(text) ? Array.from(text.matchAll(CODE), (found): Range => [found.index, found.index + found[0].length]) : [];
}

const CONTRACTED = /^(?:ll|re|ve|m|d)$/i;
const CONTRACTS_WITH_S = /^(?:it|that|he|she|what|there|here|who|where|let|how)$/i;

/** "don't", "you'll", "it's"; not "'tis" and not "the king's". */
function isContraction(text: string, { start, end, count, flags }: Tokens, token: number): boolean {
  const from = start[token] as number;
  const to = end[token] as number;
  if (((flags[token] as number) & TOKEN.word) !== 0) {
    const last = text.charCodeAt(to - 1);
    return (last === 116 || last === 84) && to - from > 2 && /n['’‘ʼ]t$/i.test(text.slice(Math.max(from, to - 3), to));
  }
  if (token === 0 || token + 1 === count || !/['’‘ʼ]/.test(text.charAt(from)) || end[token - 1] !== from || start[token + 1] !== to) return false;
  const after = text.slice(to, end[token + 1]);
  return CONTRACTED.test(after) || (/^s$/i.test(after) && CONTRACTS_WITH_S.test(text.slice(start[token - 1], from)));
}

/** @param hits of the text that the scanner read last */
export function measurePersona(ready: ReadyRules, hits: readonly Hit[], { text, pointer }: AnswerString): PersonaMeasure {
  const { tokens } = ready.scanner;
  const countsContractions = ready.persona?.settings.features.contractions === 'unusual';
  const code = codeIn(text);
  const measure: PersonaMeasure = { sentences: [], forbidden: [] };
  const ends = sentenceEnds(text, tokens);
  let quotations: Range[] | undefined;
  let next = 0;
  let token = 0;
  // Of words that overlap ("my liege" and "liege", "thank you" and "you") one counts.
  let lastRegister = -1;
  let lastUnusual = -1;
  for (const end of ends) {
    const sentence: SentenceCounts = { words: 0, register: 0, contractions: 0, unusual: undefined };
    for (; token < end; token += 1) {
      const isSpeech = code.length === 0 || !isInside(code, tokens.start[token] as number, tokens.end[token] as number);
      if (isSpeech) {
        sentence.words += (tokens.flags[token] as number) & TOKEN.word;
        if (countsContractions && isContraction(text, tokens, token)) sentence.contractions += 1;
      }
      for (; next < hits.length && (hits[next] as Hit).to === token; next += 1) {
        const hit = hits[next] as Hit;
        const use = ready.uses[hit.phrase];
        if (!isSpeech || use?.rule !== null) continue;
        const [start, stop] = [tokens.start[hit.from] as number, tokens.end[hit.to] as number];
        if (use.role === 'required') {
          if (hit.from > lastRegister) sentence.register += 1;
          lastRegister = hit.to;
        } else if (!isInside((quotations ??= quotationsIn(text)), start, stop)) {
          if (use.role === 'unusual') {
            if (hit.from > lastUnusual) (sentence.unusual ??= []).push(hit.phrase);
            lastUnusual = hit.to;
          } else measure.forbidden.push({ phrase: hit.phrase, where: pointer === undefined ? { start, end: stop } : { pointer } });
        }
      }
    }
    if (sentence.words > 0) measure.sentences.push(sentence);
  }
  return measure;
}

interface Totals {
  words: number;
  register: number;
  unusual: number;
  sentences: { words: number; unusual: number }[];
}

/** @param excused phrases that do not count as unusual */
function totalsOf(measures: readonly PersonaMeasure[], excused: (phrase: number) => boolean): Totals {
  const totals: Totals = { words: 0, register: 0, unusual: 0, sentences: [] };
  for (const { sentences } of measures) {
    for (const { words, register, contractions, unusual } of sentences) {
      const counted = contractions + (unusual?.filter((phrase) => !excused(phrase)).length ?? 0);
      totals.words += words;
      totals.register += register;
      totals.unusual += counted;
      totals.sentences.push({ words, unusual: counted });
    }
  }
  return totals;
}

/** P(X ≤ k) for X ~ Binomial(n, p). */
const lowerTail = (k: number, n: number, p: number): number => binomialUpperTail(n - k, n, 1 - p);

/** The chance that two independent tests together say as much (Fisher, Statistical Methods for Research Workers, 1925; 4 degrees of freedom). */
const together = (p: number, q: number): number => p * q * (1 - Math.log(p * q));

/** Two digits are enough for evidence. */
const rounded = (value: number): number => Number(value.toPrecision(2));

/** Everything that speaks against the answer's register; empty where it keeps it, or where it is too short to say. */
export function judgePersona(ready: ReadyRules, measures: readonly PersonaMeasure[], messages: readonly Message[], prompt: PromptReader, isWhole: boolean): Evidence[] {
  const persona = ready.persona?.settings;
  if (!persona) return [];
  const evidence: Evidence[] = [];
  const asked = (phrase: number): boolean => prompt.has(phrase, 'any');
  const forbidden = measures.flatMap((measure) => measure.forbidden).filter(({ phrase }) => !asked(phrase));
  if (forbidden[0]) evidence.push({ rule: 'persona_forbidden', detail: `forbidden word ${(ready.uses[forbidden[0].phrase]?.number ?? 0) + 1}`, ...(forbidden.length > 1 && { count: forbidden.length }), ...forbidden[0].where });
  const totals = totalsOf(measures, asked);
  evidence.push(...againstLimits(totals, persona, isWhole));
  if (evidence.length === 0) evidence.push(...drift(ready, persona, totals, messages));
  return evidence;
}

function againstLimits({ words, register, unusual, sentences }: Totals, persona: Persona, isWhole: boolean): Evidence[] {
  const evidence: Evidence[] = [];
  if (words === 0) return evidence;
  const tooFew = lowerTail(register, words, persona.floor / 100);
  if (isWhole && tooFew <= persona.level) evidence.push({ rule: 'persona_register', detail: 'too few register words', count: register, words, limit: persona.floor, p: rounded(tooFew) });
  const tooMany = binomialUpperTail(unusual, words, persona.ceiling / 100);
  if (tooMany <= persona.level) evidence.push({ rule: 'persona_unusual', detail: 'too many unusual words', count: unusual, words, limit: persona.ceiling, p: rounded(tooMany) });
  else {
    const worst = sentences.reduce((lowest, sentence) => (sentence.unusual < MIN_UNUSUAL ? lowest : Math.min(lowest, binomialUpperTail(sentence.unusual, sentence.words, persona.ceiling / 100))), 1);
    if (worst <= persona.level / sentences.length) evidence.push({ rule: 'persona_sentence', detail: 'one sentence leaves the register', limit: persona.ceiling, p: rounded(worst) });
  }
  const both = together(tooFew, tooMany);
  if (isWhole && evidence.length === 0 && both <= persona.level) evidence.push({ rule: 'persona_both', detail: 'few register words and many unusual words', count: register, unusual, words, p: rounded(both) });
  const { min, max } = persona.features.sentenceWords ?? {};
  if (sentences.length >= MIN_SENTENCES) {
    const mean = words / sentences.length;
    if (max !== undefined && mean > max) evidence.push({ rule: 'persona_sentences', detail: 'sentences are too long', count: rounded(mean), limit: max });
    if (isWhole && min !== undefined && mean < min) evidence.push({ rule: 'persona_sentences', detail: 'sentences are too short', count: rounded(mean), limit: min });
  }
  return evidence;
}

/** Compares the session's first answers with its last ones; blames this answer only where it is itself below half of the start. */
function drift(ready: ReadyRules, persona: Persona, answer: Totals, messages: readonly Message[]): Evidence[] {
  const turns = messages.filter(({ role, parts }) => role === 'assistant' && parts.some(({ text }) => text !== ''));
  const { window, threshold } = persona;
  // The first and the last window must not share a turn.
  if (turns.length + 1 < 2 * window || answer.words === 0) return [];
  const totalsIn = (some: readonly Message[]): Totals => totalsOf(some.flatMap((turn) => measureTurn(ready, turn)), () => false);
  const start = totalsIn(turns.slice(0, window));
  const rate = (count: number, { words }: Totals): number => count / Math.max(words, 1);
  const isFall = (from: number, to: number): boolean => to < from * LEAST_FALL;
  const fell = isFall(rate(start.register, start), rate(answer.register, answer));
  const rose = isFall(rate(answer.unusual, answer), rate(start.unusual, start));
  if (start.words === 0 || (!fell && !rose)) return [];
  const recent = window > 1 ? totalsIn(turns.slice(1 - window)) : { words: 0, register: 0, unusual: 0, sentences: [] };
  const last = { words: recent.words + answer.words, register: recent.register + answer.register, unusual: recent.unusual + answer.unusual, sentences: [] };
  const share = last.words / (start.words + last.words);
  const falls = lowerTail(last.register, start.register + last.register, share);
  const rises = binomialUpperTail(last.unusual, start.unusual + last.unusual, share);
  if (fell && falls <= threshold && isFall(rate(start.register, start), rate(last.register, last))) {
    return [{ rule: 'persona_drift', detail: 'register words fell since the start of the session', count: last.register, words: last.words, limit: rounded((start.register * last.words) / start.words), p: rounded(falls) }];
  }
  if (rose && rises <= threshold && isFall(rate(last.unusual, last), rate(start.unusual, start))) {
    return [{ rule: 'persona_drift', detail: 'unusual words rose since the start of the session', count: last.unusual, words: last.words, limit: rounded((start.unusual * last.words) / start.words), p: rounded(rises) }];
  }
  return [];
}

/** An earlier answer: its text, or the strings of its JSON where the persona names a place in it. */
function measureTurn(ready: ReadyRules, turn: Message): PersonaMeasure[] {
  const text = turn.parts.map((part) => part.text).join('');
  const { settings, place } = ready.persona ?? {};
  let strings: AnswerString[] = [{ text }];
  if (place || /^\s*[{[]/.test(text)) {
    try {
      strings = stringsIn(JSON.parse(text));
    } catch {
      // Not JSON: prose, or the whole answer.
    }
  }
  return settings ? strings.filter((string) => !string.isName && (place?.covers(string, []) ?? true)).map((string) => measurePersona(ready, ready.scanner.scan(string.text), string)) : [];
}
