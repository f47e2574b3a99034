// Reads the words before a value, which say what it is where its form does not.

/** What the nearest telling word before a value announces. `id` is any id, `other` a number of another sort: an order, a book, a price. */
export type Cue = 'phone' | 'card' | 'ssn' | 'tax_id' | 'version' | 'id' | 'other';

const CUES = new Map<string, Cue>();
const announce = (cue: Cue, words: string): void => {
  for (const word of words.split(' ')) CUES.set(word, cue);
};
announce('phone', 'phone phones telephone telephones tel telefon telefoon telefono teléfono telefone téléphone fon fono ph mobile mobil móvil movil celular cellulare portable cell cellphone fax telefax handy whatsapp sms msisdn landline hotline call dial callback contact rufnummer telefonnummer handynummer mobilnummer mobilfunk durchwahl tél gsm telefonu komórka телефон тел 電話 电话');
announce('card', 'card cards kreditkarte karte carte tarjeta carta pan cc visa mastercard amex maestro discover');
announce('ssn', 'ssn socialsecurity social');
announce('tax_id', 'steuer steuerid idnr steuernummer steueridentifikationsnummer identifikationsnummer tin tax taxid nif nie dni nir nino sécu insurance sozialversicherungsnummer taxpayer national nationalid');
announce('version', 'v ver version versions release releases build section sections chapter firmware rev revision paragraph § clause kernel');
announce(
  'other',
  'order orders ordernumber bestellung bestellnummer bestellnr auftrag auftragsnummer commande pedido invoice rechnung rechnungsnummer facture factura tracking parcel package paket sendung sendungsnummer shipment consignment ticket tickets case isbn issn ean gtin upc asin sku part parts article artikel artikelnummer item items product model po ref reference referenz room page pages seite epoch timestamp request kundennummer zip plz postcode postal gps lat lon latitude longitude serial vat ust booking buchung flight size width height count total price eur usd gbp transaction uuid hash commit line lines row error port pid build size bytes amount coordinates',
);

/** Words between a cue and its value that say nothing themselves. */
const FILLERS: ReadonlySet<string> = new Set('number numbers numero número numéro numer nummer num no nr n is are ist lautet est es was at on me us him her them back under unter auf to a the my our your his meine der die das mi mon or oder and und home work office business private privat new neue nuevo direct main alternative primary secondary security de du anytime now please bitte international'.split(' '));
/** Words that make any number an id, unless a word before them says of what: "tax id". */
const IDS: ReadonlySet<string> = new Set(['id', 'ids', 'code', 'account', 'konto', 'customer', 'kunde', 'kunden', 'user', 'key']);
/** Verbs that announce a number only with the words that follow them: "text me at". */
const VERBS: ReadonlySet<string> = new Set(['text', 'ring', 'reach', 'rufen', 'erreichen', 'llámame', 'appelez']);
const OWNERS: ReadonlySet<string> = new Set(['my', 'meine', 'mi', 'mon', 'our', 'his', 'her', 'your']);
const NUMBER_WORDS: ReadonlySet<string> = new Set(['number', 'nummer', 'numero', 'número', 'numéro', 'no', 'nr']);

const MAX_WORDS = 6;
const MAX_WORD = 40;
/** Characters between two words, or a word and its value. */
const MAX_GAP = 6;

export const isLetter = (code: number): boolean => (code | 32) >= 97 && (code | 32) <= 122 ? true : code >= 0xaa && /\p{L}/u.test(String.fromCharCode(code));
const isDigitCode = (code: number): boolean => code >= 48 && code <= 57;
const isUpper = (code: number): boolean => code >= 65 && code <= 90;

/** "Tel." and "no." end no sentence. */
const isAbbreviated = (text: string, dot: number): boolean => /(?:^|[^\p{L}])\p{L}{1,4}$/u.test(text.slice(Math.max(dot - 5, 0), dot)) && !/\d\.$/.test(text.slice(Math.max(dot - 1, 0), dot + 1));

/**
 * What the words before `at` announce, none of them before `from`: letters of a key or an address are no words. Stops at a digit, a bracket that opens a new thing, or a word that
 * is neither cue nor filler.
 */
export function cueBefore(text: string, at: number, from = 0): Cue | null {
  let i = at;
  let sawTail = false;
  let sawNumber = false;
  let sawId = false;
  const outcome = (): Cue | null => (sawId ? 'id' : null);
  for (let words = 0; words < MAX_WORDS; words += 1) {
    let gap = 0;
    while (i > from && gap < MAX_GAP && !isLetter(text.charCodeAt(i - 1))) {
      const code = text.charCodeAt(i - 1);
      // The end of a sentence or of another property ends what a word can announce; "Tel." and "no." do not.
      if (isDigitCode(code) || code === 10 || code === 123 || code === 125 || code === 44 || code === 59 || code === 33 || code === 63) return outcome();
      if (code === 46 && !isAbbreviated(text, i - 1)) return outcome();
      i -= 1;
      gap += 1;
    }
    if (i === from || gap === MAX_GAP || (gap === 0 && words === 0)) return outcome();
    // One word of a sentence, or one of those that make up a name such as contactPhone or contact_phone.
    const end = i;
    let start = i;
    let hump = -1;
    while (start > from && end - start < MAX_WORD && isLetter(text.charCodeAt(start - 1))) {
      start -= 1;
      if (hump < 0 && start < end - 1 && isUpper(text.charCodeAt(start)) && !isUpper(text.charCodeAt(start - 1))) hump = start;
    }
    let word = text.slice(start, end).toLowerCase();
    if (hump > start && !CUES.has(word)) {
      start = hump;
      word = text.slice(start, end).toLowerCase();
    }
    i = start;
    const cue = CUES.get(word);
    if (cue !== undefined) return cue;
    if (VERBS.has(word)) return sawTail ? 'phone' : null;
    if (OWNERS.has(word) && sawNumber) return 'phone';
    if (IDS.has(word)) sawId = true;
    else if (!FILLERS.has(word)) return outcome();
    sawTail = true;
    sawNumber ||= NUMBER_WORDS.has(word);
  }
  return outcome();
}
