// Words that rules need and nobody should have to list: forms of address, negations, abbreviations.

/** English, German and French words that negate what follows in the same clause. */
export const NEGATORS: readonly string[] = [
  'no', 'not', 'never', 'neither', 'nor', 'none', 'without', 'cannot', "*n't",
  'kein', 'keine', 'keinen', 'keinem', 'keiner', 'keines', 'nicht', 'nie', 'niemals', 'ohne', 'weder',
  'ne', 'pas', 'aucun', 'aucune', 'jamais', 'sans', 'ni',
];

/** Negations that stand behind their verb, at the end of a clause: "das garantieren wir nicht." */
export const LATE_NEGATORS: ReadonlySet<string> = new Set(['nicht', 'nie', 'niemals', 'pas', 'jamais']);

interface AddressForms {
  /** Words of the wrong form. */
  forbid: readonly string[];
  /** Longer phrases in which those words mean something else. */
  unless: readonly string[];
  /** Only with a capital inside a sentence: "Sie" is you, "sie" is she or they. */
  capitalised: boolean;
}

/** What must not be there where the reader is to be addressed so. */
export const ADDRESS_FORMS: Record<'de' | 'fr', Record<'formal' | 'informal', AddressForms>> = {
  de: {
    formal: { forbid: ['du', 'dich', 'dir', 'dein', 'deine', 'deinen', 'deinem', 'deiner', 'deines', 'deins', 'euch', 'euer', 'eure', 'euren', 'eurem', 'eurer', 'eures'], unless: ['du und du', 'per du'], capitalised: false },
    informal: { forbid: ['Sie', 'Ihnen', 'Ihr', 'Ihre', 'Ihren', 'Ihrem', 'Ihrer', 'Ihres'], unless: [], capitalised: true },
  },
  fr: {
    formal: { forbid: ['tu', 'toi', 'te', 'tes', 'ta', 'ton', "t'"], unless: ['le ton', 'un ton', 'du ton', 'au ton', 'ce ton', 'son ton', 'notre ton', 'votre ton', 'bon ton', 'même ton', 'quel ton'], capitalised: false },
    informal: { forbid: ['vous', 'votre', 'vos', 'vôtre', 'vôtres'], unless: ['rendez vous'], capitalised: false },
  },
};

/** A full stop after one of these ends no sentence. */
export const ABBREVIATIONS: ReadonlySet<string> = new Set(['dr', 'mr', 'mrs', 'ms', 'prof', 'st', 'nr', 'no', 'vs', 'etc', 'approx', 'inc', 'ltd', 'bzw', 'ca', 'usw', 'inkl', 'exkl', 'zzgl', 'ggf', 'tel', 'str', 'mme', 'mlle', 'env']);
