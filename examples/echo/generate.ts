// Short messages with one code word each: a task that twenty training steps teach for sure, for tests of the whole loop.
import { seededRandom } from '../seeded-random.ts';

export interface EchoTicket {
  id: string;
  family: string;
  text: string;
  truth: { v: 1; echo: string };
}

export interface EchoOptions {
  seed: string | number;
  count: number;
  startId?: number;
}

const CODE_WORDS = [
  'amber', 'anchor', 'apple', 'arrow', 'bamboo', 'basket', 'beacon', 'brick', 'butter', 'candle', 'canyon', 'castle', 'cedar', 'cherry',
  'cloud', 'copper', 'coral', 'cotton', 'desert', 'dragon', 'eagle', 'ember', 'falcon', 'feather', 'forest', 'gravel', 'ginger', 'glass',
  'hammer', 'harbor', 'hazel', 'honey', 'island', 'ivory', 'jungle', 'ladder', 'lemon', 'lion', 'maple', 'marble', 'meadow', 'mirror',
  'moon', 'mountain', 'ocean', 'olive', 'orange', 'paper', 'pearl', 'pepper', 'planet', 'pocket', 'rabbit', 'river', 'rocket', 'saddle',
  'silver', 'spider', 'spring', 'stone', 'summer', 'sunset', 'thunder', 'tiger', 'tulip', 'velvet', 'violet', 'walnut', 'willow', 'winter',
] as const;

/** Who speaks and where: every opening goes with every closing, so that messages differ in words. */
const OPENINGS = [
  'The captain of the ferry left a message', 'Grandma wrote on the fridge', 'A note fell out of the library book', 'Somebody at the gate shouted',
  'Our neighbour told the postman', 'The radio host announced', 'On the bakery door it says', 'My teacher whispered', 'A sailor carved in the table',
  'The old map shows', 'Before the concert they agreed', 'The gardener painted on a pot', 'During lunch the boss said', 'In the elevator I read',
  'The taxi driver repeated', 'Under the bridge a sign reads', 'Two children sang', 'The pilot reported', 'A stranger in the park asked me to remember',
  'The museum guide closed with this', 'From the tower they signal', 'In her diary she noted', 'The cook called from the kitchen', 'At the station a voice said',
] as const;
const LINKS = ['code word {w}', 'the code word is {w}', '{w} is the code word', 'use {w} as code word', 'code word: {w}', 'the word {w} is today\'s code word'] as const;
const CLOSINGS = [
  'and then the lights went out.', 'please pass it on.', 'nobody knows why.', 'so the door will open.', 'until the rain stops.', 'for the night shift.',
  'as every week.', 'and the dog barked.', 'that is all.', 'but keep it quiet.', 'before the train leaves.', 'with a big smile.',
  'because the old one was lost.', 'if anyone asks.', 'on behalf of the choir.', 'and we all laughed.',
] as const;

export function generateEchoTickets({ seed, count, startId = 1 }: EchoOptions): EchoTicket[] {
  const plan = seededRandom(`${seed}/echo`);
  // Without repetition while it lasts: each frame is one cluster once the code word is looked past.
  const frames = plan.shuffle(OPENINGS.flatMap((opening) => CLOSINGS.map((closing) => ({ opening, closing }))));
  return Array.from({ length: count }, (_, index) => {
    const random = seededRandom(`${seed}/echo/${index}`);
    const { opening, closing } = frames[index % frames.length] as (typeof frames)[number];
    const word = random.pick(CODE_WORDS);
    const link = random.pick(LINKS).replace('{w}', word);
    return {
      id: `echo-${String(startId + index).padStart(5, '0')}`,
      family: `opening-${OPENINGS.indexOf(opening) + 1}`,
      text: `${opening}: ${link}, ${closing}`,
      truth: { v: 1, echo: word },
    };
  });
}
