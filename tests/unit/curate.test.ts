// Curation: a pure function of its input that never lets an eval cluster, a bad target or a repeated lesson into training.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Dataset, Example, type FailureClass } from '../../core/contracts/index.ts';
import { canonicalAnswer, sameAnswer } from '../../core/curate/answers.ts';
import { clusterIdOf } from '../../core/curate/cluster.ts';
import { examplesJsonl, MAX_EXAMPLES_PER_CLUSTER } from '../../core/curate/dataset.ts';
import { ledgerDigest } from '../../core/curate/ledger.ts';
import { digestOfBytes, digestOfJson } from '../../core/digest.ts';
import { correction, curated, entry, record, workload } from './curate-records.ts';

const cluster = (prompt: string) => clusterIdOf([{ role: 'user', parts: [{ text: prompt, trusted: true }] }]);
const words = ['lamp', 'kettle', 'fan', 'iron', 'heater', 'toaster', 'mixer', 'radio'];

/** A day of traffic: some clusters on either side, some failures, some corrections, some good answers. */
const traffic = fc
  .array(
    fc.record({
      prompt: fc.tuple(fc.constantFrom(...words), fc.constantFrom('broken', 'late', 'missing'), fc.nat(3)).map(([what, why, n]) => `${what} ${why}, order ${n}`),
      classes: fc.constantFrom<FailureClass[]>([], ['malformed_json'], ['schema_violation', 'truncated'], ['undetermined']),
      corrections: fc.array(fc.record({ answer: fc.constantFrom('{"a":1}', '{"a":2}', 'not json', ''), authority: fc.constantFrom('person' as const, 'teacher' as const), day: fc.integer({ min: 1, max: 3 }) }), { maxLength: 3 }),
      consentBasis: fc.constantFrom('contract' as const, 'none' as const),
    }),
    { minLength: 1, maxLength: 25 },
  )
  .chain((rows) => {
    const records = rows.map((row, index) => record({ id: `i${index}`, prompt: row.prompt, answer: '{"a":1}', consentBasis: row.consentBasis }, row.classes));
    const corrections = rows.flatMap((row, index) => row.corrections.map(({ answer, authority, day }) => correction(`i${index}`, answer, { authority, time: `2026-01-0${day}T00:00:00.000Z` })));
    const prompts = [...new Set(rows.map((row) => row.prompt.replace(/\d/, '0')))];
    return fc.array(fc.constantFrom('train' as const, 'eval' as const), { minLength: prompts.length, maxLength: prompts.length }).chain((sides) => {
      const ledger = prompts.map((prompt, index) => entry(cluster(prompt), sides[index]));
      const shuffled = <T>(values: T[]) => fc.shuffledSubarray(values, { minLength: values.length, maxLength: values.length });
      return fc.record({ given: fc.constant({ records, corrections, ledger }), permuted: fc.record({ records: shuffled(records), corrections: shuffled(corrections), ledger: shuffled(ledger) }) });
    });
  });

describe('invariants', () => {
  test('the dataset does not depend on the order of its input, nor on what is named twice', () => {
    fc.assert(fc.property(traffic, ({ given, permuted }) => {
      const { dataset, examples } = curated(given);
      const twice = { records: [...permuted.records, ...given.records], corrections: [...permuted.corrections, ...given.corrections], ledger: [...permuted.ledger, ...given.ledger] };
      expect(curated(permuted)).toEqual({ dataset, examples });
      expect(digestOfJson(curated(twice).dataset)).toBe(digestOfJson(dataset));
    }), { numRuns: 150 });
  });

  test('no eval cluster in training, caps kept, contracts kept, and the counts add up', () => {
    fc.assert(fc.property(traffic, ({ given }) => {
      const { dataset, examples } = curated(given);
      const evalSide = new Set(given.ledger.filter((line) => line.side === 'eval').map((line) => line.clusterId));
      expect(examples.filter((example) => evalSide.has(example.clusterId))).toEqual([]);
      const perCluster = Map.groupBy(examples, (example) => example.clusterId);
      expect([...perCluster.values()].every((rows) => rows.length <= MAX_EXAMPLES_PER_CLUSTER)).toBe(true);
      for (const example of examples) Example.parse(example);
      Dataset.parse(dataset);

      const { counts } = dataset;
      expect(counts.interactions).toBe(given.records.length);
      expect(counts.failures).toBe(counts.corrected + counts.withoutTarget + counts.duplicates + (counts['capped'] as number));
      expect(counts.evalSide + counts.barred + (counts['keptOut'] as number) + counts.failures).toBeLessThanOrEqual(counts.interactions);
      expect(examples.filter((example) => example.source.replay)).toHaveLength(counts.replay);
      expect(examples).toHaveLength(counts.corrected + counts.replay);
      expect(counts.replay).toBeLessThanOrEqual(Math.round(0.25 * counts.corrected));
      expect(dataset.exampleDigests).toEqual(examples.map(digestOfJson));
      expect(dataset.examplesDigest).toBe(digestOfBytes(examplesJsonl(examples)));
    }), { numRuns: 150 });
  });
});

