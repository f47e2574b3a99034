// Hostile input through everything that reads records: no crash, no hang, no memory without bound.
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { DetectorSettings, type Interaction } from '../../core/contracts/index.ts';
import { clusterIdOf } from '../../core/curate/cluster.ts';
import { judge, notesOn, type DetectionOptions } from '../../core/detect/index.ts';
import { RatchetError } from '../../core/errors.ts';
import { createRedactor } from '../../core/redact/index.ts';
import { parseRecord } from '../../intake/parse.ts';
import { FORMATS, readerFor } from '../../intake/readers/formats.ts';
import { createLineJudge, documentOf, problemOf } from '../../intake/readers/judge-line.ts';
import { interactionNo } from '../contracts/records.ts';
import { cpuMs } from '../support/cpu-time.ts';
import { hostileSchemas, hostileTexts, hostileValues, nested } from './hostile.ts';

/** Of the goal, 50 ms for 100 kB. */
const SIZE = 100_000;
const GOAL_MS = 50;
/** What one pass over as many characters takes here and now, with what else the machine does; on the machine of the goal about 4 ms. */
const REFERENCE_MS = 4;
/** A run counts as a hang when it is this many times slower than the goal, scaled by this machine's speed: noise is not that large. */
const TOLERANCE = 5;

const settings = DetectorSettings.parse({ canaries: ['ZEBRA-99', 'the word of the day'], rules: [{ id: 'r', forbid: ['guaranteed refund'], require: ['kind regards'] }] });
const options: DetectionOptions = { canaries: ['follow-me-7'], goals: [{ id: 'g1', check: { type: 'contains', value: 'buy now' } }, { id: 'g2', check: { type: 'regex', value: '(a|aa)+$' } }, { id: 'g3', check: { type: 'language', value: 'fr' } }, { id: 'g4', check: { type: 'encoded', value: 'secret words' } }, { id: 'g5', check: { type: 'tool_call', value: 'send' } }] };
const redactor = createRedactor('a tenant key');

let reference = REFERENCE_MS;
/** Best of a few: what is slow by nature is slow every time. */
const best = (work: () => void): number => {
  let ms = cpuMs(work);
  for (let again = 0; again < 2 && ms > GOAL_MS; again += 1) ms = Math.min(ms, cpuMs(work));
  return ms;
};
beforeAll(() => {
  const text = 'the quick brown fox '.repeat(SIZE / 20);
  const pass = () => void text.replace(/[a-z]+/g, (word) => word.toUpperCase()).normalize('NFKC').split(' ').join(' ');
  pass();
  reference = Math.max(REFERENCE_MS, Math.min(cpuMs(pass), cpuMs(pass), cpuMs(pass)));
});
/** Names those that were too slow, with their time in multiples of the goal. */
const slow = (runs: readonly (readonly [string, number])[]): string[] =>
  runs.filter(([, ms]) => ms > GOAL_MS * TOLERANCE * (reference / REFERENCE_MS)).map(([name, ms]) => `${name}: ${(ms / GOAL_MS).toFixed(1)} × the goal`);

/** The text everywhere it can stand in a record. */
function interactionOf(text: string, over: Partial<Interaction> = {}): Interaction {
  return interactionNo(1, { messages: [{ role: 'system', parts: [{ text: 'Be brief.', trusted: true }] }, { role: 'user', parts: [{ text, trusted: false }] }], answer: { text }, ...over });
}
const detectAll = (interaction: Interaction): void => {
  for (const expect of ['json', 'text', 'tool_calls'] as const) {
    const own = { ...settings, expect };
    judge(interaction, own, options);
    notesOn(interaction, own);
  }
};

