// Running text with made-up personal data, secrets and look-alikes in it, and where each stands: the frozen ground truth of the redaction benchmark.
import { card, Draw, email, iban, ip, key, LOOKALIKES, nationalId, phone, ssn, type Value, type ValueKind } from './redact-values.ts';

export interface Truth {
  kind: ValueKind;
  start: number;
  end: number;
}

export interface Sample {
  text: string;
  truths: Truth[];
  /** Sort of each look-alike in it. */
  lookalikes: { sort: string; start: number; end: number }[];
}

const MAKERS: Readonly<Record<ValueKind, (draw: Draw) => Value>> = { card, iban, email, phone, ip, ssn, national_id: nationalId, key };
export const VALUE_KINDS = Object.keys(MAKERS) as ValueKind[];

/** Words before a value that say what it is, as people and systems write them. */
const CUES: Readonly<Record<ValueKind, readonly string[]>> = {
  card: ['card ', 'my card number is ', 'Kreditkarte: ', 'paid with ', 'cc# ', 'PAN=', 'charge '],
  iban: ['IBAN ', 'IBAN: ', 'transfer it to ', 'account ', 'Konto: ', 'refund goes to '],
  email: ['email me at ', 'mail: ', 'contact ', 'mailto:', 'E-Mail: ', 'user=', 'From: '],
  phone: ['call me at ', 'phone: ', 'Tel. ', 'tel: ', 'Telefon: ', 'mobile ', 'my number is ', 'WhatsApp ', 'Tél. ', 'reach me on ', 'cell: ', 'fax ', 'Handy: ', 'Phone number: ', 'teléfono: ', 'text me at '],
  ip: ['from ', 'ip=', 'client ', 'host ', 'blocked ', 'IP address: ', 'peer '],
  ssn: ['SSN ', 'SSN: ', 'my social security number is ', 'social security no. ', 'ssn='],
  national_id: ['tax id ', 'Steuer-ID: ', 'national insurance ', 'DNI ', 'NIE ', 'numéro de sécu ', 'Steueridentifikationsnummer ', 'id number '],
  key: ['use ', 'the key is ', 'here: ', 'try '],
};

const FILLER = [
  'Hello, I have not heard back since last week.', 'The delivery was late again and nobody answered.', 'Please fix this as soon as you can.', 'We moved in March, so everything has changed.', 'Thanks for the quick help yesterday!', 'It worked until the last update.',
  'Can you check what went wrong?', 'My colleague tried the same with no luck.', 'I would like a refund for two of the three items.', 'Nothing else is different from before.', 'Bitte um Rückmeldung bis morgen.', 'Merci de me répondre rapidement.', 'The job failed with exit code 1 after 35 seconds.', 'See the attached screenshot.',
];

const FRAMES: readonly (readonly [string, string])[] = [['', '.'], ['', '.'], ['', ''], ['', ','], ['(', ')'], ['"', '"'], ['', ' please'], ['', ';'], ['', '!'], ['', ' - thanks'], ['<', '>'], ['', '?'], ['', '\n']];

class Writer {
  text = '';
  readonly truths: Truth[] = [];
  readonly lookalikes: Sample['lookalikes'] = [];
  say(words: string): void {
    this.text += words;
  }
  value({ kind, text }: Value): void {
    this.truths.push({ kind, start: this.text.length, end: this.text.length + text.length });
    this.text += text;
  }
  lookalike(draw: Draw): void {
    const sort = draw.pick(Object.keys(LOOKALIKES));
    const made = (LOOKALIKES[sort] as (draw: Draw) => string)(draw);
    this.lookalikes.push({ sort, start: this.text.length, end: this.text.length + made.length });
    this.text += made;
  }
}

