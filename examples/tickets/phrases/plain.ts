// How most customers write: clear, polite, to the point.
import type { PhraseBank } from './bank.ts';

export const plain: PhraseBank = {
  delivery: [
    'The parcel was due on {date} and has still not turned up.',
    'Nothing has been delivered so far, although the shop said {day} at the latest.',
    'The tracking page has shown the same depot for eight days now.',
    'I waited at home all {day} but no van ever came.',
    'It seems the package got lost somewhere between your warehouse and my town.',
    'Your courier says it was handed over, but neither I nor my neighbours have it.',
  ],
  defect: [
    '{It} stopped working after two days.',
    '{It} will not switch on, whatever I try.',
    '{It} came out of the box with a long crack down the side.',
    'The switch is stuck and {it} can no longer be turned off.',
    '{It} make{s} a grinding noise and then die{s}.',
    'One part inside is loose and {it} rattle{s} badly.',
  ],
  billing: [
    'My card was charged twice for the same purchase.',
    'You took {amount} from my account, which is more than the price shown on the site.',
    'The discount I was promised is missing from the total.',
    'I was billed for express shipping that I never chose.',
    'The amount on my bank statement does not match what I agreed to at checkout.',
  ],
  return: [
    'I changed my mind and would rather not keep {them}.',
    'The colour does not suit our kitchen after all.',
    '{It} {is} larger than I thought and {does} not fit on the shelf.',
    'It was meant as a gift, but my sister already has the same model.',
    'We are moving abroad and have no use for {them} any more.',
  ],
  danger: [
    'When I plugged {them} in, sparks flew out of the back.',
    'Smoke came out and the whole room smelled of burning plastic.',
    'I got an electric shock when I touched the housing.',
    'The cable melted and left a burn on my hand.',
  ],
  legal: [
    'If this is not settled, my lawyer will take over.',
    'I have already spoken to a solicitor about it.',
    'Otherwise I will take the matter to court.',
    'I am ready to report this to the consumer protection office.',
  ],
  no_hurry: [
    'There is no rush on this.',
    'Take your time, it is not urgent.',
    'Whenever you get round to it is fine.',
    'I can easily wait a few weeks.',
  ],
  pressure: [
    'I would like this sorted out as soon as possible.',
    'This is urgent for me.',
    'Please treat this as a priority.',
    'I hope to hear from you today.',
  ],
  call: [
    'Please ring me on {phone}, I rarely look at my mail.',
    'The best way to reach me is by phone: {phone}.',
    'Could someone give me a call at {phone}?',
  ],
  bystander: [
    'The {code} that I bought from you last year still works perfectly.',
    'By the way, I am very happy with my older {code}.',
  ],
  ask: {
    refund: ['refund the money', 'give me my money back', 'transfer the amount back to my account'],
    replace: ['send me {one}', 'exchange {them} for {one}', 'ship {one} to me'],
    collect: ['have {them} picked up from my home', 'arrange for someone to collect {them}', 'send a courier to take {them} away'],
    invoice: ['send me a corrected invoice', 'issue a new invoice', 'mail me a proper bill'],
    trace: ['find out where the parcel is', 'track the shipment down', 'check with the carrier where it went'],
  },
};
