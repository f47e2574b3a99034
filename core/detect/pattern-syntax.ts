// Parses the part of JavaScript's regular expressions that a linear-time matcher can run, and says how slow backtracking could be.

export type Assertion = 'start' | 'end' | 'boundary' | 'no boundary';

export type PatternNode =
  /** Matches one character: a literal, a class, an escape or a dot, as source text. */
  | { type: 'char'; source: string }
  | { type: 'assert'; assertion: Assertion }
  | { type: 'sequence'; items: PatternNode[] }
  | { type: 'choice'; items: PatternNode[] }
  | { type: 'repeat'; item: PatternNode; min: number; max: number }
  | { type: 'look'; ahead: boolean; negative: boolean; inside: PatternNode }
  /** Back references (`inside` is null) and groups with flags of their own: only a backtracking matcher runs them. */
  | { type: 'irregular'; inside: PatternNode | null };

/** Groups in groups: deeper patterns are refused. */
const MAX_DEPTH = 100;

/**
 * @param source a pattern that `new RegExp(source, flags)` accepts: mistakes are not looked for here
 * @throws RangeError when it nests too deeply
 */
export function parsePattern(source: string, unicode: boolean): PatternNode {
  let i = 0;
  let depth = 0;

  const choice = (): PatternNode => {
    depth += 1;
    if (depth > MAX_DEPTH) throw new RangeError('pattern nests too deeply');
    const items = [sequence()];
    while (source[i] === '|') {
      i += 1;
      items.push(sequence());
    }
    depth -= 1;
    return items.length === 1 ? (items[0] as PatternNode) : { type: 'choice', items };
  };

  const sequence = (): PatternNode => {
    const items: PatternNode[] = [];
    while (i < source.length && source[i] !== '|' && source[i] !== ')') items.push(quantified(atom()));
    return items.length === 1 ? (items[0] as PatternNode) : { type: 'sequence', items };
  };

  const quantified = (item: PatternNode): PatternNode => {
    const found = /^(?:([*+?])|\{(\d+)(,(\d*))?\})\??/.exec(source.slice(i, i + 40));
    if (!found) return item;
    i += found[0].length;
    const [, sign, low, comma, high] = found;
    if (sign !== undefined) return { type: 'repeat', item, min: sign === '+' ? 1 : 0, max: sign === '?' ? 1 : Infinity };
    const min = Number(low);
    return { type: 'repeat', item, min, max: comma === undefined ? min : high === '' ? Infinity : Number(high) };
  };

  const atom = (): PatternNode => {
    const start = i;
    const sign = source[i] as string;
    i += 1;
    if (sign === '^') return { type: 'assert', assertion: 'start' };
    if (sign === '$') return { type: 'assert', assertion: 'end' };
    if (sign === '(') {
      const opening = /^\?(?::|<(?![=!])[^>]*>|(<?)([=!])|([a-z]*(?:-[a-z]*)?:))|/.exec(source.slice(i, i + 200)) as RegExpExecArray;
      i += opening[0].length;
      const inside = choice();
      i += 1;
      const [, behind, polarity, flags] = opening;
      if (polarity !== undefined) return { type: 'look', ahead: behind === '', negative: polarity === '!', inside };
      return flags === undefined ? inside : { type: 'irregular', inside };
    }
    if (sign === '[') {
      while (i < source.length && source[i] !== ']') i += source[i] === '\\' ? 2 : 1;
      i += 1;
      return { type: 'char', source: source.slice(start, i) };
    }
    if (sign === '\\') {
      const escape = /^(?:u\{[0-9a-fA-F]+\}|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[pP]\{[^}]*\}|c[A-Za-z]|k<[^>]*>|[1-9]\d*|[\s\S])/.exec(source.slice(i, i + 80)) as RegExpExecArray;
      const whole = unicode ? escape[0] : escape[0].replace(/^(?:u\{.*|[pP]\{.*)$/, (text) => text[0] as string).replace(/^(u[0-9a-fA-F]{4}).+$/, '$1');
      i += whole.length;
      if (whole === 'b') return { type: 'assert', assertion: 'boundary' };
      if (whole === 'B') return { type: 'assert', assertion: 'no boundary' };
      if (/^(?:[1-9]|k<)/.test(whole)) return { type: 'irregular', inside: null };
      return { type: 'char', source: `\\${whole}` };
    }
    if (unicode && /[\ud800-\udbff]/.test(sign) && /[\udc00-\udfff]/.test(source[i] ?? '')) i += 1;
    return { type: 'char', source: source.slice(start, i) };
  };

  return choice();
}

export interface BacktrackingRisk {
  /** A repeated group that itself repeats or chooses: the time may double with every character. */
  nested: boolean;
  /** Otherwise the steps are at most the length to the power of `degree`, times 2 to the power of `bits`. */
  degree: number;
  bits: number;
  /** Uses what only a backtracking matcher can run. */
  irregular: boolean;
}

/** Ways through a part of a pattern: length ** degree * 2 ** bits. */
interface Ways {
  degree: number;
  bits: number;
}

const NO_CHOICE: Ways = { degree: 0, bits: 0 };
const times = (a: Ways, b: Ways): Ways => ({ degree: a.degree + b.degree, bits: a.bits + b.bits });
/** An upper bound of either, and within a factor of two of their sum. */
const larger = (a: Ways, b: Ways): Ways => ({ degree: Math.max(a.degree, b.degree), bits: Math.max(a.bits, b.bits) });

/** An upper bound of what a backtracking matcher may need; patterns that look bad here may be fine, never the reverse. */
export function backtrackingRisk(pattern: PatternNode): BacktrackingRisk {
  let nested = false;
  let irregular = false;
  /** @returns the ways through the part, and the most that is ever tried in it: once a look-around holds, its other ways are forgotten */
  const walk = (node: PatternNode): { ways: Ways; tried: Ways } => {
    switch (node.type) {
      case 'char':
      case 'assert':
        return { ways: NO_CHOICE, tried: NO_CHOICE };
      case 'sequence': {
        let ways = NO_CHOICE;
        let tried = NO_CHOICE;
        for (const item of node.items) {
          const part = walk(item);
          tried = larger(tried, times(ways, part.tried));
          ways = times(ways, part.ways);
        }
        return { ways, tried: larger(tried, ways) };
      }
      case 'choice': {
        const parts = node.items.map(walk);
        const more = { degree: 0, bits: Math.log2(parts.length) };
        return { ways: times(parts.map((part) => part.ways).reduce(larger), more), tried: times(parts.map((part) => part.tried).reduce(larger), more) };
      }
      case 'repeat': {
        const inside = walk(node.item);
        const counts = node.max - node.min + 1;
        const lengths: Ways = counts > 16 ? { degree: 1, bits: 0 } : { degree: 0, bits: Math.log2(counts) };
        const chooses = inside.ways.degree + inside.ways.bits > 0;
        if (chooses && node.max > 1 && (counts > 1 || node.max > 4)) nested = true;
        const repeated = { degree: inside.ways.degree * Math.min(node.max, 4), bits: inside.ways.bits * Math.min(node.max, 4) };
        const ways = times(lengths, repeated);
        return { ways, tried: larger(ways, times(times(lengths, inside.tried), repeated)) };
      }
      case 'look': {
        const { tried } = walk(node.inside);
        return { ways: NO_CHOICE, tried };
      }
      case 'irregular':
        irregular = true;
        // A back reference may repeat what a repetition matched.
        return node.inside === null ? { ways: { degree: 1, bits: 0 }, tried: { degree: 1, bits: 0 } } : walk(node.inside);
    }
  };
  const { tried } = walk(pattern);
  const first = pattern.type === 'sequence' ? pattern.items[0] : pattern;
  const isAnchored = first?.type === 'assert' && first.assertion === 'start';
  return { nested, irregular, degree: tried.degree + (isAnchored ? 0 : 1), bits: tried.bits };
}
