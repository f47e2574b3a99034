// Speech written down: hesitations, repairs, no full stops where one would expect them.
import type { PhraseBank } from './bank.ts';

export const spoken: PhraseBank = {
  delivery: [
    'so, um, it never got here, I checked with everybody in the building',
    'it was supposed to come on, what was it, {day}, and well, nothing',
    'the thing on the website just keeps saying in transit, in transit',
    'I think your driver went to the wrong street because there is no box anywhere',
  ],
  defect: [
    'and the thing is, nothing happens at all when I press the button',
    '{it} ran for, like, five minutes and then, you know, just gave up',
    'there is a bit at the bottom that came off, a sort of ring, and now {it} {is} no use',
    '{it} {is} making this awful rattling and my husband says that\'s not normal',
  ],
  billing: [
    'I\'m looking at my bank app here and it went out two times, the same amount',
    'it says {amount} and I\'m sure it was less, I wrote it down',
    'I had one of those vouchers and, well, it didn\'t come off the price',
    'there\'s something on there called premium care and I never said yes to that',
  ],
  return: [
    'there\'s nothing wrong with {them} really, I just, I don\'t need {them} after all',
    'the colour is wrong, I mean that\'s the colour I ordered, but {it} look{s} odd at home',
    'turns out my daughter got me the same one, so, yeah, one too many',
    '{it} won\'t go through the cupboard door, silly me, I should have measured',
  ],
  danger: [
    'and then there was a bang and smoke, I was really scared',
    'it gave me a shock, my fingers are still numb',
    'you could see it glowing and the tablecloth caught fire',
    'my mother burned herself on {them}, we had to go to the doctor',
  ],
  legal: [
    'my brother in law is a lawyer and he says we should sue',
    'I\'ll, I\'ll go to court with this, I mean it',
    'I already called the consumer authority, just so you know',
    'the next one you hear from is my solicitor',
  ],
  no_hurry: [
    'but, you know, no hurry',
    'it\'s not pressing, really, whenever suits you',
    'take all the time you need, dear',
    'and I don\'t mind waiting a bit',
  ],
  pressure: [
    'and, uh, I\'d really need that fast',
    'can somebody look at it right away, please',
    'it\'s kind of urgent',
    'I really want this done today',
  ],
  call: [
    'so call me back, it\'s {phone}',
    'just give me a ring on {phone}, okay, I\'m not good with email',
    'I\'d like somebody to phone me, the number is {phone}',
  ],
  bystander: [
    'not the {code}, that one\'s fine, I\'ve had it for ages',
    'I mean my other one, the {code}, never had a problem with that',
  ],
  ask: {
    refund: ['give me the money back', 'put the money back on my account', 'refund me'],
    replace: ['send out {one}', 'let me have {one}', 'swap {them} for {one}'],
    collect: ['have somebody come and get {them} from here', 'send someone round to pick {them} up', 'collect {them} from my place'],
    invoice: ['do me a new invoice', 'send the bill again with the right numbers', 'sort out the invoice'],
    trace: ['find out where it\'s gone', 'look up where the parcel is', 'ask the delivery people where they left it'],
  },
};
