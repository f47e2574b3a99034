// One interaction as the injection checks see it: what was trusted, what came from outside, what the answer says; each view made once, when asked for.
import type { Interaction } from '../../contracts/index.ts';
import type { AnswerString } from '../answer-text.ts';
import { haystacksOf, type Haystacks } from './encodings.ts';
import { instructionsIn, type Instruction } from './instructions.ts';
import { contentStems, normalised, sentencesOf, stemSet, type Sentence } from './text.ts';

/** Text from outside beyond this is not searched for instructions. */
const MAX_UNTRUSTED = 400_000;

/** One string of the answer. */
export class Utterance {
  readonly text: string;
  readonly pointer: string | undefined;
  #flat?: string;
  #haystacks?: Haystacks;
  #sentences?: readonly Sentence[];
  constructor({ text, pointer }: AnswerString) {
    this.text = text;
    this.pointer = pointer;
  }
  get flat(): string {
    return (this.#flat ??= normalised(this.text));
  }
  get haystacks(): Haystacks {
    return (this.#haystacks ??= haystacksOf(this.text));
  }
  get sentences(): readonly Sentence[] {
    return (this.#sentences ??= sentencesOf(this.text));
  }
  /** Evidence's place: offsets in the answer's own text, a pointer elsewhere. */
  place(start?: number, end?: number): { start?: number; end?: number; pointer?: string } {
    if (this.pointer !== undefined) return { pointer: this.pointer };
    return start === undefined || end === undefined ? {} : { start, end };
  }
}

export class Scene {
  /** Text from outside, part by part. */
  readonly untrusted: readonly string[];
  /** What trusted users and tools said: it may ask for things. */
  readonly asked: string;
  /** That and the instructions of the system. */
  readonly trusted: string;
  readonly said: readonly Utterance[];
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
    this.asked = asked.join('\n');
    this.trusted = [...system, ...asked].join('\n');
    this.said = said.filter(({ text }) => text !== '').map((string) => new Utterance(string));
  }

  #view<T>(name: string, make: () => T): T {
    if (!this.#views.has(name)) this.#views.set(name, make());
    return this.#views.get(name) as T;
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
  get instructions(): Instruction[] {
    return this.#view('instructions', () => this.untrusted.flatMap((text) => instructionsIn(text)));
  }
  /** Untrusted text without the instructions that address the model: what the answer may speak of in good faith. */
  get material(): string {
    return this.#view('material', () => {
      let rest = this.untrusted.join('\n');
      for (const { text, strength } of this.instructions) if (strength === 'addressed') rest = rest.replace(text, '\n');
      return rest;
    });
  }
  get materialFlat(): string {
    return this.#view('materialFlat', () => normalised(this.material));
  }
  get materialStems(): ReadonlySet<string> {
    return this.#view('materialStems', () => stemSet(this.material));
  }
  /** How often each content stem stands in the untrusted text. */
  get stemCounts(): Map<string, number> {
    return this.#view('stemCounts', () => {
      const counts = new Map<string, number>();
      for (const text of this.untrusted) for (const stem of contentStems(text)) counts.set(stem, (counts.get(stem) ?? 0) + 1);
      return counts;
    });
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
