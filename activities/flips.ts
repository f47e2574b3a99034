// Each case on which the arms disagreed, with both answers: what a promotion fixes and what it breaks.
import { flipsOf } from '../core/approval/flips.ts';
import { Outcome, type Digest } from '../core/contracts/index.ts';
import type { BlobStore } from '../stores/ports.ts';
import type { Evaluation } from './evaluate.ts';
import { readJsonLines } from './runs.ts';

/** Longer answers are cut: who wants them whole has the digest. */
const MAX_ANSWER_LENGTH = 2_000;

export interface Flip {
  caseDigest: Digest;
  /** `gained`: only the candidate passes; `lost`: only the current. */
  change: 'gained' | 'lost';
  current: FlipSide;
  candidate: FlipSide;
}

export interface FlipSide {
  /** null: it gave no answer. */
  answerDigest: Digest | null;
  failureClasses: string[];
  equalsTruth: boolean | null;
}

export const readOutcomes = async (blobs: Pick<BlobStore, 'get'>, outcomesDigest: Digest): Promise<Outcome[]> => (await readJsonLines(blobs, outcomesDigest)).map((line) => Outcome.parse(line));

/** Lost ones first: they are what a person looks for. In order of the cases' digests. */
export async function reportedFlips(blobs: Pick<BlobStore, 'get'>, { outcomesDigest }: Pick<Evaluation, 'outcomesDigest'>): Promise<Flip[]> {
  const { fixes, breaks } = flipsOf(await readOutcomes(blobs, outcomesDigest));
  const side = ({ answerDigest, failureClasses, equalsTruth }: Outcome): FlipSide => ({ answerDigest, failureClasses, equalsTruth });
  const told = (pairs: typeof fixes, change: Flip['change']): Flip[] => pairs.map(({ caseDigest, current, candidate }) => ({ caseDigest, change, current: side(current), candidate: side(candidate) }));
  return [...told(breaks, 'lost'), ...told(fixes, 'gained')];
}

/** The text of an answer, cut where it is long. It was given to a redacted prompt; nothing raw is in it. */
export async function answerText(blobs: Pick<BlobStore, 'get' | 'has'>, digest: Digest | null): Promise<string> {
  if (digest === null) return '(no answer)';
  if (!(await blobs.has(digest))) return '(deleted)';
  const text = Buffer.from(await blobs.get(digest)).toString('utf8');
  return text.length > MAX_ANSWER_LENGTH ? `${text.slice(0, MAX_ANSWER_LENGTH)} … (${text.length} characters)` : text;
}

/** The answers of some flips by digest, for printing. */
export async function answersOf(blobs: Pick<BlobStore, 'get' | 'has'>, flips: readonly Flip[]): Promise<Record<Digest, string>> {
  const digests = new Set(flips.flatMap(({ current, candidate }) => [current.answerDigest, candidate.answerDigest]).filter((digest) => digest !== null));
  return Object.fromEntries(await Promise.all([...digests].map(async (digest) => [digest, await answerText(blobs, digest)] as const)));
}
