// Mail and web forms: what most of the traffic looks like.
import { capital, lines, listed, said, sentences, stop } from '../parts.ts';
import { plain } from '../phrases/plain.ts';
import type { Family } from './family.ts';

const bank = plain;

export const mailFamilies: readonly Family[] = [
  {
    name: 'web-form',
    bank,
    write: (p, r) =>
      lines(
        ...r.shuffle([`Name: ${p.name}`, `E-mail: ${p.email}`, said(p.order, (o) => `Order: ${o}`), `Products: ${p.list}`, r.chance(0.25) ? `Phone: ${p.phone}` : '']),
        `Message: ${sentences(p.story, p.bystander, `Please ${listed(p.asks)}.`, p.call, p.weight)}`,
      ),
  },
  {
    name: 'short-mail',
    bank,
    write: (p, r) =>
      sentences(
        r.pick(['Hello,', 'Hi there,', 'Good morning,']),
        `${r.pick(['this is about', 'I am writing about', 'I have a problem with'])} ${p.goods}${said(p.order, (o) => ` from order ${o}`)}.`,
        p.story,
        p.weight,
        `${r.pick(['Could you please', 'Please', 'I would like you to'])} ${listed(p.asks)}.`,
        p.call,
        `${r.pick(['Thanks,', 'Best,', 'Kind regards,'])} ${p.name}`,
      ),
  },
  {
    name: 'story-first',
    bank,
    write: (p, r) =>
      lines(
        sentences(p.story, p.weight),
        `${r.pick(['I am talking about', 'The things concerned are', 'It concerns'])} ${p.goods}. ${p.bystander}`.trim(),
        `${r.pick(['What I would like:', 'My wish:', 'To settle this,'])} ${listed(p.asks.map((ask) => `please ${ask}`))}.`,
        p.call,
        lines(p.name, said(p.order, (o) => `Order ${o}`)),
      ),
  },
  {
    name: 'order-first',
    bank,
    write: (p, r) =>
      sentences(
        p.order === null ? 'I do not have my order number at hand.' : `${r.pick(['Order', 'Order number', 'My order is'])} ${p.order}.`,
        `${r.pick(['I bought', 'I ordered', 'On it were', 'You sold me'])} ${p.goods}.`,
        p.bystander,
        p.story,
        `${r.pick(['Kindly', 'Please', 'Would you'])} ${listed(p.asks, 'and then')}.`,
        p.weight,
        p.call,
        `My name is ${p.name}.`,
      ),
  },
  {
    name: 'question-first',
    bank,
    write: (p, r) =>
      lines(
        `${r.pick(['Is it possible for you to', 'Would you be able to', 'Can you'])} ${listed(p.asks)}?`,
        sentences(`${r.pick(['The reason is', 'It is about'])} ${p.goods}${said(p.order, (o) => ` (order ${o})`)}.`, p.story, p.weight),
        p.call,
        `${r.pick(['Yours,', 'Thank you,', 'Greetings,'])}\n${p.name}`,
      ),
  },
  {
    name: 'postscript',
    bank,
    write: (p, r) =>
      lines(
        `Dear ${r.pick(['team', 'customer service', 'support'])},`,
        sentences(p.story, `I ask you to ${listed(p.asks)}.`, p.bystander),
        `Regards, ${p.name}`,
        sentences('P.S.', `${r.pick(['I forgot to say:', 'The details:'])} ${p.goods}${said(p.order, (o) => `, order ${o}`)}.`, p.weight, p.call),
      ),
  },
  {
    name: 'reply-all-in-one',
    bank,
    write: (p, r) =>
      sentences(
        `${p.name} here,`,
        `${r.pick(['again about', 'once more because of', 'following up on'])} ${said(p.order, (o) => `order ${o}, `)}${p.goods}:`,
        r.chance(0.5) ? `${p.story} ${p.weight}`.trim() : `${p.weight} ${p.story}`.trim(),
        `${capital(r.pick(['all I need is that you', 'what would help is that you', 'I only want you to']))} ${listed(p.asks, 'and also')}.`,
        stop(p.call),
      ),
  },
];
