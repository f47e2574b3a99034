// Scores found spans against the truth of generated samples: recall and precision by kind, with Wilson intervals.
import { findSpans } from '../core/redact/find.ts';
import { VALUE_KINDS, type Sample } from './redact-generator.ts';
import type { ValueKind } from './redact-values.ts';

/** The benchmark's kinds are coarser than the redactor's. */
const KIND_OF: Readonly<Record<string, ValueKind>> = { secret: 'key', private_key: 'key', jwt: 'key', ipv4: 'ip', ipv6: 'ip' };

export interface Score {
  kind: ValueKind;
  /** Values in the samples, and those whose every character lies in spans of their kind. */
  values: number;
  covered: number;
  /** Values hidden whole, by whatever kind of span. */
  hidden: number;
  /** Spans of the kind, and those that lie within a value of the kind. */
  spans: number;
  right: number;
}

export interface Miss {
  kind: ValueKind;
  what: 'missed' | 'false';
  text: string;
  context: string;
}

/** 95 % interval of a share (Wilson 1927). */
export function wilson(successes: number, trials: number): [number, number] {
  if (trials === 0) return [0, 1];
  const z = 1.959964;
  const p = successes / trials;
  const middle = (p + z ** 2 / (2 * trials)) / (1 + z ** 2 / trials);
  const half = (z / (1 + z ** 2 / trials)) * Math.sqrt((p * (1 - p)) / trials + z ** 2 / (4 * trials ** 2));
  return [middle - half, middle + half];
}

export function scoreSamples(samples: readonly Sample[]): { scores: Score[]; misses: Miss[] } {
  const scores = new Map(VALUE_KINDS.map((kind): [ValueKind, Score] => [kind, { kind, values: 0, covered: 0, hidden: 0, spans: 0, right: 0 }]));
  const misses: Miss[] = [];
  for (const { text, truths } of samples) {
    const spans = findSpans(text).map(({ kind, start, end }) => ({ kind: KIND_OF[kind] ?? (kind as ValueKind), start, end }));
    const around = (start: number, end: number): string => text.slice(Math.max(start - 30, 0), end + 20).replace(/\n/g, '⏎');
    for (const { kind, start, end } of truths) {
      const score = scores.get(kind) as Score;
      const covers = (of: typeof spans): boolean => {
        let at = start;
        for (const span of of) if (span.start <= at && span.end > at) at = span.end;
        return at >= end;
      };
      score.values += 1;
      if (covers(spans)) score.hidden += 1;
      if (covers(spans.filter((span) => span.kind === kind))) score.covered += 1;
      else misses.push({ kind, what: 'missed', text: text.slice(start, end), context: around(start, end) });
    }
    for (const { kind, start, end } of spans) {
      const score = scores.get(kind);
      if (!score) continue;
      score.spans += 1;
      if (truths.some((truth) => truth.kind === kind && truth.start <= start && truth.end >= end)) score.right += 1;
      else misses.push({ kind, what: 'false', text: text.slice(start, end), context: around(start, end) });
    }
  }
  return { scores: [...scores.values()], misses };
}
