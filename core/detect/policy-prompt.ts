// Which phrases the user's last turn has: read only when a rule asks, once for each answer.
import type { Message } from '../contracts/index.ts';
import type { Scanner } from './policy-scanner.ts';

export interface PromptReader {
  /** @param from `trusted` leaves out the parts that came from outside */
  has(phrase: number, from: 'trusted' | 'any'): boolean;
}

/** User messages after the last answer: worked examples and earlier turns are another matter. */
function lastTurn(messages: readonly Message[]): Message[] {
  const lastAnswer = messages.findLastIndex(({ role }) => role === 'assistant');
  return messages.slice(lastAnswer + 1).filter(({ role }) => role === 'user');
}

export function readPrompt(messages: readonly Message[], scanner: Scanner): PromptReader {
  let read: { trusted: Set<number>; any: Set<number> } | undefined;
  return {
    has(phrase, from) {
      if (!read) {
        read = { trusted: new Set(), any: new Set() };
        for (const { parts } of lastTurn(messages)) {
          for (const { text, trusted } of parts) {
            for (const hit of scanner.scan(text)) {
              read.any.add(hit.phrase);
              if (trusted) read.trusted.add(hit.phrase);
            }
          }
        }
      }
      return read[from].has(phrase);
    },
  };
}
