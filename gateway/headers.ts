// The x-ratchet-* headers of a request: who asks, for what conversation, and which text came from outside.
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { badRequest } from './refusal.ts';

/** A range of a message's text, in UTF-16 code units; `message` is its index. */
export interface UntrustedSpan {
  message: number;
  start: number;
  end: number;
}

export interface RatchetHeaders {
  interaction: string;
  /** As the caller says; whether that counts is its key's to say (callers.ts). */
  tenant: string | undefined;
  session: string | undefined;
  promptVersion: string;
  untrusted: UntrustedSpan[];
  traceparent: string | undefined;
}

const NAME = /^[\x21-\x7e]+$/;
const MAX_NAME = 256;
/** Leaves room for the number of a further choice. */
const MAX_ID = 240;
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** @throws Refusal 400 naming the header and the place in it. A broken traceparent is left out, as W3C asks. */
export function readHeaders(headers: IncomingHttpHeaders): RatchetHeaders {
  const traceparent = headers['traceparent'];
  return {
    interaction: named(headers, 'x-ratchet-interaction', MAX_ID) ?? randomUUID(),
    tenant: named(headers, 'x-ratchet-tenant'),
    session: named(headers, 'x-ratchet-session'),
    promptVersion: named(headers, 'x-ratchet-prompt-version') ?? 'unknown',
    untrusted: untrustedSpans(headers['x-ratchet-untrusted']),
    traceparent: typeof traceparent === 'string' && TRACEPARENT.test(traceparent) ? traceparent : undefined,
  };
}

function named(headers: IncomingHttpHeaders, name: string, max = MAX_NAME): string | undefined {
  const value = headers[name];
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value.length <= max && NAME.test(value)) return value;
  throw badRequest(`header ${name}: 1 to ${max} visible ASCII characters`, name);
}

function untrustedSpans(value: string | string[] | undefined): UntrustedSpan[] {
  if (value === undefined) return [];
  const bad = (place: string, message: string) => badRequest(`header x-ratchet-untrusted${place}: ${message}`, 'x-ratchet-untrusted');
  let spans: unknown;
  try {
    spans = JSON.parse(String(value));
  } catch {
    throw bad('', 'is not JSON; expected [{"message":0,"start":0,"end":10}]');
  }
  if (!Array.isArray(spans)) throw bad('', 'must be an array');
  return spans.map((span: unknown, index): UntrustedSpan => {
    if (typeof span !== 'object' || span === null) throw bad(`/${index}`, 'must be an object');
    const count = (name: keyof UntrustedSpan): number => {
      const number = (span as Record<string, unknown>)[name];
      if (typeof number !== 'number' || !Number.isInteger(number) || number < 0) throw bad(`/${index}/${name}`, 'must be a whole number, 0 or more');
      return number;
    };
    const result = { message: count('message'), start: count('start'), end: count('end') };
    if (result.end <= result.start) throw bad(`/${index}/end`, 'must be greater than start');
    return result;
  });
}
