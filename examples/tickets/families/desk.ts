// What the shop's own people pass on: call notes, forwarded mail, records.
import { lines, listed, said, sentences, stop } from '../parts.ts';
import { staff } from '../phrases/staff.ts';
import type { Family } from './family.ts';

const bank = staff;

export const deskFamilies: readonly Family[] = [
  {
    name: 'call-note',
    bank,
    write: (p, r) =>
      sentences(
        `${r.pick(['Call note', 'Phone memo', 'Note to file'])} (${p.staff}): ${p.name} ${r.pick(['called', 'phoned', 'rang'])}${said(p.order, (o) => ` about order ${o}`)}, ${p.goods}.`,
        stop(p.story),
        stop(p.bystander),
        `${r.pick(['We should', 'Request:', 'Customer wants us to'])} ${listed(p.asks)}.`,
        stop(p.weight),
        stop(p.call),
      ),
  },
  {
    name: 'forwarded',
    bank,
    write: (p, r) =>
      lines(
        `${r.pick(['FYI', 'Please handle', 'Fwd'])}, ${p.staff}`,
        '--- Forwarded message ---',
        `From: ${p.name} <${p.email}>`,
        `Subject: ${said(p.order, (o) => `${o}: `)}${p.list}`,
        sentences(`In short: ${p.story}.`, `Asks us to ${listed(p.asks)}.`, stop(p.weight), stop(p.call)),
      ),
  },
  {
    name: 'crm-record',
    bank,
    write: (p, r) =>
      [
        ...r.shuffle([`contact=${p.name}`, said(p.order, (o) => `order=${o}`), `goods=${p.list}`]),
        `issue=${p.story}`,
        `wanted=${p.asks.join(' + ')}`,
        said([p.weight, p.call].filter((part) => part !== '').join(', '), (remark) => `remark=${remark}`),
      ]
        .filter((part) => part !== '')
        .join(r.chance(0.5) ? '; ' : ' | '),
  },
  {
    name: 'walk-in',
    bank,
    write: (p, r) =>
      sentences(
        `${p.name} ${r.pick(['came to the counter', 'stood at our desk', 'dropped in at the store'])} on ${p.day}.`,
        `${stop(p.story)} ${stop(p.weight)}`.trim(),
        `${r.pick(['This is about', 'Goods:', 'Receipt shows'])} ${p.goods}.`,
        p.order === null ? r.pick(['No order number given.', 'Receipt lost.']) : `Receipt reads ${p.order}.`,
        `I promised that we ${listed(p.asks)}.`,
        stop(p.call),
        `/ ${p.staff}`,
      ),
  },
];
