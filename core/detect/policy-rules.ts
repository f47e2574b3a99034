// Rules made ready once: all their phrases in one scanner, each phrase with the rule and the part of it that it serves.
import type { DetectorSettings, Persona, PolicyRule } from '../contracts/index.ts';
import { ADDRESS_FORMS, NEGATORS } from './policy-lexicon.ts';
import { hostOf } from './policy-links.ts';
import { parsePhrase, PhraseMistake } from './policy-phrase.ts';
import { placeOf, type Place } from './policy-places.ts';
import { createScanner, type Scanner } from './policy-scanner.ts';

/** What a phrase is to its rule. */
export type Role = 'forbid' | 'require' | 'requireAny' | 'claim' | 'need' | 'form' | 'use' | 'never' | 'spelling' | 'tone' | 'excuse' | 'when';
export type PersonaRole = 'required' | 'unusual' | 'forbidden';

export type PhraseUse = { rule: number; role: Role; number: number; text: string } | { rule: null; role: PersonaRole; number: number };

export interface ReadyRule {
  rule: PolicyRule;
  place: Place | null;
  /** Numbers of the phrases by role. */
  phrases: Partial<Record<Role, readonly number[]>>;
  /** Needs numbers of every text at its place, whether or not a phrase of it is there. */
  measures: boolean;
  allowedHosts: readonly string[] | undefined;
  forbiddenHosts: readonly string[];
  /** Words that may be in capitals. */
  capitals: ReadonlySet<string>;
}

export interface ReadyRules {
  rules: readonly ReadyRule[];
  /** Indexes of the rules that measure. */
  measuring: readonly number[];
  uses: readonly PhraseUse[];
  scanner: Scanner;
  persona: { settings: Persona; place: Place | null } | null;
}

/** Where a mistake is: a path below the rule or the persona. */
export interface RuleMistake {
  rule: number | null;
  path: (string | number)[];
  message: string;
}

interface PhraseList {
  role: Role;
  path: (string | number)[];
  phrases: readonly string[];
}

/** The lists of phrases in a rule, with their place in the file; forms of address come from our own lexicon. */
function listsOf(rule: PolicyRule): PhraseList[] {
  const { address, disclaimer, tone, unless, when } = rule;
  const forms = address?.language && address.form ? ADDRESS_FORMS[address.language][address.form] : undefined;
  return [
    { role: 'forbid', path: ['forbid'], phrases: rule.forbid },
    { role: 'require', path: ['require'], phrases: rule.require },
    { role: 'requireAny', path: ['requireAny'], phrases: rule.requireAny },
    { role: 'claim', path: ['disclaimer', 'claims'], phrases: disclaimer?.claims ?? [] },
    { role: 'need', path: ['disclaimer', 'needs'], phrases: disclaimer?.needs ?? [] },
    { role: 'form', path: ['address'], phrases: forms?.forbid ?? [] },
    { role: 'use', path: ['address', 'use'], phrases: address?.use ?? [] },
    { role: 'never', path: ['address', 'never'], phrases: address?.never ?? [] },
    { role: 'spelling', path: ['spelling'], phrases: rule.spelling },
    { role: 'tone', path: ['tone', 'words'], phrases: tone?.words ?? [] },
    { role: 'excuse', path: ['unless', 'phrases'], phrases: unless?.phrases ?? [] },
    { role: 'excuse', path: ['address'], phrases: forms?.unless ?? [] },
    { role: 'when', path: ['when', 'prompt'], phrases: when?.prompt ?? [] },
  ];
}

/** Phrases that cannot be read, ids that come twice, rules that check nothing: all of them. */
export function mistakesInRules(settings: Pick<DetectorSettings, 'rules' | 'persona'>): RuleMistake[] {
  const mistakes: RuleMistake[] = [];
  const check = (rule: number | null, path: (string | number)[], phrase: string): void => {
    try {
      parsePhrase(phrase);
    } catch (error) {
      if (!(error instanceof PhraseMistake)) throw error;
      mistakes.push({ rule, path, message: `the phrase ${error.message}` });
    }
  };
  const ids = new Set<string>();
  settings.rules.forEach((rule, index) => {
    if (ids.has(rule.id)) mistakes.push({ rule: index, path: ['id'], message: 'another rule has this id' });
    ids.add(rule.id);
    const lists = listsOf(rule);
    for (const { path, phrases } of lists) phrases.forEach((phrase, number) => check(index, [...path, number], phrase));
    const checks = lists.some(({ role, phrases }) => role !== 'excuse' && role !== 'when' && phrases.length > 0);
    if (!checks && !rule.length && !rule.tone && !rule.links) mistakes.push({ rule: index, path: [], message: 'checks nothing: it needs forbid, require, requireAny, disclaimer, address, spelling, length, tone or links' });
  });
  if (settings.persona) for (const [role, phrases] of Object.entries(settings.persona.lexicon)) phrases.forEach((phrase, number) => check(null, ['lexicon', role, number], phrase));
  return mistakes;
}

/** @throws PhraseMistake, TooManyWords for rules that `mistakesInRules` would have refused */
export function readyRules(settings: Pick<DetectorSettings, 'rules' | 'persona'>): ReadyRules {
  const texts: string[] = [];
  const uses: PhraseUse[] = [];
  const rules = settings.rules.map((rule, index): ReadyRule => {
    const phrases: Partial<Record<Role, number[]>> = {};
    for (const { role, phrases: list } of listsOf(rule)) {
      list.forEach((text, number) => {
        (phrases[role] ??= []).push(texts.length);
        uses.push({ rule: index, role, number, text });
        texts.push(text);
      });
    }
    return {
      rule,
      place: placeOf(rule.in),
      phrases,
      measures: Boolean(rule.length ?? rule.tone ?? rule.links) || rule.require.length + rule.requireAny.length + (rule.address?.use.length ?? 0) > 0,
      allowedHosts: rule.links?.allow?.map(hostOf),
      forbiddenHosts: rule.links?.forbid.map(hostOf) ?? [],
      capitals: new Set(rule.tone?.capitals),
    };
  });
  if (settings.persona) {
    for (const role of ['required', 'unusual', 'forbidden'] as const) {
      settings.persona.lexicon[role].forEach((text, number) => {
        uses.push({ rule: null, role, number });
        texts.push(text);
      });
    }
  }
  const needsNegators = rules.some(({ rule }) => rule.unless?.negated);
  const negators = new Set((needsNegators ? NEGATORS : []).map((text) => texts.push(text) - 1));
  return { rules, measuring: rules.flatMap(({ measures }, index) => (measures ? [index] : [])), uses, scanner: createScanner(texts, negators), persona: settings.persona ? { settings: settings.persona, place: placeOf(settings.persona.in) } : null };
}
