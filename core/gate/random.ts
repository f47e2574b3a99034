// Seeded random numbers for resampling and simulation: the same seed gives the same numbers on every machine.

export interface Random {
  /** 32 random bits, as an unsigned number. */
  bits: () => number;
  /** A number in [0, 1) with 53 random bits. */
  uniform: () => number;
  /** A whole number from 0 to `bound` − 1. */
  below: (bound: number) => number;
}

/** One round of a 32-bit finalizer (avalanche as in MurmurHash3, A. Appleby): spreads a counter over all bits. */
function mix(value: number): number {
  let h = value >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * xoshiro128** (Blackman and Vigna 2021, ACM TOMS 47:36): period 2^128 − 1, passes BigCrush.
 * @param seed first 32 bits count
 * @param stream numbers the independent streams of one seed
 */
export function seededRandom(seed: number, stream = 0): Random {
  let a = mix(seed + 0x9e3779b9);
  let b = mix(a ^ mix(stream + 0x7f4a7c15));
  let c = mix(b + 0x6a09e667);
  // Never all zero: the one state that stays as it is.
  let d = mix(c ^ seed) | 1;
  const bits = (): number => {
    const product = Math.imul(b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return result;
  };
  for (let i = 0; i < 16; i += 1) bits();
  const uniform = (): number => ((bits() >>> 5) * 0x4000000 + (bits() >>> 6)) / 2 ** 53;
  return { bits, uniform, below: (bound) => Math.floor(uniform() * bound) };
}

/** Number of set bits of 32. */
function popcount(word: number): number {
  let v = word - ((word >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** A draw from Binomial(n, 1/2), 32 coins at a time. */
export function fairHeads(random: Random, n: number): number {
  let heads = 0;
  let left = n;
  for (; left >= 32; left -= 32) heads += popcount(random.bits());
  return left === 0 ? heads : heads + popcount(random.bits() >>> (32 - left));
}
