// A set of words and beginnings of words as one automaton: one step per character, whatever the number of words.

/** Transitions are a hash table of (state, character class); what is not in it goes to the state's fallback, mostly the dead state. */
const DEAD = 0;
export const ROOT = 1;
const MAX_STATES = 400_000;

export class TooManyWords extends Error {}

export interface WordSet {
  /** @param characterClass of the set's alphabet; 0: a character that no word has */
  step(state: number, characterClass: number): number;
  /** What was added under the word that ends in this state, or under a beginning of it. */
  valuesAt(state: number): Int32Array | undefined;
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
  const bits = Math.max(4, Math.ceil(Math.log2(edges.length * 2 + 1)));
  const mask = 2 ** bits - 1;
  const keys = new Float64Array(mask + 1).fill(-1);
  const targets = new Int32Array(mask + 1);
  const slotOf = (key: number): number => Math.imul(key | 0, 0x9e3779b1) >>> (32 - bits);
  for (const [key, to] of edges) {
    let slot = slotOf(key);
    while (keys[slot] !== -1) slot = (slot + 1) & mask;
    keys[slot] = key;
    targets[slot] = to;
  }
  return {
    step(state, characterClass) {
      const key = state * alphabet + characterClass;
      for (let slot = slotOf(key); ; slot = (slot + 1) & mask) {
        const found = keys[slot];
        if (found === key) return targets[slot] as number;
        if (found === -1) return fallbacks[state] as number;
      }
    },
    valuesAt: (state) => values[state],
  };
}
