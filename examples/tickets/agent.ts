// The support-ticket agent: turns each customer text into the JSON that the shop's systems read.
import { runAgent as run, type AgentAnswer, type AgentOptions } from '../agent.ts';
import type { Ticket } from './generate.ts';
import { MAX_ANSWER_TOKENS, messagesFor, PROMPT_VERSION } from './prompt.ts';

export type TicketAgentOptions = Omit<AgentOptions<Ticket>, 'promptOf' | 'promptVersion' | 'tenant' | 'maxTokens'> & { tenant?: string };

export const runAgent = (options: TicketAgentOptions): Promise<AgentAnswer[]> =>
  run({ tenant: 'nordhaus', ...options, promptOf: messagesFor, promptVersion: PROMPT_VERSION, maxTokens: MAX_ANSWER_TOKENS });
