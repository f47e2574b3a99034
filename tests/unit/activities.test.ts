// Steps of the pipeline as far as they need no server: what a failure may carry, scoring, what stays loaded.
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { describe, expect, test } from 'vitest';
import { chatRequest } from '../../activities/chat.ts';
import type { Deps } from '../../activities/deps.ts';
import { scoreAnswer } from '../../activities/score.ts';
import { keptLoaded } from '../../activities/serve.ts';
import { asActivity } from '../../activities/step.ts';
import { Workload, type ChannelEntry, type Digest, type EvalCase } from '../../core/contracts/index.ts';
import { digestOfBytes } from '../../core/digest.ts';
import { RatchetError } from '../../core/errors.ts';

const SECRET = 'SEEDED-SECRET';

function recordingDeps() {
  const lines: string[] = [];
  const log = (fields: unknown, text?: string): void => void lines.push(JSON.stringify([fields, text]));
  const observed: string[] = [];
  const deps = { logger: { info: log, warn: log }, observe: (step: string, _seconds: number, result: string) => observed.push(`${step} ${result}`) } as unknown as Deps;
  return { deps, lines, observed };
}

async function failureOf(error: unknown) {
  const { deps, lines, observed } = recordingDeps();
  const step = asActivity(deps, 'aStep', async () => {
    throw error;
  });
  const failure: unknown = await new MockActivityEnvironment(undefined, { logger: new DefaultLogger('ERROR', () => undefined) }).run(step, {}).catch((reason: unknown) => reason);
  if (!(failure instanceof ApplicationFailure)) throw new Error('not an application failure');
  return { failure, lines, observed };
}

describe('a failed step', () => {
  test('carries the code as type and is retried as the table says', async () => {
    const waits = await failureOf(new RatchetError('SERVING_UNAVAILABLE', 'http://a does not answer'));
    expect(waits.failure).toMatchObject({ type: 'SERVING_UNAVAILABLE', nonRetryable: false, message: 'http://a does not answer' });
    const ends = await failureOf(new RatchetError('ADAPTER_LOAD_FAILED', 'refused'));
    expect(ends.failure).toMatchObject({ type: 'ADAPTER_LOAD_FAILED', nonRetryable: true });
    expect(ends.observed).toEqual(['aStep ADAPTER_LOAD_FAILED']);
  });

  test('says nothing of a record, whatever a library quotes in its message, stack or cause', async () => {
    const foreign = new TypeError(`cannot read "${SECRET}"`, { cause: new Error(SECRET) });
    for (const error of [foreign, SECRET, { message: SECRET }, new RatchetError('INTERNAL', 'ours', { cause: foreign })]) {
      const { failure, lines } = await failureOf(error);
      expect([failure.message, failure.stack, JSON.stringify(failure), ...lines].filter((text) => text?.includes(SECRET))).toEqual([]);
      expect(failure.cause).toBeUndefined();
    }
  });
});

describe('a score', () => {
  const workload = Workload.parse({ apiVersion: 'ratchet.dev/v1', name: 'tickets', channel: 'tickets/production', baseModel: 'base' });
  const settings = { workload, workloadDigest: digestOfBytes('w'), outputSchema: { type: 'object', required: ['a'], properties: { a: { type: 'integer' } } } };
  const document: EvalCase = { schemaVersion: 1, interactionDigest: digestOfBytes('i'), clusterId: digestOfBytes('c'), messages: [{ role: 'user', parts: [{ text: 'x', trusted: true }] }], sampling: {} };
  const score = (text: string, truth: string | null = null) => scoreAnswer(settings, document, { text, finishReason: 'stop' }, truth);

  test('passes what the detectors pass', () => {
    expect(score('{"a":1}')).toEqual({ failureClasses: [], equalsTruth: null, pass: true });
    expect(score('{"a":"1"}')).toMatchObject({ failureClasses: ['schema_violation'], pass: false });
    expect(score('no')).toMatchObject({ failureClasses: ['malformed_json'], pass: false });
  });

  test('asks for the truth by content where it is known', () => {
    expect(score('{ "b": 2, "a": 1 }', '{"a":1,"b":2}')).toMatchObject({ equalsTruth: true, pass: true });
    expect(score('{"a":2}', '{"a":1}')).toMatchObject({ failureClasses: [], equalsTruth: false, pass: false });
  });
});

describe('a question to an arm', () => {
  test('is put as production put it: sampling, tools and the decoding constraint, and no other', () => {
    const document: EvalCase = { schemaVersion: 1, interactionDigest: digestOfBytes('i'), clusterId: digestOfBytes('c'), messages: [{ role: 'user', parts: [{ text: 'x', trusted: true }] }], sampling: { temperature: 0 } };
    const responseFormat = { type: 'json_object' };
    expect(chatRequest({ ...document, responseFormat, tools: [{ name: 'f' }] }, null)).toEqual({
      adapter: null, messages: [{ role: 'user', content: 'x' }], temperature: 0, responseFormat, tools: [{ type: 'function', function: { name: 'f' } }],
    });
    expect(chatRequest(document, null)).not.toHaveProperty('responseFormat');
  });
});

describe('adapters that stay loaded', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((name) => digestOfBytes(name)) as [Digest, Digest, Digest];
  const history = (...live: (Digest | null)[]): ChannelEntry[] =>
    live.map((digest, generation) => ({
      ...{ schemaVersion: 1, channel: 'tickets/production', generation, live: digest, previous: live[generation - 1] ?? null, action: 'promoted' },
      ...{ by: 'gate', reason: '', verdictDigest: null, approvalDigest: null, time: '2026-01-02T03:04:05.000Z' },
    }));

  test('are the live one and the last ones before it', () => {
    expect(keptLoaded(history(null, a, b, c), 1)).toEqual([c, b]);
    expect(keptLoaded(history(null, a, b, a), 1)).toEqual([a, b]);
    expect(keptLoaded(history(null, a, null), 1)).toEqual([a]);
    expect(keptLoaded(history(null), 2)).toEqual([]);
  });
});
