// The messages of the tour: those of the easy task, some with a remark behind them, and in the end remarks with quoted words.
import { generateEchoTickets } from '../echo/generate.ts';
import { messagesFor as echoMessages } from '../echo/prompt.ts';
import { seededRandom } from '../seeded-random.ts';
import type { Prompt } from '../agent.ts';

export const PROMPT_VERSION = 'tour-1';
export const MAX_ANSWER_TOKENS = 48;

/** `plain`: a code word; `remark`: a remark after it, which the answer has to repeat; `quoted`: a remark with quoted words. */
export type TourForm = 'plain' | 'remark' | 'quoted';

export interface TourMessage {
  id: string;
  form: TourForm;
  text: string;
  truth: { v: 1; echo: string; remark?: string };
}

export interface TourOptions {
  /** The same seed and ids give the same messages. */
  seed: string;
  count: number;
  /** Number of the first message: ids and texts go on from there. */
  startId: number;
  /** Share of messages that are not plain, 0 to 1. */
  share: number;
  /** What those are. */
  form?: 'remark' | 'quoted';
}

const WHO = ['the cook', 'the harbour master', 'the night nurse', 'the baker', 'the postman', 'the old captain', 'the choir', 'the ferry crew', 'the gardener', 'the lighthouse keeper'] as const;
const DOES = ['waits', 'is late', 'sings', 'is asleep', 'has the keys', 'needs a lamp', 'is on leave', 'has no boat', 'comes early', 'found the ladder'] as const;
const WHERE = ['at the pier', 'behind the mill', 'near the old bridge', 'in the cellar', 'on the roof', 'by the north gate', 'in the boathouse', 'under the tower'] as const;
const SAYS = ['wrote', 'said', 'shouted', 'painted', 'sang', 'whispered'] as const;
const QUOTED = ['no more salt', 'wait for me', 'all aboard', 'mind the step', 'never again', 'bring the lamp', 'closed today', 'good night'] as const;

function remarkOf(form: 'remark' | 'quoted', random: ReturnType<typeof seededRandom>): string {
  const [who, where] = [random.pick(WHO), random.pick(WHERE)];
  return form === 'remark' ? `${who} ${random.pick(DOES)} ${where}` : `${who} ${random.pick(SAYS)} "${random.pick(QUOTED)}" ${where}`;
}

export function generateTourMessages({ seed, count, startId, share, form = 'remark' }: TourOptions): TourMessage[] {
  // Every message is the one of its number, whatever is asked for with it.
  return generateEchoTickets({ seed, count: startId + count - 1 })
    .slice(startId - 1)
    .map(({ text, truth }, index): TourMessage => {
      const number = startId + index;
      const id = `tour-${String(number).padStart(4, '0')}`;
      // Evenly among the others, so that a small day has its share as well.
      if (Math.floor(number * share) === Math.floor((number - 1) * share)) return { id, form: 'plain', text, truth };
      const remark = remarkOf(form, seededRandom(`${seed}/${form}/${number}`));
      return { id, form, text: `${text} Remark: ${remark}`, truth: { ...truth, remark } };
    });
}

export const messagesFor = (message: Pick<TourMessage, 'text'>): Prompt => echoMessages(message);
