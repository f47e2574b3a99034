// Tells a team's own service about promotions: one signed POST a message, to an address that was checked.
import { createHmac } from 'node:crypto';
import { lookup as resolve } from 'node:dns/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { isIP } from 'node:net';
import { RatchetError } from '../core/errors.ts';
import type { Notifier } from './ports.ts';
import { isPublicAddress } from './webhook-address.ts';

const TIMEOUT_MS = 10_000;
/** Nothing is done with the answer but its status. */
const MAX_ANSWER_BYTES = 16_384;
const SECRET_PREFIX = 'whsec_';

export interface WebhookOptions {
  url: string;
  /** `whsec_` and base64, as Standard Webhooks writes it, or any text of at least 24 characters. */
  secret: string;
  allowPrivate: boolean;
  timeoutMs?: number;
  /** For tests: how a name is resolved, and a certificate to trust. */
  resolveAll?: (host: string) => Promise<{ address: string; family: number }[]>;
  ca?: string;
}

const keyOf = (secret: string): Buffer => (secret.startsWith(SECRET_PREFIX) ? Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64') : Buffer.from(secret));

/** Standard Webhooks: HMAC-SHA256 over id, seconds and body, joined by dots. */
export const webhookSignature = (secret: string, id: string, seconds: number, body: string): string => `v1,${createHmac('sha256', keyOf(secret)).update(`${id}.${seconds}.${body}`).digest('base64')}`;

/**
 * A notifier that posts to one URL. The name is resolved for each message, every address it gives is checked, and the connection
 * goes to a checked one: a name cannot answer otherwise the second time. Redirects are not followed.
 */
export function createWebhook(options: WebhookOptions): Notifier {
  const url = new URL(options.url);
  const { timeoutMs = TIMEOUT_MS, allowPrivate, secret } = options;
  const resolveAll = options.resolveAll ?? ((host: string) => resolve(host, { all: true, verbatim: true }));
  const host = url.hostname.replace(/^\[|\]$/g, '');

  async function checkedAddress(): Promise<{ address: string; family: number }> {
    const literal = isIP(host);
    let found: { address: string; family: number }[];
    try {
      found = literal === 0 ? await resolveAll(host) : [{ address: host, family: literal }];
    } catch {
      throw new RatchetError('WEBHOOK_UNAVAILABLE', `the name ${host} does not resolve`);
    }
    const [first] = found;
    if (first === undefined) throw new RatchetError('WEBHOOK_UNAVAILABLE', `the name ${host} does not resolve`);
    const refused = allowPrivate ? undefined : found.find(({ address }) => !isPublicAddress(address));
    if (refused !== undefined) throw new RatchetError('WEBHOOK_FORBIDDEN', `${host} leads to ${refused.address}, which is not a public address`);
    return first;
  }

  return async ({ id, time, body }, signal) => {
    const target = await checkedAddress();
    const seconds = Math.floor(time.getTime() / 1000);
    const bytes = Buffer.from(body);
    const headers = { 'content-type': 'application/json', 'content-length': bytes.length, 'user-agent': 'ratchet-webhook/1', 'webhook-id': id, 'webhook-timestamp': String(seconds), 'webhook-signature': webhookSignature(secret, id, seconds, body) };
    const deadline = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]);
    const pinned: RequestOptions = {
      method: 'POST',
      headers,
      agent: false,
      signal: deadline,
      lookup: (_host, lookupOptions, done) => {
        if (lookupOptions.all === true) done(null, [target]);
        else done(null, target.address, target.family);
      },
      ...(options.ca === undefined ? {} : { ca: options.ca }),
    };
    await post(url, pinned, bytes);
  };
}

function post(url: URL, options: RequestOptions, bytes: Buffer): Promise<void> {
  return new Promise((done, failed) => {
    const fail = (what: string): void => failed(new RatchetError('WEBHOOK_UNAVAILABLE', `${url.host} ${what}`));
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const sent = send(url, options, (answer) => {
      let read = 0;
      answer.on('data', (chunk: Buffer) => {
        read += chunk.length;
        // More is of no use: what counts is the status.
        if (read > MAX_ANSWER_BYTES) answer.destroy();
      });
      answer.on('error', () => undefined);
      const status = answer.statusCode ?? 0;
      answer.on('close', () => (status >= 200 && status < 300 ? done() : fail(`answered ${status}`)));
    });
    // The cause is left out: it may quote what was sent.
    sent.on('error', (error: NodeJS.ErrnoException) => fail(error.name === 'AbortError' || error.name === 'TimeoutError' ? 'did not answer in time' : `cannot be reached (${error.code ?? error.name})`));
    sent.end(bytes);
  });
}
