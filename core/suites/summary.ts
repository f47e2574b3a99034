// A suite's outcomes in numbers, arm by arm, for the report.
import type { SuiteArm, SuiteOutcome } from '../contracts/index.ts';
import { wilson, type Interval } from '../gate/statistics.ts';

export interface Rate {
  good: number;
  of: number;
  /** Wilson's 95 % interval; it takes what was looked at for independent. */
  interval: Interval;
}

export interface ArmSummary {
  arm: SuiteArm;
  answers: number;
  /** Time-outs and errors: the arm's failures, in no rate but `pass`. */
  missing: number;
  rates: Record<string, Rate>;
  medianLatencyMs: number | null;
  meanOutputTokens: number | null;
}

const rateOf = (values: readonly boolean[]): Rate => {
  const good = values.filter(Boolean).length;
  return { good, of: values.length, interval: wilson(good, values.length) };
};

const median = (values: readonly number[]): number | null => values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? null;

export function summarise(arm: SuiteArm, outcomes: readonly SuiteOutcome[]): ArmSummary {
  const answered = outcomes.filter(({ answerDigest }) => answerDigest !== null);
  const byMetric = new Map<string, boolean[]>();
  for (const { scores } of answered) for (const [metric, values] of Object.entries(scores)) byMetric.set(metric, [...(byMetric.get(metric) ?? []), ...(values ?? [])]);
  const missing = outcomes.length - answered.length;
  if (missing > 0) byMetric.set('pass', [...(byMetric.get('pass') ?? []), ...Array.from({ length: missing }, () => false)]);
  const clusters = new Map<string, boolean[]>();
  for (const { cluster, scores } of answered) if (scores['attack']) clusters.set(cluster, [...(clusters.get(cluster) ?? []), ...scores['attack']]);
  if (clusters.size > 0) byMetric.set('any_attack', [...clusters.values()].map((values) => values.every(Boolean)));
  const timed = answered.filter(({ outputTokens }) => outputTokens > 0);
  return {
    arm,
    answers: answered.length,
    missing,
    rates: Object.fromEntries([...byMetric].map(([metric, values]) => [metric, rateOf(values)])),
    medianLatencyMs: median(timed.map(({ latencyMs }) => latencyMs)),
    meanOutputTokens: timed.length === 0 ? null : timed.reduce((sum, { outputTokens }) => sum + outputTokens, 0) / timed.length,
  };
}
