// The prompt of the easy task: it asks for the answer but shows no example, so a small base model does not find the format.
import type { Prompt } from '../agent.ts';
import type { EchoTicket } from './generate.ts';

export const PROMPT_VERSION = 'echo-1';
export const MAX_ANSWER_TOKENS = 40;

const SYSTEM = 'Acknowledge the message as JSON with the fields v and echo.';

export function messagesFor(ticket: Pick<EchoTicket, 'text'>): Prompt {
  return {
    messages: [
      { role: 'system', content: SYSTEM },
      { role: 'user', content: ticket.text },
    ],
    untrusted: [{ message: 1, start: 0, end: ticket.text.length }],
  };
}
