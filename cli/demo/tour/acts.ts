// What the tour announces and what became of it: the acts in order, and the table at its end.
import { table } from '../../output.ts';

export interface Act {
  title: string;
  /** What is about to be shown, in words for the screen. */
  shows: string;
  /** The end that is announced. */
  expects: string;
}

/** How an act ended. */
export interface Seen {
  end: string;
  /** The run or watch behind it, as the commands take it. */
  id: string;
  reason: string | null;
}

export interface ActResult extends Pick<Act, 'title' | 'expects'> {
  /** null: the tour stopped before it. */
  seen: Seen | null;
  asAnnounced: boolean;
}

export const ACTS = {
  skipped: {
    title: 'A night with too few blind cases',
    expects: 'skipped',
    shows: 'The agent answers 16 messages. The keyed hash keeps about half of them for judging: too few for the proof that the gate policy wants. The night says so before it trains.',
  },
  rejected: {
    title: 'An adapter trained on shuffled targets',
    expects: 'rejected',
    shows: 'On purpose: the desk imports corrections whose right answers are shuffled among the messages, as after a slip in a spreadsheet. They look right one by one, and the night trains on them. The blind truths that the gate judges by stay right.',
  },
  approved: {
    title: 'An approval: what is not signed does nothing',
    expects: 'approved',
    shows: 'The import is made again with the right answers. The run asks for one approver. Then three decisions that nobody may make are sent straight to Temporal, and after them the one of an enrolled person.',
  },
  promoted: {
    title: 'The promotion, seen from outside',
    expects: 'promoted',
    shows: 'The same messages are asked of the same channel again. A share of requests stays on the former one, to compare with: the watch.',
  },
  held: {
    title: 'A candidate that is better by less than is proven',
    expects: 'held',
    shows: 'Some messages now end in a remark, and the desk wants it repeated. A new adapter learns it. But few of the cases that the hash drew hold a remark, so that it can gain few: sizes of the days, messages and keys are fixed so that, without --seed, 7 of 15 do, where 9 gained and none lost would be proof. What it makes of them is its own doing.',
  },
  'goes on': {
    title: 'The held candidate goes on with fresh cases',
    expects: 'promoted',
    shows: 'A day on which every message has a remark. Nothing is trained: the e-process of the held candidate takes the fresh cases, and whether it suffices is for its e-value to say.',
  },
  'rolled back': {
    title: 'Traffic changes, and the former adapter comes back by itself',
    expects: 'rolled_back',
    shows: 'First traffic as before. Then the stated change: every remark holds words in quotation marks, which the new adapter copies into its JSON mostly without escaping them, as no lesson had shown it. The former adapter knows of no remarks and leaves them out. Three in ten requests are still its own.',
  },
} as const satisfies Record<string, Act>;

export type ActName = keyof typeof ACTS;
export const ACT_NAMES = ['skipped', 'rejected', 'approved', 'promoted', 'held', 'goes on', 'rolled back'] as const satisfies readonly ActName[];

export interface TourResult {
  acts: (ActResult & { act: ActName })[];
  asAnnounced: boolean;
}

export const actResult = (name: ActName, seen: Seen | null): ActResult & { act: ActName } => {
  const { title, expects } = ACTS[name];
  return { act: name, title, expects, seen, asAnnounced: seen?.end === expects };
};

export const renderActs = ({ acts }: TourResult): string =>
  table(
    ['act', 'announced', 'seen', 'run'],
    acts.map(({ title, expects, seen, asAnnounced }, index) => [`${index + 1}. ${title}`, expects, seen === null ? 'not reached' : `${seen.end}${asAnnounced ? '' : '  <- not as announced'}`, seen?.id]),
  );
