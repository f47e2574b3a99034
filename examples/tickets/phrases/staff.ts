// What the shop's own people write about a customer: third person, half sentences.
import type { PhraseBank } from './bank.ts';

export const staff: PhraseBank = {
  delivery: [
    'goods have not arrived, scan history ends at the depot',
    'customer is still waiting for the parcel, promised for {date}',
    'carrier claims delivery on {day}, customer received nothing',
    'shipment appears to be lost in transit',
  ],
  defect: [
    'unit fails right after power-on',
    'customer reports a broken part on unpacking',
    'device stopped working within the first week',
    'housing cracked, unusable',
    'intermittent fault, shuts down after a minute',
  ],
  billing: [
    'payment was collected twice',
    'customer was charged {amount}, contract price is lower',
    'agreed rebate missing on the statement',
    'gift wrapping billed although not ordered',
  ],
  return: [
    'customer no longer wants the goods, original packaging, no fault',
    'wrong model chosen by customer, unused',
    'duplicate gift, sealed',
    'does not match customer\'s furniture, works fine',
  ],
  danger: [
    'customer suffered a shock, hazard!',
    'smoke and scorch marks reported, possible fire risk',
    'customer has burns on two fingers',
    'short circuit with open flame at customer\'s home',
  ],
  legal: [
    'customer has engaged a lawyer',
    'customer threatens legal action',
    'letter from customer\'s solicitor announced',
    'customer intends to go to court',
  ],
  no_hurry: ['customer is not in a hurry', 'no time pressure according to customer', 'customer says it can wait', 'customer is relaxed about timing'],
  pressure: ['customer is very impatient', 'customer wants it done today', 'customer calls it urgent', 'customer pushes for a fast answer'],
  call: ['wants a call back on {phone}', 'asks to be phoned: {phone}', 'prefers telephone, {phone}'],
  bystander: ['customer also owns {code}, no complaint there', '{code} from an earlier purchase not affected'],
  ask: {
    refund: ['refund the payment', 'pay the money back', 'return the amount paid'],
    replace: ['send {one}', 'provide {one}', 'exchange for {one}'],
    collect: ['collect the goods at the door', 'organise a pick-up', 'have the goods fetched'],
    invoice: ['issue a corrected invoice', 'reissue the invoice', 'send a fixed bill'],
    trace: ['start a parcel search', 'locate the shipment', 'trace it with the carrier'],
  },
};
