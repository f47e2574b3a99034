// Parses the part of JavaScript's regular expressions that a linear-time matcher can run, and says how slow backtracking could be.

export type Assertion = 'start' | 'end' | 'boundary' | 'no boundary';

export type PatternNode =
  /** Matches one character: a literal, a class, an escape or a dot, as source text. */
  | { type: 'char'; source: string }
  | { type: 'assert'; assertion: Assertion }
  | { type: 'sequence'; items: PatternNode[] }
  | { type: 'choice'; items: PatternNode[] }
  | { type: 'repeat'; item: PatternNode; min: number; max: number }
  /** Look-around and back references: only a backtracking matcher runs them. `inside` is null for a back reference. */
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
      const opening = /^\?(?::|<(?![=!])[^>]*>|(<?[=!]))|/.exec(source.slice(i, i + 200)) as RegExpExecArray;
      i += opening[0].length;
      const inside = choice();
      i += 1;
      return opening[1] === undefined ? inside : { type: 'irregular', inside };
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
  /** Otherwise the time grows at most with the length to this power. */
  degree: number;
  /** Uses what only a backtracking matcher can run. */
  irregular: boolean;
}

/** An upper bound of what a backtracking matcher may need; patterns that look bad here may be fine, never the reverse. */
export function backtrackingRisk(pattern: PatternNode): BacktrackingRisk {
  let nested = false;
  let irregular = false;
  /** @returns how many unbounded repetitions lie one after the other, and whether there is a choice of any kind inside */
  const walk = (node: PatternNode): { unbounded: number; chooses: boolean } => {
    switch (node.type) {
      case 'char':
      case 'assert':
        return { unbounded: 0, chooses: false };
      case 'sequence':
      case 'choice': {
        const parts = node.items.map(walk);
        return {
          unbounded: parts.reduce((sum, part) => sum + part.unbounded, 0),
          chooses: node.type === 'choice' || parts.some((part) => part.chooses),
        };
      }
      case 'repeat': {
        const inside = walk(node.item);
        const varies = node.max !== node.min;
        if (inside.chooses && node.max > 1 && (varies || node.max > 4)) nested = true;
        const unbounded = node.max > 16 && varies ? 1 : 0;
        return { unbounded: unbounded + inside.unbounded * Math.min(Math.max(node.max, 1), 8), chooses: varies || inside.chooses };
      }
      case 'irregular':
        irregular = true;
        // A back reference may repeat what a repetition matched.
        return node.inside === null ? { unbounded: 1, chooses: true } : walk(node.inside);
    }
  };
  const { unbounded } = walk(pattern);
  const anchored = pattern.type === 'assert' ? pattern.assertion === 'start' : pattern.type === 'sequence' && pattern.items[0]?.type === 'assert' && pattern.items[0].assertion === 'start';
  return { nested, irregular, degree: unbounded + (anchored ? 0 : 1) };
}
