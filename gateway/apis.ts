// The two APIs that answer: where each is, and how its request is read. All else they share.
import { readChatRequest } from './chat-request.ts';
import { readCompletionRequest } from './completion-request.ts';
import type { UntrustedSpan } from './headers.ts';
import type { Ask } from './request.ts';

/** OTel's names. */
export type Operation = 'chat' | 'text_completion';

export interface Api {
  path: string;
  operation: Operation;
  read: (body: unknown, untrusted: readonly UntrustedSpan[]) => Ask;
}

export const CHAT: Api = { path: '/v1/chat/completions', operation: 'chat', read: readChatRequest };
export const TEXT: Api = { path: '/v1/completions', operation: 'text_completion', read: readCompletionRequest };
