// One pass over a text that notes where anything worth a closer look stands, so that most texts cost one pass and no more.

export interface Survey {
  /** First digits of the runs of digits. */
  digits: number[];
  /** Every @, and every %40 at its percent sign. */
  ats: number[];
  /** Every : and = that may come between a name and its value. */
  assignments: number[];
  /** Starts and ends, in turn, of runs of at least `LONG_TOKEN` characters that keys are made of. */
  tokens: number[];
  /** Starts and ends, in turn, of runs of hexadecimal digits, colons and dots with two colons or more. */
  hexColons: number[];
}

const LONG_TOKEN = 16;

const DIGIT = 1;
const TOKEN = 2;
const HEX_COLON = 4;
const AT = 8;
const ASSIGN = 16;
const CLASSES = new Uint8Array(128);
const mark = (characters: string, sort: number): void => {
  for (const character of characters) CLASSES[character.charCodeAt(0)] = (CLASSES[character.charCodeAt(0)] as number) | sort;
};
mark('0123456789', DIGIT | TOKEN | HEX_COLON);
mark('abcdefABCDEF', TOKEN | HEX_COLON);
mark('ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ_-+/~', TOKEN);
mark('.', TOKEN | HEX_COLON);
mark(':', HEX_COLON | ASSIGN);
mark('=', TOKEN | ASSIGN);
mark('@%', AT);

const COLON = 58;

export function survey(text: string): Survey {
  const found: Survey = { digits: [], ats: [], assignments: [], tokens: [], hexColons: [] };
  let inDigits = false;
  let tokenStart = -1;
  let hexStart = -1;
  let colons = 0;
  const { length } = text;
  for (let i = 0; i <= length; i += 1) {
    // A last step past the end closes what is open.
    const code = i < length ? text.charCodeAt(i) : 0;
    const sort = code < 128 ? (CLASSES[code] as number) : 0;
    if ((sort & DIGIT) !== 0) {
      if (!inDigits) found.digits.push(i);
      inDigits = true;
    } else inDigits = false;
    if ((sort & TOKEN) !== 0) {
      if (tokenStart < 0) tokenStart = i;
    } else if (tokenStart >= 0) {
      if (i - tokenStart >= LONG_TOKEN) found.tokens.push(tokenStart, i);
      tokenStart = -1;
    }
    if ((sort & HEX_COLON) !== 0) {
      if (hexStart < 0) {
        hexStart = i;
        colons = 0;
      }
      if (code === COLON) colons += 1;
    } else if (hexStart >= 0) {
      if (colons >= 2) found.hexColons.push(hexStart, i);
      hexStart = -1;
    }
    if (sort >= AT) {
      if ((sort & ASSIGN) !== 0) found.assignments.push(i);
      else if (code === 64 || (text.charCodeAt(i + 1) === 52 && text.charCodeAt(i + 2) === 48)) found.ats.push(i);
    }
  }
  return found;
}
