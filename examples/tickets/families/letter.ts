// Formal letters.
import { lines, listed, said, sentences } from '../parts.ts';
import { formal } from '../phrases/formal.ts';
import type { Family } from './family.ts';

const bank = formal;

export const letterFamilies: readonly Family[] = [
  {
    name: 'letter-subject',
    bank,
    write: (p, r) =>
      lines(
        `${p.date}`,
        `Subject: ${said(p.order, (o) => `order ${o}, `)}${p.goods}`,
        r.pick(['Dear Sir or Madam,', 'To whom it may concern,', 'Dear Sirs,']),
        sentences(p.story, p.weight, p.bystander),
        sentences(`${r.pick(['I request that you', 'I kindly ask you to', 'May I ask you to'])} ${listed(p.asks)}.`, p.call),
        `${r.pick(['Yours faithfully,', 'Yours sincerely,', 'Respectfully,'])}\n${p.name}`,
      ),
  },
  {
    name: 'numbered-paragraphs',
    bank,
    write: (p, r) =>
      lines(
        ...[
          `I, ${p.name}, purchased ${p.goods} from you${said(p.order, (o) => ` under number ${o}`)}.`,
          p.story,
          p.bystander,
          `${r.pick(['I demand that you', 'You are called upon to', 'I require you to'])} ${listed(p.asks)}.`,
          p.weight,
          p.call,
        ]
          .filter((part) => part !== '')
          .map((part, index) => `${index + 1}. ${part}`),
      ),
  },
  {
    name: 'company-purchase',
    bank,
    write: (p, r) =>
      lines(
        `${r.pick(['Our reference', 'Our file', 'Ref.'])}: ${r.pick(['office supplies', 'canteen', 'reception', 'guest house'])}`,
        sentences(`On behalf of our company I refer to ${said(p.order, (o) => `purchase order ${o} for `)}${p.goods}.`, p.story),
        sentences(`We would be obliged if you could ${listed(p.asks)}.`, p.weight, p.call),
        `${p.name}, ${r.pick(['office manager', 'purchasing', 'facility management', 'accounts'])}${r.chance(0.4) ? `, extension ${r.int(10, 89)}` : ''}`,
      ),
  },
  {
    name: 'courteous-note',
    bank,
    write: (p, r) =>
      sentences(
        r.pick(['Please forgive the disturbance.', 'I am sorry to trouble you once more.', 'With all due respect for your work:']),
        p.weight,
        `${r.pick(['The subject of this note is', 'My request relates to', 'At issue is the delivery of'])} ${p.goods}.`,
        p.story,
        `Might I invite you to ${listed(p.asks, 'as well as to')}?`,
        p.order === null ? 'The order number has unfortunately been mislaid.' : `The order bears the number ${p.order}.`,
        p.call,
        `I remain, ${p.name}`,
      ),
  },
];
