// People who have had enough, and people who chat: slang, exaggeration, exclamation marks.
import type { PhraseBank } from './bank.ts';

export const angry: PhraseBank = {
  delivery: [
    'three weeks and my stuff is STILL not here',
    'your so called express delivery is a joke, nothing showed up',
    'the driver marked it as delivered and I was standing right at the door, zero parcel',
    'tracking says "out for delivery" since {day}, do you walk it here on foot??',
    'you guys lost my package, admit it',
  ],
  defect: [
    'this junk died on me after one week',
    'total garbage, {it} won\'t even power up',
    'a piece broke off the first time I touched it, seriously?',
    'half the buttons do nothing, who tests this stuff',
    '{it} make{s} a noise like a tractor and then quit{s}',
  ],
  billing: [
    'why on earth did you take my money TWICE',
    'you grabbed {amount} off my card, that was never the price',
    'where is my 20 percent off? not on the bill, surprise surprise',
    'i cancelled that extra warranty and you still charge me for it, unbelievable',
  ],
  return: [
    'looks nothing like I imagined, works ok but not my taste at all',
    'my boyfriend bought the same thing yesterday lol so now we have too many',
    'honestly {it} just take{s} up space, never even unpacked',
    'wrong size for our van, my own fault i guess',
  ],
  danger: [
    'the thing EXPLODED in my face, I could have lost an eye',
    'flames!! actual flames on my kitchen counter',
    'my kid got zapped by it, she is six!!',
    'it melted the socket and nearly burned the flat down',
  ],
  legal: [
    'my lawyer is going to love this',
    'see you in court if you ignore me again',
    'i am done talking, next letter comes from my attorney',
    'i\'m reporting you to trading standards and suing you',
  ],
  no_hurry: [
    'no stress though, whenever you have a minute',
    'it can wait, i\'m on holiday anyway',
    'not in a hurry at all btw',
    'don\'t rush, next month is ok too',
  ],
  pressure: [
    'and I mean NOW',
    'fix this ASAP!!!',
    'I want an answer within the hour',
    'i have been waiting long enough, hurry up',
  ],
  call: [
    'call me, {phone}, i don\'t do emails',
    'just phone me already: {phone}',
    'somebody human better ring me on {phone}',
  ],
  bystander: [
    'at least my old {code} runs, unlike this',
    'funny, the {code} from last summer never let me down',
  ],
  ask: {
    refund: ['give me my money back', 'refund every cent', 'put the cash back on my card'],
    replace: ['send me {one} that work{s}', 'swap {them} for {one}', 'get me {one}'],
    collect: ['come and pick {them} up yourselves', 'get {them} out of my house', 'send your driver to fetch {them}'],
    invoice: ['fix that invoice', 'send me an invoice that is actually right', 'redo the bill'],
    trace: ['find my damn parcel', 'tell me where the box is', 'chase the courier and locate it'],
  },
};
