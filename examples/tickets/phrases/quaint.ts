// Leisurely writers, used only by families that are kept out of production and training.
import type { PhraseBank } from './bank.ts';

export const quaint: PhraseBank = {
  delivery: [
    'Every morning I look out for the postman, and every morning he shakes his head.',
    'The promised box must be on a world tour, for it has not called at our house.',
    'My doormat remains as empty as it was on {day}.',
    'I fear the poor parcel has been swallowed by some sorting office.',
  ],
  defect: [
    'Alas, {it} gave up the ghost before we had finished breakfast.',
    '{It} sulk{s} in the corner and refuse{s} to do a stroke of work.',
    'One good look at {them} and the knob came away in my fingers.',
    '{It} hum{s} a sad little tune and then fall{s} silent for good.',
  ],
  billing: [
    'My bank book tells me that I have paid for the same pleasure two times over.',
    'Somebody in your counting house has added up wrongly: {amount} is not what we shook hands on.',
    'The reduction in your charming leaflet is nowhere to be seen in the sum.',
    'I appear to have bought a guarantee in my sleep, for it is on my account.',
  ],
  return: [
    '{It} {is} of fine make, but at my age one learns to live with less.',
    'My granddaughter took one look and declared it far too yellow for the parlour.',
    'There is nothing amiss with {them}, only I find I have no corner to put {them} in.',
    'The dear neighbours surprised me with the very same present.',
  ],
  danger: [
    'A tongue of fire leapt from it and singed the cat.',
    'It gave my late sister\'s boy such a jolt that he dropped to the floor.',
    'The kitchen filled with black smoke and we had to flee into the garden.',
    'I have a blister the size of a penny from the scalding handle.',
  ],
  legal: [
    'My nephew, who is at the bar, is already sharpening his pen.',
    'I should be sorry to see you before the magistrate, but so be it.',
    'The family solicitor has been asked to look into it.',
    'I shall not shrink from a lawsuit.',
  ],
  no_hurry: [
    'I have all the time in the world.',
    'Pray do not hurry on my account.',
    'It will keep until the swallows return.',
    'There is not the slightest haste.',
  ],
  pressure: [
    'Do make haste, I am not known for my patience.',
    'I should like to see it done this very day.',
    'Be quick about it, if you please.',
    'I count on you to act at once.',
  ],
  call: [
    'I still keep a proper telephone, {phone}, and like it to ring.',
    'Do ring me up on {phone}; letters tire my eyes.',
    'I would sooner hear a voice than read a note, so telephone {phone}.',
  ],
  bystander: [
    'Its elder cousin, the {code}, has served me faithfully for years.',
    'I bear no grudge against the {code}, which is a treasure.',
  ],
  ask: {
    refund: ['let me have my pennies back', 'return the money to my account', 'repay what I spent'],
    replace: ['send {one} by the next post', 'let me have {one} in its stead', 'favour me with {one}'],
    collect: ['have your man come by to fetch {them}', 'send a carriage for {them}', 'relieve me of {them} at my front door'],
    invoice: ['draw up a new and honest invoice', 'write out the bill afresh', 'put the invoice right and post it to me'],
    trace: ['find out where my parcel is hiding', 'send out a search party for the box', 'discover what became of the shipment'],
  },
};
