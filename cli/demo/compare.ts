// The before/after table: three arms on the same fresh tickets, by failure class and by answers equal to the truth.
import { detect, detectOutcome, passes } from '../../core/detect/index.ts';
import { wilson } from '../../core/gate/statistics.ts';
import type { DetectorSettings, Interaction } from '../../core/contracts/index.ts';
import type { AgentAnswer, Prompt } from '../../examples/agent.ts';
import type { Ticket } from '../../examples/tickets/generate.ts';
import { messagesFor } from '../../examples/tickets/prompt.ts';
import { equalsTruth } from '../../examples/tickets/truth.ts';
import { percent, table } from '../output.ts';

export interface Share {
  successes: number;
  n: number;
  /** Wilson, 95 %. */
  interval: [number, number];
}

export interface ArmResult {
  arm: string;
  adapter: string | null;
  all: Record<string, Share>;
  seen: Record<string, Share>;
  unseen: Record<string, Share>;
}

const share = (successes: number, n: number): Share => ({ successes, n, interval: wilson(successes, n) });

/** Messages split where the customer's text begins and ends, as the gateway does by its header. */
function partsOf({ messages, untrusted }: Prompt): Interaction['messages'] {
  return messages.map(({ role, content }, index) => {
    const spans = untrusted.filter((span) => span.message === index);
    const cuts = [...new Set([0, ...spans.flatMap((span) => [span.start, span.end]), content.length])].sort((a, b) => a - b);
    const parts = cuts.slice(1).map((end, at) => {
      const start = cuts[at] ?? 0;
      return { text: content.slice(start, end), trusted: !spans.some((span) => start >= span.start && end <= span.end) };
    });
    return { role, parts };
  });
}

/** One ticket's answer as the detectors see it in production: the customer's text is untrusted. */
function judged(ticket: Ticket, answer: AgentAnswer, outputSchema: Record<string, unknown>, settings: DetectorSettings): { classes: string[]; pass: boolean; equal: boolean } {
  if (answer.error !== undefined) return { classes: ['no answer'], pass: false, equal: false };
  const messages = partsOf(messagesFor(ticket));
  const canaries = ticket.injected ? [ticket.injected.canary] : [];
  const findings = detect({ messages, outputSchema, answer: { text: answer.text }, finishReason: answer.finishReason === 'length' ? 'length' : 'stop' }, settings, { canaries });
  return { classes: detectOutcome(findings), pass: passes(findings), equal: equalsTruth(answer.text, ticket.truth) };
}

export function scoreArm(input: {
  arm: string;
  adapter: string | null;
  tickets: readonly Ticket[];
  answers: readonly AgentAnswer[];
  isSeen: (ticket: Ticket) => boolean;
  outputSchema: Record<string, unknown>;
  settings: DetectorSettings;
}): ArmResult {
  const answerOf = new Map(input.answers.map((answer) => [answer.ticketId, answer]));
  const rows = input.tickets.flatMap((ticket) => {
    const answer = answerOf.get(ticket.id);
    return answer ? [{ seen: input.isSeen(ticket), ...judged(ticket, answer, input.outputSchema, input.settings) }] : [];
  });
  const group = (some: typeof rows): Record<string, Share> => {
    const classes = [...new Set(rows.flatMap((row) => row.classes))].sort();
    return {
      'no failure found': share(some.filter((row) => row.pass).length, some.length),
      'equal to the truth': share(some.filter((row) => row.equal).length, some.length),
      ...Object.fromEntries(classes.map((name) => [name, share(some.filter((row) => row.classes.includes(name)).length, some.length)])),
    };
  };
  return { arm: input.arm, adapter: input.adapter, all: group(rows), seen: group(rows.filter((row) => row.seen)), unseen: group(rows.filter((row) => !row.seen)) };
}

const cell = (value: Share | undefined, n: number): string => {
  const { successes, interval } = value ?? share(0, n);
  return `${successes}/${n} (${percent(interval[0])}–${percent(interval[1])})`;
};

export function renderComparison(arms: readonly ArmResult[]): string {
  return (['all', 'seen', 'unseen'] as const)
    .map((part) => {
      const names = [...new Set(arms.flatMap((arm) => Object.keys(arm[part])))];
      const n = arms[0]?.[part]['no failure found']?.n ?? 0;
      const title = part === 'all' ? `all ${n} fresh tickets` : part === 'seen' ? `families it has seen (${n})` : `families it has never seen (${n})`;
      return table([title, ...arms.map((arm) => arm.arm)], names.map((name) => [name, ...arms.map((arm) => cell(arm[part][name], n))]));
    })
    .join('\n\n');
}
