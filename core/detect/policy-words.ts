// A set of words and beginnings of words as one automaton: one step per character, whatever the number of words.

/** Transitions are a hash table of (state, character class); what is not in it goes to the state's fallback, mostly the dead state. */
const DEAD = 0;
export const ROOT = 1;
const MAX_STATES = 400_000;
/** 2^32 divided by the golden ratio: spreads neighbouring keys (Knuth, The Art of Computer Programming, 6.4). */
const HASH = 0x9e3779b1;

export class TooManyWords extends Error {}

/** The tables of the automaton; `step` reads them. */
export interface WordSet {
  alphabet: number;
  /** Transitions from the start, where nearly every word ends its walk: by class, without a hash. */
  fromRoot: Int32Array;
  keys: Int32Array;
  targets: Int32Array;
  fallbacks: Int32Array;
  shift: number;
  /** What was added under the word that ends in a state, or under a beginning of it. */
  values: readonly (Int32Array | undefined)[];
}

/** @param characterClass of the set's alphabet; 0: a character that no word has */
export function step(set: WordSet, state: number, characterClass: number): number {
  if (state === ROOT) return set.fromRoot[characterClass] as number;
  const { keys } = set;
  const key = state * set.alphabet + characterClass;
  for (let slot = Math.imul(key, HASH) >>> set.shift; ; slot = (slot + 1) & (keys.length - 1)) {
    const found = keys[slot];
    if (found === key) return set.targets[slot] as number;
    if (found === -1) return set.fallbacks[state] as number;
  }
}

interface Node {
  children: Map<number, Node>;
  exact: number[];
  beginning: number[];
}

const newNode = (): Node => ({ children: new Map(), exact: [], beginning: [] });

export class WordSetBuilder {
  #root = newNode();
  #states = 2;

  add(classes: readonly number[], value: number, isBeginning: boolean): void {
    let node = this.#root;
    for (const characterClass of classes) {
      let child = node.children.get(characterClass);
      if (!child) {
        node.children.set(characterClass, (child = newNode()));
        this.#states += 1;
        if (this.#states > MAX_STATES) throw new TooManyWords('the rules have too many different words');
      }
      node = child;
    }
    (isBeginning ? node.beginning : node.exact).push(value);
  }

  /** @param alphabet classes are below this number */
  build(alphabet: number): WordSet {
    const edges: [key: number, to: number][] = [];
    const fallbacks = [DEAD, DEAD];
    const values: (Int32Array | undefined)[] = [undefined, undefined];
    const newState = (fallback: number, list: readonly number[]): number => {
      values.push(list.length > 0 ? Int32Array.from(list) : undefined);
      return fallbacks.push(fallback) - 1;
    };
    // `sink`: where a word goes on that has left the tree below a beginning; it keeps what the beginning was added under.
    const pending: { node: Node; state: number; sink: number; inherited: readonly number[] }[] = [{ node: this.#root, state: ROOT, sink: DEAD, inherited: [] }];
    for (let item = pending.pop(); item !== undefined; item = pending.pop()) {
      for (const [characterClass, child] of item.node.children) {
        const inherited = child.beginning.length > 0 ? [...item.inherited, ...child.beginning] : item.inherited;
        let sink = item.sink;
        if (child.beginning.length > 0) {
          sink = newState(DEAD, inherited);
          fallbacks[sink] = sink;
        }
        const state = newState(sink, [...inherited, ...child.exact]);
        edges.push([item.state * alphabet + characterClass, state]);
        pending.push({ node: child, state, sink, inherited });
      }
    }
    return tableOf(edges, Int32Array.from(fallbacks), values, alphabet);
  }
}

function tableOf(edges: readonly (readonly [number, number])[], fallbacks: Int32Array, values: readonly (Int32Array | undefined)[], alphabet: number): WordSet {
  if (fallbacks.length * alphabet >= 2 ** 31) throw new TooManyWords('the rules have too many different words and characters');
  const bits = Math.max(4, Math.ceil(Math.log2(edges.length * 2 + 1)));
  const keys = new Int32Array(2 ** bits).fill(-1);
  const targets = new Int32Array(2 ** bits);
  const fromRoot = new Int32Array(alphabet);
  const shift = 32 - bits;
  for (const [key, to] of edges) {
    if (key < 2 * alphabet) fromRoot[key - alphabet] = to;
    let slot = Math.imul(key, HASH) >>> shift;
    while (keys[slot] !== -1) slot = (slot + 1) & (keys.length - 1);
    keys[slot] = key;
    targets[slot] = to;
  }
  return { alphabet, fromRoot, keys, targets, fallbacks, shift, values };
}
