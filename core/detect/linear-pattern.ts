// Matches a regular expression in time linear in the text: Thompson's construction, all states at once (R. Cox,
// "Regular Expression Matching Can Be Simple And Fast", 2007). Only says whether there is a match.
import type { Assertion, PatternNode } from './pattern-syntax.ts';

type Instruction =
  | { op: 'char'; matches: (codePoint: number) => boolean; next: number }
  | { op: 'assert'; assertion: Assertion; next: number }
  | { op: 'split'; next: number; other: number }
  | { op: 'match' };

/** Counted repetitions are unrolled; a pattern that grows beyond this is refused. */
const MAX_INSTRUCTIONS = 4_000;
/** Instructions times characters: about a quarter of a second. */
const MAX_STEPS = 5_000_000;

export class PatternTooLarge extends Error {}
/** The text is too long for the pattern: whether it matches stays open. */
export class MatchTooLong extends Error {}

const isWord = (code: number | undefined): boolean => code !== undefined && ((code >= 48 && code <= 57) || (code >= 65 && code <= 90) || code === 95 || (code >= 97 && code <= 122));

/** One native test per different character, remembered for ASCII. */
function charTest(source: string, flags: string): (codePoint: number) => boolean {
  const native = new RegExp(`^(?:${source})$`, flags);
  const known = new Int8Array(128).fill(-1);
  return (codePoint) => {
    if (codePoint >= 128) return native.test(String.fromCodePoint(codePoint));
    if (known[codePoint] === -1) known[codePoint] = native.test(String.fromCodePoint(codePoint)) ? 1 : 0;
    return known[codePoint] === 1;
  };
}

function compile(pattern: PatternNode, flags: string): Instruction[] {
  const program: Instruction[] = [];
  const tests = new Map<string, (codePoint: number) => boolean>();
  /** Appends and returns the index; operands are absolute, so code is emitted back to front. */
  const emit = (instruction: Instruction): number => {
    if (program.length >= MAX_INSTRUCTIONS) throw new PatternTooLarge('pattern unrolls to too many states');
    return program.push(instruction) - 1;
  };
  const build = (node: PatternNode, next: number): number => {
    switch (node.type) {
      case 'char': {
        let matches = tests.get(node.source);
        if (!matches) tests.set(node.source, (matches = charTest(node.source, flags)));
        return emit({ op: 'char', matches, next });
      }
      case 'assert':
        return emit({ op: 'assert', assertion: node.assertion, next });
      case 'sequence':
        return node.items.reduceRight((after, item) => build(item, after), next);
      case 'choice':
        return node.items.map((item) => build(item, next)).reduce((other, entry) => emit({ op: 'split', next: entry, other }));
      case 'repeat': {
        let entry = next;
        if (node.max === Infinity) {
          const loop: Instruction = { op: 'split', next: -1, other: next };
          entry = emit(loop);
          loop.next = build(node.item, entry);
        } else {
          for (let count = node.min; count < node.max; count += 1) entry = emit({ op: 'split', next: build(node.item, entry), other: next });
        }
        for (let count = 0; count < node.min; count += 1) entry = build(node.item, entry);
        return entry;
      }
      case 'irregular':
        throw new PatternTooLarge('look-around and back references need a backtracking matcher');
    }
  };
  const end = emit({ op: 'match' });
  const start = build(pattern, end);
  // The search may start anywhere: the entry is put last, where the matcher looks for it.
  emit({ op: 'split', next: start, other: start });
  return program;
}

export interface LinearPattern {
  /** @throws MatchTooLong */
  test(text: string): boolean;
}

/** @throws PatternTooLarge for what it cannot run */
export function linearPattern(pattern: PatternNode, unicode: boolean): LinearPattern {
  const program = compile(pattern, unicode ? 'u' : '');
  const entry = program.length - 1;
  return {
    test(text) {
      let current: number[] = [];
      let following: number[] = [];
      /** The position at which a state was added last, plus one: each is added once per position. */
      const added = new Int32Array(program.length);
      let steps = 0;

      const add = (list: number[], first: number, position: number, before: number | undefined, after: number | undefined): boolean => {
        const pending = [first];
        for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
          if (added[at] === position + 1) continue;
          added[at] = position + 1;
          steps += 1;
          const instruction = program[at] as Instruction;
          if (instruction.op === 'match') return true;
          if (instruction.op === 'char') list.push(at);
          else if (instruction.op === 'split') pending.push(instruction.other, instruction.next);
          else if (holds(instruction.assertion, before, after)) pending.push(instruction.next);
        }
        return false;
      };

      let position = 0;
      let before: number | undefined;
      let code = codeAt(text, 0, unicode);
      for (;;) {
        if (add(current, entry, position, before, code)) return true;
        if (code === undefined) return false;
        const width = code > 0xffff ? 2 : 1;
        const after = codeAt(text, position + width, unicode);
        for (const at of current) {
          const instruction = program[at] as Instruction & { op: 'char' };
          steps += 1;
          if (instruction.matches(code) && add(following, instruction.next, position + width, code, after)) return true;
        }
        if (steps > MAX_STEPS) throw new MatchTooLong('text is too long for this pattern');
        [current, following] = [following, current];
        following.length = 0;
        position += width;
        before = code;
        code = after;
      }
    },
  };
}

const codeAt = (text: string, position: number, unicode: boolean): number | undefined => (position >= text.length ? undefined : unicode ? text.codePointAt(position) : text.charCodeAt(position));

function holds(assertion: Assertion, before: number | undefined, after: number | undefined): boolean {
  switch (assertion) {
    case 'start':
      return before === undefined;
    case 'end':
      return after === undefined;
    case 'boundary':
      return isWord(before) !== isWord(after);
    case 'no boundary':
      return isWord(before) === isWord(after);
  }
}