test('the same tasks come in the same order, whenever they arrived', () => {
  const prompts = Array.from({ length: 12 }, (_, index) => `${'abcdefghijkl'[index]?.repeat(3)} broken`);
  const day = (time: string) => {
    const records = prompts.map((prompt, index) => record({ id: `i${index}`, prompt, answer: index % 3 === 0 ? '{"a":1}' : 'oops', time }, index % 3 === 0 ? [] : ['malformed_json']));
    const corrections = prompts.flatMap((_, index) => (index % 3 === 0 ? [] : [correction(`i${index}`, `{"a":${index}}`)]));
    return curated({ records, corrections, ledger: prompts.map((prompt) => entry(cluster(prompt))), workload: workload({ recipe: { replayShare: 0.25 } }) }).examples.map(({ messages, completion }) => ({ messages, completion }));
  };
  expect(day('2026-01-01T00:00:00.000Z')).toHaveLength(10);
  expect(day('2026-02-02T00:00:00.000Z')).toEqual(day('2026-01-01T00:00:00.000Z'));
});

describe('sides', () => {
  const failing = record({ id: 'i1', prompt: 'lamp broken', answer: 'oops' }, ['malformed_json']);
  const right = correction('i1', '{"a":1}');

  test('an eval cluster and one that the ledger does not know are left alone', () => {
    expect(curated({ records: [failing], corrections: [right], ledger: [entry(cluster('lamp broken'), 'eval')] }).dataset.counts).toMatchObject({ evalSide: 1, barred: 0, corrected: 0, failures: 0 });
    expect(curated({ records: [failing], corrections: [right], ledger: [] }).dataset.counts).toMatchObject({ evalSide: 0, barred: 1, corrected: 0 });
  });

  test('after re-clustering one eval member bars the whole cluster', () => {
    // Two former clusters that the function of today joins; the ledger knows their members by their former ids.
    const former = [digestOfBytes('former a'), digestOfBytes('former b')] as const;
    const records = [
      { ...failing, clusterId: former[0] },
      { ...record({ id: 'i2', prompt: 'LAMP broken', answer: 'oops' }, ['malformed_json']), clusterId: former[1] },
    ];
    const corrections = [right, correction('i2', '{"a":1}')];
    const counts = (...sides: ('train' | 'eval')[]) => curated({ records, corrections, ledger: sides.map((side, index) => entry(former[index as 0 | 1], side)) }).dataset.counts;
    expect(counts('train', 'eval')).toMatchObject({ evalSide: 1, barred: 1, corrected: 0 });
    expect(counts('train', 'train')).toMatchObject({ evalSide: 0, barred: 0, corrected: 1, duplicates: 1 });
  });

  test('an entry of both sides counts as eval', () => {
    const id = cluster('lamp broken');
    expect(curated({ records: [failing], corrections: [right], ledger: [entry(id, 'train'), entry(id, 'eval')] }).dataset.counts).toMatchObject({ barred: 1, corrected: 0 });
  });

  test('no consent, or a verdict changed by redaction: kept out', () => {
    const none = record({ id: 'i1', prompt: 'lamp broken', answer: 'oops', consentBasis: 'none' }, ['malformed_json']);
    const changed = record({ id: 'i2', prompt: 'fan broken', answer: 'oops', redaction: { version: 'r@1', replaced: 1, changedVerdict: true } }, ['malformed_json']);
    const { dataset } = curated({ records: [none, changed], corrections: [right, correction('i2', '{"a":1}')] });
    expect(dataset.counts).toMatchObject({ keptOut: 2, failures: 0, corrected: 0 });
  });
});

