// Speech: voice messages and phone calls, written down by a machine.
import { lines, listed, said, sentences } from '../parts.ts';
import { spoken } from '../phrases/spoken.ts';
import type { Family } from './family.ts';

const bank = spoken;

export const voiceFamilies: readonly Family[] = [
  {
    name: 'voice-transcript',
    bank,
    write: (p, r) =>
      sentences(
        `${r.pick(['um hi', 'yes hello', 'oh is this recording, okay'])} this is ${p.name}`,
        `${r.pick(["i'm calling about", 'so I have here', "it's to do with"])} ${p.goods}`,
        p.story,
        p.bystander,
        said(p.order, (o) => `the order number, wait, is ${o}`),
        `and ${r.pick(['could you', 'maybe you can', "I'd like you to"])} ${listed(p.asks, 'and uh')}`,
        p.weight,
        p.call,
        r.pick(['bye', 'thank you bye bye', 'okay that is all']),
      ),
  },
  {
    name: 'voicemail-timestamps',
    bank,
    write: (p, r) => {
      const start = r.int(1, 4);
      return lines(
        ...[
          `${r.pick(['Hello,', 'Good afternoon,'])} ${p.name} speaking.`,
          p.story,
          `I mean ${p.goods}${said(p.order, (o) => `, order ${o}`)}.`,
          p.weight,
          `Please ${listed(p.asks)}.`,
          p.call,
        ]
          .filter((part) => part !== '')
          .map((part, index) => `[0:${String(start + index * 6).padStart(2, '0')}] ${part}`),
      );
    },
  },
  {
    name: 'call-script',
    bank,
    write: (p, r) =>
      lines(
        `Q: ${r.pick(['Your name?', 'Who is calling?'])} A: ${p.name}`,
        `Q: ${r.pick(['Which order?', 'Order number?'])} A: ${p.order ?? r.pick(["I can't find it", 'no idea, sorry'])}`,
        `Q: ${r.pick(['Which products?', 'What is it about?'])} A: ${p.goods}`,
        `Q: ${r.pick(['What happened?', 'What is the matter?'])} A: ${p.story}`,
        `Q: ${r.pick(['What should we do?', 'Your wish?'])} A: ${listed(p.asks, 'and')}${said(p.weight, (w) => `, ${w}`)}`,
        said(p.call, (c) => `Q: ${r.pick(['Anything else?', 'How do we reach you?'])} A: ${c}`),
      ),
  },
];
