// The gate's statistics on real, paired outcomes of published models (RATCHET_TEST_DATA/gate; fails where it is missing).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { GatePolicy, type Outcome } from '../../core/contracts/index.ts';
import { digestOfBytes } from '../../core/digest.ts';
import { signFlipOneSided } from '../../core/gate/clusters.ts';
import { decide } from '../../core/gate/decide.ts';
import { eValue } from '../../core/gate/e-values.ts';
import { mcnemarOneSided, mcnemarTwoSided } from '../../core/gate/statistics.ts';

interface Vector {
  old: string;
  new: string;
  first: number;
  b: number;
  c: number;
  d: number;
  p1: number;
  p2: number;
  evalue: number;
}

let vectors: Vector[];
let models: Record<string, number[]>;

beforeAll(() => {
  const folder = process.env['RATCHET_TEST_DATA'];
  if (!folder) throw new Error('RATCHET_TEST_DATA names no folder: set it to the folder that holds gate/golden_vectors.json');
  const read = (name: string): unknown => JSON.parse(readFileSync(join(folder, 'gate', name), 'utf8'));
  vectors = (read('golden_vectors.json') as { vectors: Vector[] }).vectors;
  models = (read('gsm8k_outcomes.json') as { outcomes: Record<string, number[]> }).outcomes;
});

/** Both models' answers to the first items, as the evaluation would keep them. */
function outcomesOf({ old, new: candidate, first }: Vector): Outcome[] {
  const arms = [['candidate', candidate], ['current', old]] as const;
  return arms.flatMap(([arm, model]) =>
    (models[model] ?? []).slice(0, first).map((right, index): Outcome => ({
      schemaVersion: 1,
      evaluationId: 'gsm8k',
      caseDigest: digestOfBytes(`case ${index}`),
      clusterId: digestOfBytes(`cluster ${index}`),
      arm,
      adapterDigest: digestOfBytes(model),
      engineBuild: 'published',
      answerDigest: digestOfBytes(`${model} ${index}`),
      finishReason: 'stop',
      failureClasses: right === 1 ? [] : ['semantic_error'],
      equalsTruth: right === 1,
      pass: right === 1,
      latencyMs: 0,
      outputTokens: 0,
    })),
  );
}

describe('GSM8K outcomes of real models', () => {
  test('the p-values and the e-value of every golden vector', () => {
    expect(vectors.length).toBeGreaterThan(0);
    for (const { b, c, p1, p2, evalue } of vectors) {
      expect(mcnemarOneSided(b, c) / p1).toBeCloseTo(1, 5);
      expect(mcnemarTwoSided(b, c) / p2).toBeCloseTo(1, 5);
      // Given with four to six digits.
      expect(eValue(b, c) / evalue).toBeCloseTo(1, 3);
      expect(signFlipOneSided([...Array<number>(b).fill(1), ...Array<number>(c).fill(-1)]).p / p1).toBeCloseTo(1, 5);
    }
  });

  test('the whole decision: counts, effect, interval and p from the answers themselves', () => {
    for (const vector of vectors) {
      const verdict = decide({
        runId: 'gsm8k',
        workload: 'gsm8k',
        channel: 'gsm8k/production',
        candidateDigest: digestOfBytes(vector.new),
        currentDigest: digestOfBytes(vector.old),
        currentGeneration: 1,
        datasetDigest: digestOfBytes('dataset'),
        evaluationDigest: digestOfBytes('evaluation'),
        policy: GatePolicy.parse({ smallestGain: 0.05 }),
        policyDigest: digestOfBytes('policy'),
        plannedN: vector.first,
        level: 0.0125,
        decisionNumber: 1,
        outcomes: outcomesOf(vector),
        selfDisagreement: null,
        decidedAt: '2026-01-01T00:00:00.000Z',
      });
      expect(verdict).toMatchObject({ n: vector.first, b: vector.b, c: vector.c, labelled: vector.first });
      expect(verdict.effect).toBeCloseTo(vector.d, 4);
      expect(verdict.pOneSided / vector.p1).toBeCloseTo(1, 5);
      expect(verdict.interval[0]).toBeLessThan(vector.d);
      expect(verdict.interval[1]).toBeGreaterThan(vector.d);
      expect(verdict.decision).toBe(vector.p1 <= 0.0125 ? 'promote' : vector.d <= 0 ? 'reject' : 'hold');
    }
  });
});
