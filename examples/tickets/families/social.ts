// Rants, posts, reviews and chats.
import { capital, lines, listed, said, sentences, stop } from '../parts.ts';
import { angry } from '../phrases/angry.ts';
import type { Family } from './family.ts';

const bank = angry;

export const socialFamilies: readonly Family[] = [
  {
    name: 'rant',
    bank,
    write: (p, r) =>
      sentences(
        r.pick(['WORST SHOP EVER!!!', 'Are you kidding me?!', 'UNBELIEVABLE.', 'I am so fed up with you people.']),
        `${capital(p.goods)} and what do I get: ${p.story}!`,
        p.bystander === '' ? '' : `${capital(p.bystander)}!`,
        `${capital(listed(p.asks))}${said(p.weight, (w) => `, ${w}`)}!`,
        said(p.order, (o) => `Order ${o}, look it up.`),
        p.call === '' ? '' : `${capital(p.call)}!`,
        p.name.toUpperCase() === p.name ? '' : `${p.name}, ${r.pick(['ex customer', 'not amused', 'disappointed'])}`,
      ),
  },
  {
    name: 'social-post',
    bank,
    write: (p, r) =>
      sentences(
        `@nordhaus ${p.story} ${r.pick(['#fail', '#neveragain', '#customerservice', '#nordhaus'])}`,
        `it's about ${p.list}${said(p.order, (o) => `, order ${o}`)}.`,
        `${listed(p.asks, '&')}, ok?`,
        p.weight,
        p.call,
        `(${p.name})`,
      ),
  },
  {
    name: 'chat-log',
    bank,
    write: (p, r) => {
      const agent = (text: string): string => `${p.staff}: ${text}`;
      const client = (text: string): string => `Customer: ${text}`;
      return lines(
        agent(r.pick(['Hi, what can I do for you?', 'Welcome to the chat!', 'Hello, how may I help?'])),
        client(p.story),
        agent(r.pick(['Oh no. Which products?', 'Sorry to hear that. What is it about?'])),
        client(p.list + said(p.order, (o) => `, order ${o}`)),
        agent(r.pick(['And your name? What should we do?', 'Who am I speaking to, and what would you like?'])),
        client(sentences(`${p.name}.`, stop(listed(p.asks)), stop(p.weight), stop(p.call))),
      );
    },
  },
  {
    name: 'chat-burst',
    bank,
    write: (p, r) =>
      lines(
        r.pick(['hi', 'hello??', 'anyone there', 'hey']),
        ...r.shuffle([`i have ${p.list.toLowerCase()}`, p.story]),
        said(p.order, (o) => `order is ${o}`),
        ...p.asks,
        p.weight,
        p.call,
        `${r.pick(['im', 'name is', 'its'])} ${p.name}`,
      ),
  },
  {
    name: 'review',
    bank,
    write: (p, r) =>
      lines(
        `${r.pick(['*', '**', '1/5', '1 star', '0 stars if I could'])} by ${p.name}`,
        sentences(`${r.pick(['Bought', 'Got', 'Ordered'])} ${p.goods}.`, stop(p.story), stop(p.bystander)),
        sentences(`Dear shop: ${listed(p.asks)}${said(p.weight, (w) => `, ${w}`)}.`, said(p.order, (o) => `Order no ${o}.`), stop(p.call)),
      ),
  },
];
