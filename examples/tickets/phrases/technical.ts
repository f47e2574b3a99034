// Engineers and buyers, used only by families that are kept out of production and training.
import type { PhraseBank } from './bank.ts';

export const technical: PhraseBank = {
  delivery: [
    'Carrier status has been "processing" since {date}; no proof of delivery exists.',
    'Inbound dock has no record of the shipment, ETA exceeded by nine days.',
    'The consignment was scanned once and then disappeared from the carrier\'s system.',
    'Goods receipt is still open: zero of the ordered quantity booked in.',
  ],
  defect: [
    'Unit does not boot; no current draw measurable.',
    'Failed incoming inspection: hairline fracture at the base.',
    'The controller resets every 40 seconds under load.',
    'Output drops to zero once the device is warm; reproducible each time.',
  ],
  billing: [
    'The ledger shows a duplicate debit for the same transaction.',
    'Charged {amount}; the quote on file states a lower figure.',
    'Volume discount per framework agreement was not applied.',
    'A service fee that is not part of the quote was booked to our account.',
  ],
  return: [
    'Units are within spec but surplus to requirements, seals intact.',
    'Project was cancelled, hardware unused.',
    'Form factor does not match our rack; no technical fault.',
    'Procured in error, a sister department already stocks the same model.',
  ],
  danger: [
    'Thermal runaway observed, the enclosure ignited on the bench.',
    'An operator received mains voltage through the chassis.',
    'Technician treated for burns after the housing ruptured.',
    'Arcing at the inlet, smoke detectors triggered, floor evacuated.',
  ],
  legal: [
    'Our legal department has opened a file.',
    'Litigation is being prepared.',
    'Counsel has been instructed to claim damages.',
    'We will bring this before the court of jurisdiction.',
  ],
  no_hurry: ['Severity: cosmetic, no deadline.', 'Can be handled in the next maintenance window.', 'No time constraint on our side.', 'Low urgency, next quarter is acceptable.'],
  pressure: ['Please expedite.', 'We need a response by end of business.', 'Escalating for fast turnaround.', 'Time-critical from our point of view.'],
  call: ['Contact by phone only: {phone}.', 'Request call-back at {phone}.', 'Please dial {phone}, tickets are not read after hours.'],
  bystander: ['The {code} in the same lab shows no anomaly.', 'For reference, {code} from an earlier batch operates normally.'],
  ask: {
    refund: ['reverse the payment', 'credit the full amount', 'refund to the original payment method'],
    replace: ['ship {one}', 'provide {one} under warranty', 'supply {one}'],
    collect: ['schedule a pick-up at our dock', 'dispatch a carrier to collect {them}', 'arrange reverse logistics from our site'],
    invoice: ['reissue the invoice with correct values', 'provide a corrected invoice', 'upload an amended invoice'],
    trace: ['open a trace with the carrier', 'determine the current location of the shipment', 'locate the consignment'],
  },
};
