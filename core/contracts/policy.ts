// What a rule file may hold: brand and legal rules, and the persona whose register an answer must keep.
import { z } from 'zod';

/**
 * A phrase in plain words. Whole words; case, white space, hyphens, width and the style of quotes do not matter. `guarantee*` or `*garantie`
 * stands for any ending or beginning, `…` between two words for up to eight words of the same sentence, `#` for any number.
 */
const Phrase = z.string().min(1).max(300);
const Phrases = z.array(Phrase).max(2_000);

/**
 * Places that a rule looks at: `answer` (its text, or all strings of its JSON), a JSON pointer into the answer (`/reply`, `/items/*` with `*`
 * for any one name or number), or a tool call's arguments: `tool:*`, `tool:send_mail`, `tool:send_mail/body`.
 */
const Place = z.string().regex(/^(?:answer|(?:\/[^/]*)+|tool:[^/]+(?:\/[^/]*)*)$/, 'must be answer, a JSON pointer such as /reply, or tool:name or tool:name/pointer');
const Places = z.union([Place, z.array(Place).min(1).max(50)], 'must be a place or a list of places: answer, a JSON pointer such as /reply, tool:name or tool:name/pointer');

const Limits = z
  .strictObject({ min: z.int().min(1).optional(), max: z.int().min(0).optional() })
  .refine(({ min, max }) => (min !== undefined || max !== undefined) && (min ?? 0) <= (max ?? Infinity), 'needs min or max, and min must not be above max');

const Domain = z.string().regex(/^[^\s/:@*.]+(?:\.[^\s/:@*.]+)+$/, 'must be a domain such as example.com');

/** The answer alone, or with what the user had asked. A text stands at the first place of the rule; a mapping is a whole JSON answer. */
export const RuleExample = z.union([z.string().max(20_000), z.strictObject({ prompt: z.string().max(20_000).optional(), answer: z.union([z.string().max(20_000), z.record(z.string(), z.unknown())]) })], 'must be a text, or a mapping with answer and, if wanted, prompt');
export type RuleExample = z.infer<typeof RuleExample>;

export const PolicyRule = z.strictObject({
  id: z.string().min(1).max(100),
  class: z.enum(['policy_violation', 'persona_break']).default('policy_violation'),
  /** Who wants the rule; part of the evidence. */
  kind: z.enum(['brand', 'legal']).optional(),
  /** Where it applies; by default everything that the answer says, arguments of tool calls too. */
  in: Places.optional(),
  /** It applies only where the last user turn has one of these phrases; `from: trusted` does not look at parts that came from outside. */
  when: z.strictObject({ prompt: Phrases.min(1), from: z.enum(['trusted', 'any']).default('trusted') }).optional(),
  /** None of these may be there. */
  forbid: Phrases.default([]),
  /** All of these must be there. */
  require: Phrases.default([]),
  /** At least one of these must be there. */
  requireAny: Phrases.default([]),
  /** Where one of `claims` is, one of `needs` must be too: in the whole answer, in the same paragraph or in the same sentence. */
  disclaimer: z.strictObject({ claims: Phrases.min(1), needs: Phrases.min(1), within: z.enum(['answer', 'paragraph', 'sentence']).default('answer') }).optional(),
  /** How the reader is spoken to. */
  address: z
    .strictObject({ language: z.enum(['de', 'fr']).optional(), form: z.enum(['formal', 'informal']).optional(), use: Phrases.default([]), never: Phrases.default([]) })
    .refine(({ language, form }) => (language === undefined) === (form === undefined), 'language and form go together')
    .optional(),
  /** These words, where they are used, are written exactly so. */
  spelling: Phrases.default([]),
  /** Each text at the rule's place. */
  length: z.strictObject({ words: Limits.optional(), sentences: Limits.optional(), characters: Limits.optional() }).optional(),
  /** All texts at the rule's place together. */
  tone: z
    .strictObject({
      words: Phrases.default([]),
      maxPer100Words: z.number().min(0).default(0),
      maxExclamationMarks: z.int().min(0).optional(),
      /** Words of three letters or more in capitals. */
      maxCapitals: z.int().min(0).optional(),
      /** Words that may be in capitals all the same: abbreviations, product names. */
      capitals: z.array(z.string()).max(500).default([]),
      maxEmoji: z.int().min(0).optional(),
    })
    .optional(),
  /** Web addresses: only these domains (with what is below them), not these, not more than so many. An empty `allow`: no link at all. */
  links: z.strictObject({ allow: z.array(Domain).max(500).optional(), forbid: z.array(Domain).max(500).default([]), max: z.int().min(0).optional() }).optional(),
  /** What excuses forbidden words, claims and tone words. */
  unless: z
    .strictObject({
      /** A longer phrase around the words: "no guarantee" excuses the "guarantee" inside it. */
      phrases: Phrases.default([]),
      /** A word such as no, not, kein, sans stands shortly before them in the same clause. */
      negated: z.boolean().default(false),
      /** They stand in quotation marks or in a quoted line. */
      quoted: z.boolean().default(false),
      /** The user's last turn has them too. */
      asked: z.boolean().default(false),
    })
    .optional(),
  /** Run when the file is read: a rule whose examples do not behave is a mistake. */
  examples: z.strictObject({ passes: z.array(RuleExample).max(200).default([]), fails: z.array(RuleExample).max(200).default([]) }).prefault({}),
});
export type PolicyRule = z.infer<typeof PolicyRule>;

/** One answer, or the answers of a session in order: the last one is judged. */
export const PersonaExample = z.union([z.string().max(20_000), z.array(z.string().max(20_000)).min(1).max(100)], 'must be a text, or the texts of a session in order');
export type PersonaExample = z.infer<typeof PersonaExample>;

export const Persona = z.strictObject({
  in: Places.optional(),
  lexicon: z.strictObject({
    /** Words of the register. */
    required: Phrases.min(1),
    /** Words that a speaker of the register seldom uses. */
    unusual: Phrases.default([]),
    /** Words that break the persona at once, unless the user's last turn has them or they are quoted. */
    forbidden: Phrases.default([]),
  }),
  features: z
    .strictObject({
      /** `unusual`: don't, you're, we'll count among the unusual words. */
      contractions: z.enum(['allowed', 'unusual']).default('allowed'),
      /** Mean words of a sentence, in answers of at least four sentences. */
      sentenceWords: z.strictObject({ min: z.number().min(1).optional(), max: z.number().min(1).optional() }).optional(),
    })
    .prefault({}),
  /** Register words in 100 words that a speaker of the register reaches at least. */
  floor: z.number().positive().max(100).default(3),
  /** Unusual words in 100 words that a speaker of the register reaches at most. */
  ceiling: z.number().positive().max(100).default(1),
  /** Chance at which an answer exactly at floor and ceiling is called a break, for each. */
  level: z.number().positive().max(0.2).default(0.01),
  /** Answers at the session's start, and as many at its end, that are compared. */
  window: z.int().min(1).max(50).default(4),
  /** Drift: chance at which a session without a fall is called one. */
  threshold: z.number().positive().max(0.2).default(0.001),
  examples: z.strictObject({ passes: z.array(PersonaExample).max(200).default([]), fails: z.array(PersonaExample).max(200).default([]) }).prefault({}),
});
export type Persona = z.infer<typeof Persona>;

/** A rule file of its own, named in `detectors.ruleFiles`. */
export const RuleFile = z.strictObject({ rules: z.array(PolicyRule).max(1_000).default([]), persona: Persona.optional() });
export type RuleFile = z.infer<typeof RuleFile>;
