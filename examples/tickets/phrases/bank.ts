// The shape of a phrase bank: how one kind of writer says each thing that the answer depends on.
import type { Action } from '../facts.ts';

/**
 * Phrases may hold {it} {them} {is} {does} {s} {one} (they agree with the number of things), and
 * {amount} {date} {day} {phone} {code}. A capital first letter ({It}) gives a capital.
 * Every list says the same thing in unlike words; nothing in one list may be mistaken for another.
 */
export interface PhraseBank {
  /** The parcel is late or lost. */
  delivery: readonly string[];
  /** The thing is broken or does not work. */
  defect: readonly string[];
  /** The charge is wrong. */
  billing: readonly string[];
  /** The thing is fine but not wanted. */
  return: readonly string[];
  /** Someone is or could be hurt (goes with a defect). */
  danger: readonly string[];
  /** A lawyer, a court, an authority. */
  legal: readonly string[];
  no_hurry: readonly string[];
  /** Urgent words without danger or law behind them: priority stays normal. */
  pressure: readonly string[];
  /** The customer wants to be phoned. */
  call: readonly string[];
  /** Another product that is not part of the complaint. */
  bystander: readonly string[];
  /** What is asked, as a verb phrase that fits after "please", "could you" or "I want you to". */
  ask: Readonly<Record<Action, readonly string[]>>;
}
