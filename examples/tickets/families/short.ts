// Text messages, lists and notes: as few words as possible.
import { lines, said, stop } from '../parts.ts';
import { terse } from '../phrases/terse.ts';
import type { Family } from './family.ts';

const bank = terse;
const joined = (separator: string, ...parts: readonly string[]): string => parts.filter((part) => part !== '').join(separator);

export const shortFamilies: readonly Family[] = [
  {
    name: 'sms',
    bank,
    write: (p, r) => joined(', ', p.list, p.story, p.asks.join(' + ') + r.pick([' please', ' pls', ' thx', '']), p.weight, p.call, said(p.order, (o) => `order ${o}`), p.name),
  },
  {
    name: 'bullets',
    bank,
    write: (p, r) =>
      lines(
        ...[...r.shuffle([...p.rows, said(p.order, (o) => `order no. ${o}`)]), p.story, p.weight, p.bystander]
          .filter((part) => part !== '')
          .map((part) => `- ${part}`),
        `${r.pick(['wanted', 'to do', 'please'])}: ${p.asks.join(', then ')}`,
        p.call,
        `${r.pick(['from', 'signed', 'customer'])} ${p.name}`,
      ),
  },
  {
    name: 'slashes',
    bank,
    write: (p, r) => joined(' / ', p.name, said(p.order, (o) => `#${o.replace(/^NH-?/i, '')}`), p.story, p.list, ...r.shuffle([p.weight, p.call]), p.asks.join(' & ')),
  },
  {
    name: 'subject-only',
    bank,
    write: (p, r) =>
      `${r.pick(['Subject:', 'Re:', 'AW:'])} ${p.story}${said(p.order, (o) => ` (order ${o})`)} - ${p.list} - ${p.asks.join(' and ')}${said(p.weight, (w) => `, ${w}`)}${said(p.call, (c) => `, ${c}`)} - ${p.name}`,
  },
  {
    name: 'telegram',
    bank,
    write: (p, r) =>
      joined(
        r.pick([' STOP ', '. ', ' -- ']),
        `${p.rows.join(' and ')} ${r.pick(['bought', 'ordered', 'from you'])}${said(p.order, (o) => ` on ${o}`)}`,
        p.story,
        p.weight,
        `you ${r.pick(['must', 'should', 'please'])} ${p.asks.join(' then ')}`,
        p.call,
        p.name,
      ),
  },
  {
    name: 'sticky-note',
    bank,
    write: (p, r) => lines(`${p.name}:`, stop(p.story), r.pick([p.rows.join('\n'), p.list]), said(p.order, (o) => `(${o})`), `=> ${p.asks.join(', ')}`, p.weight, p.call),
  },
];
