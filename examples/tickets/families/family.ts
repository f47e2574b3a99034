// What a template family is: one way to lay out a ticket, in the words of one phrase bank.
import type { SeededRandom } from '../../seeded-random.ts';
import type { Parts } from '../parts.ts';
import type { PhraseBank } from '../phrases/bank.ts';

export interface Family {
  name: string;
  bank: PhraseBank;
  write(parts: Parts, random: SeededRandom): string;
}
