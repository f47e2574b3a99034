// Families that production and training never see: they measure what was learned beyond the known layouts.
import { lines, listed, said, sentences, stop } from '../parts.ts';
import { quaint } from '../phrases/quaint.ts';
import { technical } from '../phrases/technical.ts';
import type { Family } from './family.ts';

export const unseenFamilies: readonly Family[] = [
  {
    name: 'handwritten-letter',
    bank: quaint,
    write: (p, r) =>
      lines(
        r.pick(['My dear people at Nordhaus,', 'Dear young ladies and gentlemen,', 'Good people,']),
        sentences(`Some while ago I treated myself to ${p.goods}.`, p.story, p.bystander),
        sentences(`Would you be so good as to ${listed(p.asks)}?`, p.weight, p.call),
        sentences('With warm wishes,', p.name, said(p.order, (o) => `(the slip says ${o})`)),
      ),
  },
  {
    name: 'postcard',
    bank: quaint,
    write: (p, r) =>
      sentences(
        `Greetings from ${r.pick(['the seaside', 'the mountains', 'my garden chair'])}!`,
        said(p.order, (o) => `Order ${o},`),
        `${p.list}:`,
        p.story,
        `Be an angel and ${listed(p.asks)}.`,
        p.weight,
        p.call,
        `Your ${p.name}`,
      ),
  },
  {
    name: 'diary',
    bank: quaint,
    write: (p, r) =>
      lines(
        `${p.day}. ${r.pick(['Rain again.', 'Tea at four.', 'Slept badly.'])} ${p.story}`,
        `${r.pick(['Must tell the shop', 'Note to the shop'])}: ${listed(p.asks)}. ${p.weight}`.trim(),
        `(${p.goods}${said(p.order, (o) => `; paper says ${o}`)})`,
        p.call,
        `This page belongs to ${p.name}, please read it, Nordhaus.`,
      ),
  },
  {
    name: 'fable',
    bank: quaint,
    write: (p, r) =>
      sentences(
        `Once upon a time ${p.name} bought ${p.goods}${said(p.order, (o) => ` with order ${o}`)}.`,
        p.story,
        `${r.pick(['So the customer begs the shop to', 'And the moral is that you should'])} ${listed(p.asks)}.`,
        p.weight,
        p.call,
        r.pick(['The end.', 'And they lived happily, one hopes.']),
      ),
  },
  {
    name: 'bug-report',
    bank: technical,
    write: (p, r) =>
      lines(
        `## ${r.pick(['Environment', 'Setup'])}`,
        [...p.rows, said(p.order, (o) => `order ${o}`)].filter((part) => part !== '').join(', '),
        `## ${r.pick(['Observed', 'What happens'])}`,
        sentences(p.story, p.bystander),
        `## ${r.pick(['Expected', 'Requested'])}`,
        sentences(`${stop(listed(p.asks))}`, p.weight, p.call),
        `Reporter: ${p.name}`,
      ),
  },
  {
    name: 'xml-export',
    bank: technical,
    write: (p, r) =>
      `<ticket><from>${p.name}</from>${r
        .shuffle([said(p.order, (o) => `<ref>${o}</ref>`), `<goods>${p.list}</goods>`])
        .join('')}<text>${sentences(p.story, p.weight, p.call)}</text><wish>${p.asks.join('; ')}</wish></ticket>`,
  },
  {
    name: 'quoted-thread',
    bank: technical,
    write: (p, r) =>
      lines(
        `> ${p.staff} wrote: ${r.pick(['which order and how many?', 'please send the details.'])}`,
        `${said(p.order, (o) => `Order ${o}: `)}${p.goods}.`,
        `> ${r.pick(['and what is wrong?', 'what is the issue?'])}`,
        sentences(p.story, p.bystander),
        `> ${r.pick(['what do you expect from us?', 'how shall we proceed?'])}`,
        sentences(`${r.pick(['You should', 'We expect you to'])} ${listed(p.asks)}.`, p.weight, p.call),
        `-- ${p.name}`,
      ),
  },
  {
    name: 'meeting-minutes',
    bank: technical,
    write: (p, r) =>
      lines(
        `Minutes, ${p.date}. ${r.pick(['Contact', 'Owner'])}: ${p.name}`,
        `Item: ${p.rows.join(' / ')}${said(p.order, (o) => `, order ${o}`)}`,
        `Finding: ${p.story}`,
        `Action for the supplier: ${p.asks.join('; ')}`,
        said(sentences(p.weight, p.call), (remark) => `Remark: ${remark}`),
      ),
  },
];