describe('texts of 100 kB', () => {
  const texts = hostileTexts(SIZE);

  it('are judged as the answer and as untrusted text', () => {
    detectAll(interactionOf('warm'));
    // Three expectations, and the text twice.
    expect(slow(texts.map(([name, text]) => [name, best(() => detectAll(interactionOf(text))) / 6]))).toEqual([]);
  }, 120_000);

  it('are judged against a schema and as arguments of calls', () => {
    const outputSchema = { type: 'object', properties: { a: { type: 'string', pattern: '^(a|b)*c$', format: 'email' } }, additionalProperties: { type: 'string' } };
    const tools = [{ name: 'send', parameters: outputSchema }];
    expect(slow(texts.flatMap(([name, text]) => [
      [`${name}, schema`, best(() => judge(interactionOf(text, { outputSchema }), settings)) / 2],
      [`${name}, string in JSON`, best(() => judge(interactionOf(JSON.stringify({ a: text }), { outputSchema }), settings, options)) / 3],
      [`${name}, call`, best(() => judge(interactionOf('', { tools, answer: { text: '', toolCalls: [{ name: 'send', arguments: text }, { name: text, arguments: '{}' }] } }), settings, options)) / 3],
    ] as const))).toEqual([]);
  });

  it('are redacted', () => {
    redactor.redactText('warm');
    expect(slow(texts.map(([name, text]) => [name, best(() => redactor.redactInteraction(interactionOf(text))) / 2]))).toEqual([]);
  });

  it('are put into clusters', () => {
    expect(slow(texts.map(([name, text]) => [name, best(() => clusterIdOf(interactionOf(text).messages))]))).toEqual([]);
  });

  it('are read as records and as lines of every format', () => {
    const lineJudge = createLineJudge({ reader: readerFor('auto'), settings, expectsOfWorkload: false, schema: undefined });
    expect(slow(texts.flatMap(([name, text]) => [
      [`${name}, record`, best(() => void refusal(() => parseRecord(Buffer.from(text), { maxBytes: 1e7, maxDepth: 64 })))],
      [`${name}, line`, best(() => void lineJudge({ line: 1, text: text.replaceAll('\n', ' ') }))],
      [`${name}, output`, best(() => void lineJudge({ line: 1, text: JSON.stringify({ output: text, untrusted: text }) })) / 2],
    ] as const))).toEqual([]);
  });
});

function refusal(work: () => unknown): RatchetError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof RatchetError) return error;
    throw error;
  }
}

describe('time grows with the size, not faster', () => {
  // From 50 kB to 400 kB is 8 times; a square would be 64.
  const [small, large] = [hostileTexts(50_000), hostileTexts(400_000)];
  const grows = (work: (text: string) => void): string[] =>
    large.flatMap(([name, text], index) => {
      let run = 0;
      // Never the same text twice: what was worked out for one is remembered.
      const fresh = (of: string) => () => work(`${of} ${(run += 1)}`);
      const ms = best(fresh(text));
      // Too fast to tell apart from noise.
      if (ms < 60) return [];
      const ratio = ms / Math.max(best(fresh(small[index]?.[1] ?? '')), 1);
      return ratio > 32 ? [`${name}: ${ratio.toFixed(0)} × for 8 × the size`] : [];
    });

  it('in detection', () => expect(grows((text) => void judge(interactionOf(text), settings, options))).toEqual([]), 120_000);
  it('in redaction', () => expect(grows((text) => void redactor.redactText(text))).toEqual([]));
});

describe('single giants', () => {
  it.each([
    ['250 kB of [', '['.repeat(250_000)],
    ['10 MB of text', 'all work and no play '.repeat(500_000)],
    ['a string of 10 MB', JSON.stringify({ a: 'x'.repeat(10_000_000) })],
    ['10 MB nested', nested(1_500_000, '{"a":', '}')],
    ['above the limit', 'x'.repeat(33 * 1024 * 1024)],
  ])('%s', (_, text) => {
    expect(() => judge(interactionOf(text), settings, options)).not.toThrow();
    expect(createLineJudge({ reader: readerFor('auto'), settings, expectsOfWorkload: false, schema: undefined })({ line: 1, text })).toContain('"error"');
  });

  it('100,000 tool calls and as many tools', () => {
    const toolCalls = Array.from({ length: 100_000 }, (_, n) => ({ name: `tool ${n}`, arguments: n % 2 ? '{"a":1}' : '{' }));
    const seconds = cpuMs(() => judge(interactionOf('', { answer: { text: '', toolCalls }, tools: [] }), settings, options)) / 1000;
    expect(seconds).toBeLessThan((10 * reference) / REFERENCE_MS);
    const tools = Array.from({ length: 3_000 }, (_, n) => ({ name: `tool ${n}` }));
    expect(() => judge(interactionOf('', { answer: { text: '', toolCalls: toolCalls.slice(0, 3_000) }, tools }), settings, options)).not.toThrow();
  });

  it.each(hostileSchemas())('schema: %s', (_, outputSchema) => {
    for (const text of ['{}', '"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"', '5', nested(5_000), '[1e308,5e-324]']) {
      const work = () => judge(interactionOf(text, { outputSchema, tools: [{ name: 'f', parameters: outputSchema }] }), settings, options);
      expect(work).not.toThrow();
      expect(cpuMs(work)).toBeLessThan(GOAL_MS * TOLERANCE * 4 * (reference / REFERENCE_MS));
    }
  });
});

