// Customers who write in a language that is not their own.
import type { PhraseBank } from './bank.ts';

export const nonnative: PhraseBank = {
  delivery: [
    'the packet is not come until now, I wait already since {day}',
    'I did not become my parcel, the postman say he have nothing for me',
    'in the tracking stand always same place, it is not moving',
    'is passed the date {date} and the goods are not by me',
  ],
  defect: [
    '{it} {is} kaputt, make no light and no sound',
    'after one time of use {it} {does} not function more',
    'I open the box and I see that is broken the glass',
    'the button is not reacting, I have pressed very much times',
    '{it} always stop{s} after one minute, is not possible to use',
  ],
  billing: [
    'from my bank was taken two times the money',
    'the price in internet was other, but you have taken {amount}',
    'I had code for less price and it was not counted',
    'in the calculation stands a thing which I have not bought',
  ],
  return: [
    '{it} {is} good but {it} {does} not please to my wife, we not need',
    'I have ordered false, I wanted other model, this is not opened',
    'is too much big for the place what I have',
    'my son has bought same, so now is too many',
  ],
  danger: [
    'comes fire from the cable, very dangerous for my children',
    'it has given me strong electric hit in the arm',
    'was much smoke and the curtain has burned',
    'my hand is burned because the plastic became liquid',
  ],
  legal: [
    'if you not help I go to the advocate',
    'my advocate will write to you, he know already',
    'I will make a process at the tribunal',
    'I bring this to the judge and the consumer office',
  ],
  no_hurry: [
    'it has time, no need to make fast',
    'not urgent, you can do it with calm',
    'I can wait, is no problem for me the time',
    'please no stress, also next month is good',
  ],
  pressure: [
    'please very fast, I am waiting',
    'is urgent for me, do it today please',
    'hurry please, I have no patience more',
    'I need quick answer',
  ],
  call: [
    'please make me a telephone on {phone}, writing is difficult for me',
    'better you call to {phone}',
    'I wish to speak with you at telephone, {phone}',
  ],
  bystander: [
    'the other one, {code}, what I have from before, is working good',
    'with my {code} of last year I am very content',
  ],
  ask: {
    refund: ['give back the money to me', 'make the money back', 'return me my payment'],
    replace: ['send to me {one}', 'change {them} with {one}', 'give me {one}'],
    collect: ['take {them} from my house', 'come with the car for to pick {them}', 'make that somebody fetch {them} by me'],
    invoice: ['make me a new invoice without mistake', 'write the correct factura', 'send the invoice new and right'],
    trace: ['search where is the packet', 'ask the post where it is lying', 'look where my parcel has gone'],
  },
};
