// Customers who write in a foreign language.
import { lines, listed, said, sentences, stop } from '../parts.ts';
import { nonnative } from '../phrases/nonnative.ts';
import type { Family } from './family.ts';

const bank = nonnative;

export const abroadFamilies: readonly Family[] = [
  {
    name: 'foreign-mail',
    bank,
    write: (p, r) =>
      sentences(
        r.pick(['Good day!', 'Hello dear shop,', 'Estimated gentlemen,', 'Dear Nordhaus,']),
        `${r.pick(['I have bought by you', 'I did order', 'From you I have'])} ${p.goods}.`,
        stop(p.story),
        stop(p.bystander),
        `${r.pick(['I pray you,', 'Please you must', 'I want that you'])} ${listed(p.asks)}.`,
        stop(p.weight),
        said(p.order, (o) => `Number of order is ${o}.`),
        stop(p.call),
        `${r.pick(['With friendly greetings', 'Saluting you', 'Many thanks before'])}, ${p.name}`,
      ),
  },
  {
    name: 'foreign-chat',
    bank,
    write: (p, r) =>
      lines(
        `${r.pick(['hello my friend', 'hallo', 'good evening sir'])}, ${r.pick(['i am', 'my name'])} ${p.name}`,
        said(p.order, (o) => `i make order ${o}`),
        `${p.list} ${r.pick(['was in it', 'is the problem', 'i speak of this'])}`,
        p.story,
        `${r.pick(['so please', 'you can', 'i like you'])} ${listed(p.asks, 'and after')} ${r.pick(['??', 'ok', 'thank you'])}`,
        p.weight,
        p.call,
      ),
  },
  {
    name: 'translated-letter',
    bank,
    write: (p, r) =>
      lines(
        r.pick(['[automatic translation]', '(translated from Portuguese)', 'Translated by the browser:']),
        sentences(`Very honored ladies and misters, ${p.story}.`, stop(p.weight)),
        `The thing treats itself of ${p.goods}${said(p.order, (o) => `, commission ${o}`)}.`,
        sentences(`It would be kind to ${listed(p.asks)}.`, stop(p.call)),
        `High-attentively ${p.name}`,
      ),
  },
];
