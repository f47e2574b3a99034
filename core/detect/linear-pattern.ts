// Matches a regular expression in time linear in the text: Thompson's construction, all states at once (R. Cox,
// "Regular Expression Matching Can Be Simple And Fast", 2007). Look-around is decided for every position beforehand, by one
// pass each (A. Barrière, C. Pit-Claudel, "Linear Matching of JavaScript Regular Expressions", 2024). Only says whether there is a match.
import type { Assertion, PatternNode } from './pattern-syntax.ts';
import { spend } from './work.ts';

/** Every operation has every field: what runs them a million times over sees one shape. */
interface Instruction {
  op: 'char' | 'assert' | 'look' | 'split' | 'match';
  next: number;
  /** Of `split`. */
  other: number;
  /** Of `char`. */
  matches: (codePoint: number) => boolean;
  /** Of `assert`. */
  assertion: Assertion;
  /** Of `look`: whose table, and what it must say. */
  table: number;
  holds: 0 | 1;
}
const instruction = (op: Instruction['op'], { next = -1, other = -1, matches = () => false, assertion = 'start', table = -1, holds = 0 }: Partial<Instruction> = {}): Instruction => ({ op, next, other, matches, assertion, table, holds });

interface Program {
  /** The last one is the entry. */
  instructions: Instruction[];
  /** Reads the text from its end to its start. */
  backward: boolean;
  /** What the `look` instructions ask for, one table each. */
  looks: Program[];
  /** Can begin only where the text does. */
  anchored: boolean;
}

/** Counted repetitions are unrolled; a pattern that grows beyond this is refused. */
const MAX_INSTRUCTIONS = 4_000;

export class PatternTooLarge extends Error {}

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

function compile(pattern: PatternNode, flags: string): Program {
  const tests = new Map<string, (codePoint: number) => boolean>();
  let size = 0;

  const program = (node: PatternNode, backward: boolean): Program => {
    const instructions: Instruction[] = [];
    const looks: Program[] = [];
    /** Appends and returns the index; operands are absolute, so code is emitted from the last part to the first. */
    const emit = (...parts: Parameters<typeof instruction>): number => {
      size += 1;
      if (size > MAX_INSTRUCTIONS) throw new PatternTooLarge('pattern unrolls to too many states');
      return instructions.push(instruction(...parts)) - 1;
    };
    const build = (part: PatternNode, next: number): number => {
      switch (part.type) {
        case 'char': {
          let matches = tests.get(part.source);
          if (!matches) tests.set(part.source, (matches = charTest(part.source, flags)));
          return emit('char', { matches, next });
        }
        case 'assert':
          return emit('assert', { assertion: part.assertion, next });
        case 'look':
          // What lies ahead is found by reading backward from its end, what lies behind by reading forward from its start.
          return emit('look', { table: looks.push(program(part.inside, part.ahead)) - 1, holds: part.negative ? 0 : 1, next });
        case 'sequence':
          return (backward ? part.items : [...part.items].reverse()).reduce((after, item) => build(item, after), next);
        case 'choice':
          return part.items.map((item) => build(item, next)).reduce((other, entry) => emit('split', { next: entry, other }));
        case 'repeat': {
          let entry = next;
          if (part.max === Infinity) {
            entry = emit('split', { other: next });
            (instructions[entry] as Instruction).next = build(part.item, entry);
          } else {
            for (let count = part.min; count < part.max; count += 1) entry = emit('split', { next: build(part.item, entry), other: next });
          }
          for (let count = 0; count < part.min; count += 1) entry = build(part.item, entry);
          return entry;
        }
        case 'irregular':
          throw new PatternTooLarge('back references need a backtracking matcher');
      }
    };
    const start = build(node, emit('match'));
    emit('split', { next: start, other: start });
    return { instructions, backward, looks, anchored: !backward && isAnchored(node) };
  };
  return program(pattern, false);
}

const isAnchored = (node: PatternNode): boolean => (node.type === 'sequence' ? node.items[0] !== undefined && isAnchored(node.items[0]) : node.type === 'assert' && node.assertion === 'start');

/**
 * Runs the program from every position at once.
 * @param marks null: stop at the first match; else every position where a match ends (for a backward program: starts) becomes 1
 */
function run({ instructions, backward, looks, anchored }: Program, text: string, unicode: boolean, marks: Uint8Array | null): boolean {
  const tables = looks.map((look) => {
    const table = new Uint8Array(text.length + 1);
    run(look, text, unicode, table);
    return table;
  });
  const entry = instructions.length - 1;
  let current: number[] = [];
  let following: number[] = [];
  /** The position at which a state was added last, plus one: each is added once per position. */
  const added = new Int32Array(instructions.length);
  const pending: number[] = [];
  let steps = 0;

  const add = (list: number[], first: number, position: number, before: number | undefined, after: number | undefined): boolean => {
    pending.push(first);
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      if (added[at] === position + 1) continue;
      added[at] = position + 1;
      steps += 1;
      const instruction = instructions[at] as Instruction;
      if (instruction.op === 'char') list.push(at);
      else if (instruction.op === 'split') pending.push(instruction.other, instruction.next);
      else if (instruction.op === 'assert') {
        if (holds(instruction.assertion, before, after)) pending.push(instruction.next);
      } else if (instruction.op === 'look') {
        if (tables[instruction.table]?.[position] === instruction.holds) pending.push(instruction.next);
      } else if (marks === null) return true;
      else marks[position] = 1;
    }
    return false;
  };

  let position = backward ? text.length : 0;
  for (;;) {
    const before = codeBefore(text, position, unicode);
    const after = codeAt(text, position, unicode);
    if (!anchored || position === 0) {
      if (add(current, entry, position, before, after)) return true;
    } else if (current.length === 0) return false;
    const code = backward ? before : after;
    if (code === undefined) return false;
    const reached = position + (backward ? -1 : 1) * (code > 0xffff ? 2 : 1);
    const nextBefore = backward ? codeBefore(text, reached, unicode) : code;
    const nextAfter = backward ? code : codeAt(text, reached, unicode);
    for (const at of current) {
      const { matches, next } = instructions[at] as Instruction;
      steps += 1;
      if (matches(code) && add(following, next, reached, nextBefore, nextAfter)) return true;
    }
    spend(steps);
    steps = 0;
    [current, following] = [following, current];
    following.length = 0;
    position = reached;
  }
}

export interface LinearPattern {
  /** @throws TooMuchWork */
  test(text: string): boolean;
}

/**
 * @param flags `u`, `i`, both or none
 * @throws PatternTooLarge for what it cannot run
 */
export function linearPattern(pattern: PatternNode, flags: string): LinearPattern {
  const program = compile(pattern, flags);
  const unicode = flags.includes('u');
  return {
    test(text) {
      spend(text.length);
      return run(program, text, unicode, null);
    },
  };
}

const codeAt = (text: string, position: number, unicode: boolean): number | undefined => (position >= text.length ? undefined : unicode ? text.codePointAt(position) : text.charCodeAt(position));

function codeBefore(text: string, position: number, unicode: boolean): number | undefined {
  if (position === 0) return undefined;
  const last = text.charCodeAt(position - 1);
  if (!unicode || last < 0xdc00 || last > 0xdfff || position === 1) return last;
  const pair = text.codePointAt(position - 2) as number;
  return pair > 0xffff ? pair : last;
}

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
