// Surrogates of names and addresses, word by word, so that "Maria Lopez" and "Ms Lopez" stay the same person.
import type { Keyed } from './keyed.ts';
import { DIGITS } from './template.ts';

const HEADS = 'Ba Be Bo Ca Co Da De Do Fa Fe Ga Go Ha He Jo Ka Ke Ko La Le Lo Ma Me Mo Na Ne No Pa Pe Po Ra Re Ro Sa Se So Ta Te To Va Ve Vo Wa We Wo Za'.split(' ');
const MIDDLES = 'ba bo da do fa ga go ka ko la lo ma mo na no pa po ra ro sa so ta to va vo za zo bel dan fer gar kal lan mar nor pel rin sol tal ven'.split(' ');
/** No name in use that we know of ends so: by this a surrogate is known, whoever made it. */
const ENDING = 'vix';
const COINED = new RegExp(`^(?:${HEADS.join('|')})(?:${MIDDLES.join('|')}){2}${ENDING}$`, 'i');

/** Words of an address or a title that say nothing about the person. */
const KEPT: ReadonlySet<string> = new Set(
  'mr mrs ms miss dr prof sir madam herr frau mme mlle m de la van von der den del di da bin al el y und and the of c o attn po box street st road rd avenue ave lane ln drive dr boulevard blvd court ct place pl square sq way highway hwy suite ste apt apartment unit floor fl building bldg room north south east west n s e w nw ne sw se straße strasse str platz weg gasse allee rue chemin place via viale piazza calle avenida plaza rua no nr near po plz zip'.split(' '),
);

/** Coined names for words, digits for digits; titles, "Street" and punctuation stay. A value of coined names alone is left as it is. */
export function namesLike(keyed: Keyed, kind: 'person' | 'address', text: string): string {
  // "IL 62704", "SW1A 1AA": the codes of states and regions are two capitals.
  const isKept = (word: string): boolean => word.length < 2 || KEPT.has(word.toLowerCase()) || (kind === 'address' && /^[A-Z]{2}$/.test(word));
  const words = text.match(/[\p{L}\p{M}]+/gu) ?? [];
  const own = words.filter((word) => !isKept(word));
  if (own.length > 0 && own.every((word) => COINED.test(word))) return text;
  const digits = keyed.stream(`digits ${text}`);
  return text.replace(/[\p{L}\p{M}]+|\d/gu, (piece) => {
    if (/\d/.test(piece)) return piece === '0' ? piece : (DIGITS[1 + digits.below(9)] as string);
    if (isKept(piece) || COINED.test(piece)) return piece;
    const stream = keyed.stream(`name ${piece.toLowerCase()}`);
    const coined = (HEADS[stream.below(HEADS.length)] as string) + (MIDDLES[stream.below(MIDDLES.length)] as string) + (MIDDLES[stream.below(MIDDLES.length)] as string) + ENDING;
    if (piece.length > 1 && piece === piece.toUpperCase()) return coined.toUpperCase();
    return piece[0] === piece[0]?.toLowerCase() ? coined.toLowerCase() : coined;
  });
}