describe('targets', () => {
  const failing = record({ id: 'i1', prompt: 'lamp broken', answer: 'oops' }, ['truncated', 'malformed_json']);
  const passing = record({ id: 'i1', prompt: 'lamp broken', answer: '{"a": 1, "b": 2}' });
  const only = (input: Parameters<typeof curated>[0]) => {
    const { examples, dataset } = curated(input);
    expect(examples.length).toBeLessThanOrEqual(1);
    return { example: examples[0], counts: dataset.counts };
  };

  test('a failure without a trusted, passing correction has no target', () => {
    for (const corrections of [[], [correction('i1', 'not json')], [correction('i1', '{}', { authority: 'teacher' })], [correction('i2', '{}')], [correction('i1', '{}', { workload: 'other' })]]) {
      expect(only({ records: [failing], corrections }).counts).toMatchObject({ failures: 1, withoutTarget: 1, corrected: 0 });
    }
  });

  test('a person first, then the latest, then by digest', () => {
    const trusting = workload({ trustedCorrections: ['person', 'teacher'] });
    const person = correction('i1', '{"by":"person"}');
    const later = correction('i1', '{"by":"later person"}', { time: '2026-01-03T00:00:00+01:00' });
    const broken = correction('i1', '{"by":', { time: '2026-01-09T00:00:00.000Z' });
    const teacher = correction('i1', '{"by":"teacher"}', { authority: 'teacher', time: '2026-01-09T00:00:00.000Z' });
    const chosen = (...corrections: ReturnType<typeof correction>[]) => only({ records: [failing], corrections, workload: trusting }).example?.completion;
    expect(chosen(teacher, person)).toBe('{"by":"person"}');
    expect(chosen(person, teacher, later, broken)).toBe('{"by":"later person"}');
    expect(chosen(teacher)).toBe('{"by":"teacher"}');
  });

  test('names its failure and its correction', () => {
    const right = correction('i1', '{"a":1}');
    expect(only({ records: [failing], corrections: [right] }).example).toMatchObject({
      kind: 'sft',
      completion: '{"a":1}',
      messages: failing.interaction.messages,
      source: { interactionDigest: failing.digest, correctionDigest: right.digest, failureClasses: ['malformed_json', 'truncated'], replay: false },
    });
  });

  test('a correction of a passing answer is a semantic error only where it says something else', () => {
    expect(only({ records: [passing], corrections: [correction('i1', '{"b":2,"a":1}')] })).toMatchObject({ example: undefined, counts: { failures: 0 } });
    expect(only({ records: [passing], corrections: [correction('i1', '{"b":2,"a":3}')] })).toMatchObject({ example: { source: { failureClasses: ['semantic_error'] } }, counts: { failures: 1, corrected: 1 } });
    expect(only({ records: [passing], corrections: [correction('i1', 'wrong')] }).counts).toMatchObject({ failures: 1, withoutTarget: 1 });
  });

  test('answers are compared by meaning', () => {
    expect(sameAnswer('{"a":1,"b":[1.0]}', '```json\n{ "b": [1], "a": 1 }\n```')).toBe(true);
    expect(sameAnswer('{"a":1}', '{"a":"1"}')).toBe(false);
    expect(sameAnswer(' yes\n', 'yes')).toBe(true);
    expect(canonicalAnswer('[1e999]')).toBe('text:[1e999]');
    expect(canonicalAnswer('['.repeat(100_000))).toMatch(/^text:/);
  });
});

