// One interaction as the injection checks see it: what was trusted, what came from outside, what the answer says; each view made once, when asked for.
import type { Interaction } from '../../contracts/index.ts';
import { remembered } from '../../remembered.ts';
import type { AnswerString } from '../answer-text.ts';
import { Haystacks } from './encodings.ts';
import { instructionsIn, type Instruction } from './instructions.ts';
import { flattened, normalised, sentencesIn, stemCounts, stemSet, stemsOfFlat, type Sentence } from './text.ts';

/** Text from outside beyond this is not searched for instructions. */
const MAX_UNTRUSTED = 400_000;

/** One text from outside; each view made once, when asked for. */
class Part {
  readonly text: string;
  #instructions?: readonly Instruction[];
  #material?: string;
  #stems?: ReadonlyMap<string, number>;
  constructor(text: string) {
    this.text = text;
  }
  get instructions(): readonly Instruction[] {
    return (this.#instructions ??= instructionsIn(this.text));
  }
  /** Without the instructions that address the model: what the answer may speak of in good faith. */
  get material(): string {
    if (this.#material === undefined) {
      let rest = this.text;
      for (const { text, strength } of this.instructions) if (strength === 'addressed') rest = rest.replace(text, '\n');
      this.#material = rest;
    }
    return this.#material;
  }
  /** How often each content stem stands in it. */
  get stems(): ReadonlyMap<string, number> {
    return (this.#stems ??= stemCounts(this.text));
  }
}

/** A text comes again when its record is redacted, and with every later turn of its conversation. */
const partOf = remembered((text) => new Part(text));

/** What one string of an answer says, or all of them; each view made once, when asked for. */
export class Wording {
  readonly text: string;
  #flat?: string;
  #haystacks?: Haystacks;
  #flatStems?: ReadonlySet<string>;
  #sentences?: readonly Sentence[];
  #stems?: readonly (readonly string[])[];
  constructor(text: string) {
    this.text = text;
  }
  get flat(): string {
    return (this.#flat ??= flattened(this.text));
  }
  get haystacks(): Haystacks {
    return (this.#haystacks ??= new Haystacks(this.text, this.flat));
  }
  get flatStems(): ReadonlySet<string> {
    return (this.#flatStems ??= new Set(stemsOfFlat(this.flat)));
  }
  get sentences(): readonly Sentence[] {
    return (this.#sentences ??= sentencesIn(this.text));
  }
  /** Content stems, sentence by sentence. */
  get stems(): readonly (readonly string[])[] {
    return (this.#stems ??= this.sentences.map(({ text }) => stemsOfFlat(text === this.text ? this.flat : flattened(text))));
  }
}

/** Redaction leaves most strings of an answer as they are, and names of members come with every answer. */
const wordingOf = remembered((text) => new Wording(text), { texts: 256 });

/** One string of the answer, in its place. */
export class Utterance {
  readonly text: string;
  readonly pointer: string | undefined;
  #wording?: Wording;
  constructor({ text, pointer }: AnswerString) {
    this.text = text;
    this.pointer = pointer;
  }
  get wording(): Wording {
    return (this.#wording ??= wordingOf(this.text));
  }
  get flat(): string {
    return this.wording.flat;
  }
  get haystacks(): Haystacks {
    return this.wording.haystacks;
  }
  get sentences(): readonly Sentence[] {
    return this.wording.sentences;
  }
  get stems(): readonly (readonly string[])[] {
    return this.wording.stems;
  }
  /** Evidence's place: offsets in the answer's own text, a pointer elsewhere. */
  place(start?: number, end?: number): { start?: number; end?: number; pointer?: string } {
    if (this.pointer !== undefined) return { pointer: this.pointer };
    return start === undefined || end === undefined ? {} : { start, end };
  }
}

/** Stands between strings that are read as one: no word, sentence's end, space or sign of an encoding. */
const BETWEEN = '\x7f';

export class Scene {
  /** Text from outside, part by part. */
  readonly untrusted: readonly string[];
  readonly #parts: readonly Part[];
  /** What trusted users and tools said: it may ask for things. */
  readonly asked: string;
  /** What the system was told. */
  readonly instructed: string;
  /** Both. */
  readonly trusted: string;
  readonly #strings: readonly AnswerString[];
  #said?: readonly Utterance[];
  readonly #views = new Map<string, unknown>();

  constructor(messages: Interaction['messages'], said: readonly AnswerString[]) {
    const untrusted: string[] = [];
    const asked: string[] = [];
    const system: string[] = [];
    let length = 0;
    for (const { role, parts } of messages) {
      for (const part of parts) {
        if (!part.trusted) {
          if (part.text.trim() !== '' && length < MAX_UNTRUSTED) untrusted.push(part.text.slice(0, MAX_UNTRUSTED - length));
          length += part.text.length;
        } else if (role === 'system' || role === 'developer') system.push(part.text);
        // An earlier answer may have been led astray itself: what it says excuses nothing.
        else if (role !== 'assistant') asked.push(part.text);
      }
    }
    this.untrusted = untrusted;
    this.#parts = untrusted.map(partOf);
    this.asked = asked.join('\n');
    this.instructed = system.join('\n');
    this.trusted = [...system, ...asked].join('\n');
    this.#strings = said;
  }

  #view<T>(name: string, make: () => T): T {
    if (!this.#views.has(name)) this.#views.set(name, make());
    return this.#views.get(name) as T;
  }
  get said(): readonly Utterance[] {
    return (this.#said ??= this.#strings.filter(({ text }) => text !== '').map((string) => new Utterance(string)));
  }
  /** All that the answer says: what is not in it is in none of its strings, and most answers have dozens. */
  get whole(): Wording {
    return this.#view('whole', () => (this.said.length === 1 ? (this.said[0] as Utterance).wording : new Wording(this.said.map(({ text }) => text).join(BETWEEN))));
  }
  get untrustedFlat(): string[] {
    return this.#view('untrustedFlat', () => this.untrusted.map(normalised));
  }
  get askedFlat(): string {
    return this.#view('askedFlat', () => normalised(this.asked));
  }
  get trustedFlat(): string {
    return this.#view('trustedFlat', () => normalised(this.trusted));
  }
  get trustedStems(): ReadonlySet<string> {
    return this.#view('trustedStems', () => stemSet(this.trusted.slice(0, MAX_UNTRUSTED)));
  }
  get askedStems(): ReadonlySet<string> {
    return this.#view('askedStems', () => stemSet((this.asked === '' ? this.trusted : this.asked).slice(0, MAX_UNTRUSTED)));
  }
  get instructions(): readonly Instruction[] {
    return this.#view('instructions', () => this.#parts.flatMap(({ instructions }) => instructions));
  }
  /** Untrusted text without the instructions that address the model. */
  get material(): string {
    return this.#view('material', () => this.#parts.map(({ material }) => material).join('\n'));
  }
  get materialFlat(): string {
    return this.#view('materialFlat', () => normalised(this.material));
  }
  get materialStems(): ReadonlySet<string> {
    return this.#view('materialStems', () => stemSet(this.material));
  }
  /** How often a content stem stands in the untrusted text. */
  timesOf(stem: string): number {
    return this.#parts.reduce((sum, { stems }) => sum + (stems.get(stem) ?? 0), 0);
  }
}

/** A view that one kind of check alone asks for; made once for each scene, as the scene's own are. */
export function oncePerScene<T>(make: (scene: Scene) => T): (scene: Scene) => T {
  const made = new WeakMap<Scene, { view: T }>();
  return (scene) => {
    let known = made.get(scene);
    if (known === undefined) made.set(scene, (known = { view: make(scene) }));
    return known.view;
  };
}
