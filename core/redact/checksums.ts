// Check digits: how cards, bank accounts and the ids of states tell a typing error from a number.

/** ISO/IEC 7812-1 annex B. */
export function luhnDigit(body: string): string {
  let sum = 0;
  for (let i = 0; i < body.length; i += 1) {
    const digit = body.charCodeAt(body.length - 1 - i) - 48;
    sum += i % 2 === 1 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2;
  }
  return String((10 - (sum % 10)) % 10);
}

export const passesLuhn = (digits: string): boolean => luhnDigit(digits.slice(0, -1)) === digits.at(-1);

/** ISO 7064 MOD 97-10 over letters and digits, letters counting from 10. */
export function mod97(text: string): number {
  let rest = 0;
  for (const character of text) {
    const value = parseInt(character, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest;
}

/** The two check digits of an IBAN (ISO 13616), from its country and account number without spaces. */
export const ibanCheck = (country: string, account: string): string => String(98 - mod97(`${account}${country}00`)).padStart(2, '0');

/** ISO 7064 MOD 11,10: the last digit of a German tax id. */
export function mod11x10Digit(body: string): string {
  let product = 10;
  for (const digit of body) product = (((Number(digit) + product) % 10 || 10) * 2) % 11;
  return String((11 - product) % 10);
}

/** The letter that ends a Spanish DNI or NIE (Real Decreto 1553/2005). */
export const dniLetter = (digits: string): string => 'TRWAGMYFPDXBNJZSQVHLCKE'[Number(digits) % 23] as string;

/** The last two digits of a French NIR: 97 minus the remainder of the first thirteen. */
export const nirKey = (body: string): string => String(97 - mod97(body)).padStart(2, '0');

/** ISBN-10 or the EAN-13 of a book (978, 979): no telephone number, however it is grouped. */
export function isIsbn(compact: string): boolean {
  if (/^97[89]\d{10}$/.test(compact)) {
    let sum = 0;
    for (let i = 0; i < 13; i += 1) sum += Number(compact[i]) * (i % 2 === 0 ? 1 : 3);
    return sum % 10 === 0;
  }
  if (!/^\d{9}[\dX]$/.test(compact)) return false;
  let sum = 0;
  for (let i = 0; i < 10; i += 1) sum += (10 - i) * (compact[i] === 'X' ? 10 : Number(compact[i]));
  return sum % 11 === 0;
}