describe('duplicates, caps and replay', () => {
  const fail = (id: string, prompt: string) => record({ id, prompt, answer: 'oops' }, ['malformed_json']);

  test('the same prompt teaches once, whatever its corrections say; near-identical ones once per answer', () => {
    const records = [fail('1', 'Lamp 17 broken!'), fail('2', 'Lamp  17 broken!'), fail('3', 'lamp 17: broken'), fail('4', 'Fan broken'), fail('5', 'Fan, broken')];
    const corrections = [correction('1', '{"a":1}'), correction('2', '{"a":1}'), correction('3', '{"a": 1}'), correction('4', '{"a":1}'), correction('5', '{"a":2}')];
    const { dataset, examples } = curated({ records, corrections });
    expect(dataset.counts).toMatchObject({ failures: 5, corrected: 3, duplicates: 2, capped: 0 });
    expect(examples).toHaveLength(3);
    const conflicting = curated({ records: records.slice(0, 2), corrections: [correction('1', '{"a":1}'), correction('2', '{"a":2}')] });
    expect(conflicting.dataset.counts).toMatchObject({ corrected: 1, duplicates: 1 });
  });

  test('a template fills no more than its share', () => {
    const records = Array.from({ length: 6 }, (_, index) => fail(`i${index}`, `Lamp ${index} broken`));
    const corrections = records.map((_, index) => correction(`i${index}`, `{"lamp":${index}}`));
    expect(curated({ records, corrections }).dataset.counts).toMatchObject({ failures: 6, corrected: MAX_EXAMPLES_PER_CLUSTER, capped: 4, duplicates: 0 });
  });

  test('replays the share of good answers that the recipe wants, and no doubtful one', () => {
    const names = 'abcdefgh'.split('');
    const failures = names.map((name) => fail(`f-${name}`, `failing ${name}`));
    const good = names.map((name) => record({ id: `g-${name}`, prompt: `good ${name}`, answer: `{"ok":"${name}"}` }));
    const doubtful = [
      record({ id: 'g-contradicted', prompt: 'contradicted', answer: '{"ok":1}' }),
      record({ id: 'g-undetermined', prompt: 'undetermined', answer: '{"ok":1}' }, ['undetermined']),
      record({ id: 'g-aborted', prompt: 'aborted', answer: '{"ok":1}', finishReason: 'aborted' }),
      record({ id: 'g-tool', prompt: 'tool', answer: '', finishReason: 'tool_calls' }),
    ];
    const corrections = [...names.map((name) => correction(`f-${name}`, `{"fixed":"${name}"}`)), correction('g-contradicted', '{"ok":2}', { authority: 'teacher' })];
    const replayed = (replayShare: number) =>
      curated({ records: [...failures, ...good, ...doubtful], corrections, workload: workload({ recipe: { replayShare } }) }).examples.filter((example) => example.source.replay);
    expect(replayed(0)).toEqual([]);
    expect(replayed(0.25)).toHaveLength(2);
    expect(replayed(2)).toHaveLength(8);
    expect(replayed(2).every((example) => example.completion.startsWith('{"ok":"') && example.source.correctionDigest === null && example.source.failureClasses.length === 0)).toBe(true);
    // What was chosen stays chosen when more is wanted.
    const few = replayed(0.25).map(digestOfJson);
    expect(replayed(0.5).map(digestOfJson)).toEqual(expect.arrayContaining(few));
  });
});

describe('ledgerDigest', () => {
  const lines = ['a', 'b', 'c'].map((name, index) => entry(digestOfBytes(name), index === 0 ? 'eval' : 'train'));
  test('names a set of lines', () => {
    expect(ledgerDigest(lines.toReversed())).toBe(ledgerDigest(lines));
    expect(ledgerDigest([...lines, ...lines])).toBe(ledgerDigest(lines));
    expect(ledgerDigest(lines.slice(1))).not.toBe(ledgerDigest(lines));
  });
  test('lines about other traffic do not rename a dataset', () => {
    const records = [record({ id: 'i1', prompt: 'lamp broken', answer: 'oops' }, ['malformed_json'])];
    const own = [entry(cluster('lamp broken'))];
    expect(curated({ records, ledger: [...own, ...lines] }).dataset).toEqual(curated({ records, ledger: own }).dataset);
  });
});
