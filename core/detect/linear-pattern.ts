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

/** Where the program is between two characters. */
interface Stop {
  /** Instructions that wait for a character. */
  waiting: readonly number[];
  /** By the next character and what stands around it, as far as it is known. */
  next: Map<number, Step> | null;
}

/** What a character leads to: steps and matches of those that waited for it, and of those that enter behind it. */
interface Step {
  to: Stop;
  steps: number;
  matches: boolean;
  entrySteps: number;
  entryMatches: boolean;
}

/** Numbers that the stops of one run hold; a pattern that needs more goes on without remembering. */
const MAX_KEPT = 10_000;
/** More look-arounds are too many for a key. */
const MAX_KEYED_LOOKS = 20;

/**
 * Runs the program from every position at once. Where it has been before, it knows what comes next: a deterministic automaton, built as
 * far as the text needs it (R. Cox, "Regular Expression Matching in the Wild", 2010).
 * @param marks null: stop at the first match; else every position where a match ends (for a backward program: starts) becomes 1
 */
function run({ instructions, backward, looks, anchored }: Program, text: string, unicode: boolean, marks: Uint8Array | null): boolean {
  const tables = looks.map((look) => {
    const table = new Uint8Array(text.length + 1);
    run(look, text, unicode, table);
    return table;
  });
  const entry = instructions.length - 1;
  /** The position at which a state was added last, plus one: each is added once per position. */
  const added = new Int32Array(instructions.length);
  const pending: number[] = [];
  let steps = 0;

  const add = (waiting: number[], first: number, position: number, before: number | undefined, after: number | undefined): boolean => {
    let matches = false;
    pending.push(first);
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      if (added[at] === position + 1) continue;
      added[at] = position + 1;
      steps += 1;
      const instruction = instructions[at] as Instruction;
      if (instruction.op === 'char') waiting.push(at);
      else if (instruction.op === 'split') pending.push(instruction.other, instruction.next);
      else if (instruction.op === 'assert') {
        if (holds(instruction.assertion, before, after)) pending.push(instruction.next);
      } else if (instruction.op === 'look') {
        if (tables[instruction.table]?.[position] === instruction.holds) pending.push(instruction.next);
      } else if (marks === null) return true;
      else matches = true;
    }
    return matches;
  };

  const known = new Map<number, Stop[]>();
  let room = looks.length > MAX_KEYED_LOOKS ? 0 : MAX_KEPT;
  const stopOf = (waiting: readonly number[], position: number): Stop => {
    if (room <= 0) return { waiting, next: null };
    const hash = waiting.reduce((sum, at) => (sum + scattered(at)) | 0, 0);
    const alike = known.get(hash) ?? [];
    // Those that wait at this position are the ones that were added for it.
    const same = alike.find((stop) => stop.waiting.length === waiting.length && stop.waiting.every((at) => added[at] === position + 1));
    if (same) return same;
    room -= waiting.length + 1;
    const stop: Stop = { waiting, next: null };
    known.set(hash, [...alike, stop]);
    return stop;
  };

  const stepFrom = (stop: Stop, code: number, reached: number, before: number | undefined, after: number | undefined): Step => {
    const waiting: number[] = [];
    let matches = false;
    steps = 0;
    for (const at of stop.waiting) {
      const { matches: matchesCode, next } = instructions[at] as Instruction;
      steps += 1;
      if (matchesCode(code) && add(waiting, next, reached, before, after)) matches = true;
      if (matches && marks === null) break;
    }
    const advanced = steps;
    const entryMatches = !anchored && !(matches && marks === null) && add(waiting, entry, reached, before, after);
    return { to: stopOf(waiting, reached), steps: advanced, matches, entrySteps: steps - advanced, entryMatches };
  };

  let position = backward ? text.length : 0;
  const first: number[] = [];
  if (add(first, entry, position, codeBefore(text, position, unicode), codeAt(text, position, unicode))) {
    if (marks === null) return true;
    marks[position] = 1;
  }
  let stop = stopOf(first, position);
  let entrySteps = steps;
  for (;;) {
    if (anchored && position > 0 && stop.waiting.length === 0) return false;
    const code = backward ? codeBefore(text, position, unicode) : codeAt(text, position, unicode);
    if (code === undefined) return false;
    const reached = position + (backward ? -1 : 1) * (code > 0xffff ? 2 : 1);
    const beyond = backward ? codeBefore(text, reached, unicode) : codeAt(text, reached, unicode);
    let key = code * 3 + (beyond === undefined ? 0 : isWord(beyond) ? 1 : 2);
    for (const table of tables) key = key * 2 + (table[reached] as number);
    let step = stop.next?.get(key);
    if (step === undefined) {
      step = backward ? stepFrom(stop, code, reached, beyond, code) : stepFrom(stop, code, reached, code, beyond);
      room -= 1;
      if (room > 0) (stop.next ??= new Map()).set(key, step);
    }
    if (step.matches && marks === null) return true;
    spend(entrySteps + step.steps);
    if (step.entryMatches && marks === null) return true;
    if (marks !== null && (step.matches || step.entryMatches)) marks[reached] = 1;
    entrySteps = step.entrySteps;
    stop = step.to;
    position = reached;
  }
}

/** Numbers of instructions spread over 32 bits, so that different sets of them have different sums. */
function scattered(at: number): number {
  const hash = Math.imul(at + 1, 0x9e3779b1);
  return Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
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
