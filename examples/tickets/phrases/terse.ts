// Fragments: text messages, notes, subject lines.
import type { PhraseBank } from './bank.ts';

export const terse: PhraseBank = {
  delivery: ['parcel never came', 'still nothing delivered', 'tracking stuck since {day}', 'box lost on the way', 'not arrived, due {date}', 'courier no show'],
  defect: ['dead on arrival', 'won\'t turn on', 'knob snapped off', 'stopped working day 3', 'falls apart', 'no power at all', 'buzzes, then cuts out'],
  billing: ['charged twice', 'wrong total, {amount} too much', 'coupon not applied', 'billed after I cancelled', 'paid {amount}, price was lower'],
  return: ['don\'t want {them} anymore', 'ordered by mistake, unopened', 'too big for my kitchen', 'wrong colour for us, otherwise ok', 'got the same as a gift'],
  danger: ['sparks from the plug!', 'caught fire, floor burnt', 'gave me a shock', 'smoking, kids in the room'],
  legal: ['lawyer is informed', 'next stop court', 'will sue otherwise', 'my attorney has the file'],
  no_hurry: ['no rush', 'not urgent', 'any time is fine', 'no hurry at all'],
  pressure: ['asap', 'urgent!', 'need answer today', 'quickly pls'],
  call: ['call me {phone}', 'phone only: {phone}', 'ring {phone}, no mails'],
  bystander: ['old {code} still ok', '{code} from last time is great'],
  ask: {
    refund: ['refund', 'money back', 'pay me back'],
    replace: ['send {one}', 'swap {them} for {one}', 'replacement'],
    collect: ['pick {them} up', 'fetch {them} from me', 'collect {them} here'],
    invoice: ['new invoice', 'correct the invoice', 'send right bill'],
    trace: ['find my parcel', 'trace the box', 'locate shipment'],
  },
};