describe('any value', () => {
  const anyJson = fc.oneof({ weight: 3, arbitrary: fc.jsonValue() }, { weight: 2, arbitrary: fc.constantFrom(...hostileValues) });
  const names = ['output', 'schema', 'tools', 'trusted', 'untrusted', 'toolCalls', 'canaries', 'goals', 'expect', 'id', 'messages', 'answer', 'choices', 'request', 'response', 'body', 'custom_id', 'type', 'traceId', 'input', 'observations', 'resourceSpans', 'resourceLogs', 'specversion', 'data', 'model', 'usage', 'role', 'content', 'parts', 'tool_calls', 'function', 'arguments', 'attributes', 'key', 'value', 'stringValue', 'arrayValue', 'values', 'scopeSpans', 'spans', 'events', 'resource', 'message'];
  const { shaped } = fc.letrec<{ shaped: unknown }>((tie) => ({
    shaped: fc.oneof({ depthSize: 'small', withCrossShrink: true }, anyJson, fc.string({ unit: 'binary' }), fc.constantFrom('assistant', 'user', 'tool', 'chat', 'GENERATION', 'text', 'gen_ai.operation.name', 'gen_ai.output.messages', 'gen_ai.choice'), fc.array(tie('shaped'), { maxLength: 4 }), fc.dictionary(fc.constantFrom(...names), tie('shaped'), { maxKeys: 6 })),
  }));
  const document = fc.dictionary(fc.constantFrom(...names), shaped, { minKeys: 1, maxKeys: 8 });

  it.each(FORMATS)('as a line of %s is a verdict or an error of ours, in one line each', (format) => {
    const lineJudge = createLineJudge({ reader: readerFor(format), settings, expectsOfWorkload: false, schema: undefined });
    fc.assert(fc.property(document, (value) => {
      const output = lineJudge({ line: 7, text: JSON.stringify(value) });
      for (const line of output.split('\n').filter(Boolean)) {
        const verdict = JSON.parse(line) as { line: number; error?: { code: string }; failures?: unknown[]; injection?: string };
        expect(verdict.line).toBe(7);
        if (verdict.error) expect(verdict.error.code).toMatch(/^RECORD_/);
        else expect([Array.isArray(verdict.failures), typeof verdict.injection]).toEqual([true, 'string']);
      }
    }), { numRuns: 300 });
  });

  it('as bytes of a record is refused by its reason', () => {
    fc.assert(fc.property(fc.oneof(document.map((value) => Buffer.from(JSON.stringify(value))), fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))), (bytes) => {
      expect(refusal(() => parseRecord(bytes, { maxBytes: 1e5, maxDepth: 20 }))?.code).toMatch(/^RECORD_/);
    }));
  });

  it('as any text is judged, redacted and clustered, and changes no prototype', () => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), anyJson.map((value) => JSON.stringify(value) ?? ''), fc.constantFrom(...hostileTexts(300).map(([, one]) => one)));
    fc.assert(fc.property(text, text, (answer, prompt) => {
      const interaction = interactionOf(prompt, { answer: { text: answer, toolCalls: [{ name: prompt, arguments: answer }] } });
      detectAll(interaction);
      detectAll({ ...interaction, answer: { text: answer } });
      const redacted = redactor.redactInteraction(interaction);
      detectAll(redacted.interaction);
      expect(clusterIdOf(interaction.messages)).toMatch(/^sha256:/);
    }), { numRuns: 300 });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('cannot make its error repeat it', () => {
    fc.assert(fc.property(fc.string({ minLength: 12, maxLength: 40 }), (secret) => {
      for (const line of [secret, `{"${secret}`, JSON.stringify({ output: [secret] }), JSON.stringify({ output: 'x', tools: [{ name: { [secret]: 1 } }] }), JSON.stringify({ output: 'x', expect: secret })]) {
        try {
          readerFor('auto')(documentOf(line));
        } catch (error) {
          expect(problemOf(error).message).not.toContain(secret);
        }
      }
    }));
  });
});
