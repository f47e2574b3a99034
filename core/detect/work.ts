// Counts the steps of one judgement, so that no schema with its value takes more than its share of time. Steps, not
// seconds: the same record gives the same verdict on every machine.

/** The value is too much work for its schema: whether it fits stays open. */
export class TooMuchWork extends Error {}

/** A step is some ten nanoseconds: 20 ms whatever the length, and 50 ms for each further 100,000 characters. */
const BASE_STEPS = 2_000_000;
const STEPS_PER_CHARACTER = 50;

let left = BASE_STEPS;
let granted = BASE_STEPS;

/** @param length characters of the text that is judged */
export function startWork(length: number): void {
  granted = BASE_STEPS + STEPS_PER_CHARACTER * length;
  left = granted;
}

/** @throws TooMuchWork */
export function spend(steps: number): void {
  left -= steps;
  if (left < 0) throw new TooMuchWork('too many steps');
}

/** Steps taken since the last start, for tests and benchmarks. */
export const workDone = (): number => granted - left;
