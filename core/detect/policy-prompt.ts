// Which phrases the user's last turn has: read only when a rule asks, once for each answer.
import type { Message } from '../contracts/index.ts';
import type { Scanner } from './policy-scanner.ts';

export interface PromptReader {
  /** @param from `trusted` leaves out the parts that came from outside */
  has(phrase: number, from: 'trusted' | 'any'): boolean;
}

/** The user's last messages in a row, whatever calls and results followed them: worked examples and earlier turns are another matter. */
function lastTurn(messages: readonly Message[]): readonly Message[] {
  const end = messages.findLastIndex(({ role }) => role === 'user') + 1;
  const start = messages.slice(0, end).findLastIndex(({ role }) => role !== 'user') + 1;
  return messages.slice(start, end);
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