function writeValue(writer: Writer, draw: Draw, made: Value, cueShare: number): void {
  const [open, close] = made.before === '' && made.after === '' ? draw.pick(FRAMES) : ['', draw.pick(['', ' ', '.', '\n'])];
  // A value that brings its own words needs none; one that nobody could know without them always has some.
  const cue = made.before !== '' ? '' : made.needsCue || draw.chance(cueShare) ? draw.pick(CUES[made.kind]) : draw.pick(['', 'it is ', 'see ', 'also ', 'that is ']);
  writer.say(cue === '' || /[:= ]$/.test(cue) ? `${cue}${made.needsCue ? '' : open}` : cue);
  writer.say(made.before);
  writer.value(made);
  writer.say(`${made.after}${made.needsCue && close === '>' ? '' : made.needsCue && close === ')' ? '' : close}`);
}

/** Names of JSON properties and log fields that hold a value. */
const FIELDS: Readonly<Record<ValueKind, readonly string[]>> = {
  card: ['card', 'cardNumber', 'pan'], iban: ['iban', 'account'], email: ['email', 'contact', 'to'], phone: ['phone', 'phoneNumber', 'mobile', 'tel', 'contact_phone'], ip: ['ip', 'remote_addr', 'client'], ssn: ['ssn', 'socialSecurityNumber'], national_id: ['taxId', 'nationalId', 'dni'], key: ['apiKey', 'password', 'client_secret', 'token'],
};

/** One sample per value: a paragraph, a line of a log, a JSON object, or a signature, with one to three look-alikes about it. */
function sampleOf(draw: Draw, made: Value): Sample {
  const writer = new Writer();
  const layout = draw.pick(['text', 'text', 'text', 'text', 'json', 'log', 'list']);
  if (layout === 'json' && made.before === '' && !/["\\\n]/.test(made.text)) {
    writer.say(`{"id":"${draw.from('0123456789abcdef', 8)}","${draw.pick(FIELDS[made.kind])}":"`);
    writer.value(made);
    writer.say('","note":"');
    writer.lookalike(draw);
    writer.say('","count":');
    writer.say(`${draw.int(1, 99999)}}`);
  } else if (layout === 'log') {
    writer.say(`${draw.int(2020, 2027)}-0${draw.int(1, 9)}-1${draw.int(0, 9)}T0${draw.int(0, 9)}:12:${draw.int(10, 59)}Z ${draw.pick(['INFO', 'WARN', 'ERROR'])} `);
    writer.lookalike(draw);
    writer.say(' ');
    writeValue(writer, draw, made, 1);
    writer.say(` took ${draw.int(1, 9000)} ms\n`);
  } else if (layout === 'list') {
    writer.say('- ');
    writer.lookalike(draw);
    writer.say('\n- ');
    writeValue(writer, draw, made, 0.7);
    writer.say('\n- ');
    writer.lookalike(draw);
    writer.say('\n');
  } else {
    writer.say(`${draw.pick(FILLER)} `);
    if (draw.chance(0.5)) {
      writer.lookalike(draw);
      writer.say(draw.pick(['. ', ', ', ' and ', '; ', '\n']));
    }
    writeValue(writer, draw, made, 0.5);
    writer.say(` ${draw.pick(FILLER)} `);
    writer.lookalike(draw);
    writer.say(draw.pick(['.', '', '\n']));
  }
  return { text: writer.text, truths: writer.truths, lookalikes: writer.lookalikes };
}

/** @returns `perKind` samples of every kind, and half as many with look-alikes alone per kind; the same seed gives the same samples */
export function generateSamples(seed: number, perKind: number): Sample[] {
  const draw = new Draw(seed);
  const samples: Sample[] = [];
  for (const kind of VALUE_KINDS) for (let i = 0; i < perKind; i += 1) samples.push(sampleOf(draw, MAKERS[kind](draw)));
  for (let i = 0; i < (perKind * VALUE_KINDS.length) / 2; i += 1) {
    const writer = new Writer();
    writer.say(`${draw.pick(FILLER)} `);
    for (let n = draw.int(2, 4); n > 0; n -= 1) {
      writer.lookalike(draw);
      writer.say(draw.pick(['. ', ', ', ' ', '\n', ' / ']));
    }
    samples.push({ text: writer.text + draw.pick(FILLER), truths: [], lookalikes: writer.lookalikes });
  }
  return samples;
}
