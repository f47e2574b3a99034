// The agent of the easy task.
import { runAgent as run, type AgentAnswer, type AgentOptions } from '../agent.ts';
import type { EchoTicket } from './generate.ts';
import { MAX_ANSWER_TOKENS, messagesFor, PROMPT_VERSION } from './prompt.ts';

export type EchoAgentOptions = Omit<AgentOptions<EchoTicket>, 'promptOf' | 'promptVersion' | 'tenant' | 'maxTokens'> & { tenant?: string };

export const runAgent = (options: EchoAgentOptions): Promise<AgentAnswer[]> =>
  run({ tenant: 'echo', ...options, promptOf: messagesFor, promptVersion: PROMPT_VERSION, maxTokens: MAX_ANSWER_TOKENS });
