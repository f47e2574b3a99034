// The order in which prompts are asked: those that begin alike follow each other, so that the engine finds their beginning in its prefix cache.
import type { Message, Tool } from '../contracts/index.ts';
import { textOf } from '../curate/cluster.ts';

interface Prompt {
  messages: readonly Message[];
  tools?: readonly Tool[] | undefined;
}

const keyOf = ({ messages, tools }: Prompt): string => `${JSON.stringify(tools ?? [])}\n${messages.map((message) => `${message.role} ${textOf(message)}`).join('\n')}`;

/** Depends on the prompts alone, never on an answer. Stable for prompts that are the same. */
export function byPrefix<T>(items: readonly T[], promptOf: (item: T) => Prompt): T[] {
  return items.map((item) => ({ item, key: keyOf(promptOf(item)) })).sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ item }) => item);
}
