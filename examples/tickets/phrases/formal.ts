// Letters: full sentences, set phrases, distance.
import type { PhraseBank } from './bank.ts';

export const formal: PhraseBank = {
  delivery: [
    'I regret to inform you that the consignment has not reached me to this day.',
    'The delivery announced for {date} has failed to take place.',
    'Despite your confirmation of dispatch, no goods have been received at our address.',
    'According to the carrier, the shipment has been untraceable since {day}.',
    'The agreed delivery period expired on {date} without any goods arriving.',
  ],
  defect: [
    'Upon first use it became apparent that the goods do not function.',
    'The goods exhibit a serious fault: the supply cuts out after a few minutes.',
    'The casing was found to be broken when the carton was opened.',
    'Despite careful handling in accordance with the manual, the goods ceased to operate.',
    'The controls do not respond, which renders the goods unusable.',
  ],
  billing: [
    'On reviewing my account I noted that the purchase price had been debited twice.',
    'The sum of {amount} charged to me exceeds the price stated in your confirmation.',
    'The rebate granted to me in writing has not been taken into account in your statement.',
    'I find myself charged for an insurance to which I never consented.',
    'The value added tax has evidently been calculated incorrectly.',
  ],
  return: [
    'I hereby withdraw from the contract within the statutory period, the goods being no longer required.',
    'After due consideration I have decided not to retain the goods, which are unused.',
    'The model selected proves unsuitable for our premises, although it is without fault.',
    'I wish to make use of my right of withdrawal, as a relative has since made me the same present.',
  ],
  danger: [
    'During operation flames were observed at the rear of the housing, placing my family at risk.',
    'I must report that my daughter suffered an electric shock in the process.',
    'Dense smoke developed within seconds, and the fire brigade had to be called.',
    'My husband sustained a burn to his forearm as a consequence.',
  ],
  legal: [
    'Failing a satisfactory reply, I shall instruct my solicitors without further notice.',
    'I reserve the right to commence court proceedings.',
    'A copy of this letter has been forwarded to my legal counsel.',
    'Should you not comply, the matter will be placed before the ombudsman and the courts.',
  ],
  no_hurry: [
    'The matter is by no means pressing.',
    'I should add that there is no particular haste.',
    'You may deal with this at your convenience.',
    'A reply in the course of the coming month will be quite sufficient.',
  ],
  pressure: [
    'I expect this matter to receive your prompt attention.',
    'I must insist on a swift settlement.',
    'Your immediate response would be appreciated.',
    'I trust that you will act without delay.',
  ],
  call: [
    'I would ask you to contact me by telephone under {phone}.',
    'Kindly telephone me at {phone} rather than writing.',
    'A telephone call to {phone} would be preferred to correspondence.',
  ],
  bystander: [
    'My earlier purchase, model {code}, has given no cause for complaint.',
    'I may add that the {code} acquired previously continues to serve us well.',
  ],
  ask: {
    refund: ['reimburse the purchase price', 'credit the sum paid to my account', 'refund the amount in full'],
    replace: ['supply {one} free of charge', 'deliver {one} in substitution', 'provide me with {one}'],
    collect: ['arrange collection of the goods at my address', 'have the goods collected by your carrier', 'make arrangements for the goods to be picked up'],
    invoice: ['furnish me with a corrected invoice', 'issue an amended invoice', 'provide an invoice bearing the correct particulars'],
    trace: ['initiate an inquiry into the whereabouts of the shipment', 'have the consignment traced', 'ascertain from the carrier where the goods are'],
  },
};
