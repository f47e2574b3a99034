// What a person reads before deciding: what the candidate fixes and breaks, the numbers, the cost and where it came from.
import { flipsOf, type Flip } from '../core/approval/flips.ts';
import { approversNeeded, approversOf, mayDecideIn, samePerson } from '../core/approval/rules.ts';
import type { AdapterManifest, Dataset, Digest, EvalCase, Outcome, Verdict, WaitingPromotion } from '../core/contracts/index.ts';
import { RatchetError } from '../core/errors.ts';
import { approvalsOf } from './approval.ts';
import type { Deps } from './deps.ts';
import { readOutcomes } from './flips.ts';
import type { Cost, RunReport } from './report.ts';
import { requestOf } from './runs.ts';

export interface AnswerShown {
  text: string | null;
  finishReason: Outcome['finishReason'];
  failureClasses: Outcome['failureClasses'];
  equalsTruth: boolean | null;
}

/** A case on which the arms differ, both answers side by side. Texts are those of the store: redacted. */
export interface FlipShown {
  caseDigest: Digest;
  prompt: string;
  truth: string | null;
  current: AnswerShown;
  candidate: AnswerShown;
}

export interface ApprovalSummary {
  promotion: WaitingPromotion;
  verdict: Verdict;
  fixes: FlipShown[];
  breaks: FlipShown[];
  /** Flips counted, also those that `limit` left out. */
  counts: { fixes: number; breaks: number; bothPass: number; bothFail: number };
  provenance: {
    runId: string;
    requestedBy: string | null;
    requestReason: string | null;
    datasetDigest: Digest;
    dataset: Dataset['counts'] | null;
    workloadDigest: Digest | null;
    baseModel: string | null;
    training: AdapterManifest['training'] | null;
  };
  cost: Cost | null;
  approvals: { needed: number; given: { by: string; decision: 'approve' | 'reject'; time: string; comment: string | null; signed: boolean }[]; counting: string[]; mayDecide: string[] };
  /** The channel's generation now; another than the promotion expects makes it void. */
  generation: number;
}

type Reading = Pick<Deps, 'store' | 'blobs'>;

/** @param limit of flips in each direction */
export async function approvalSummary(deps: Reading, promotion: WaitingPromotion, limit: number): Promise<ApprovalSummary> {
  const { store } = deps;
  const verdict = await store.verdict(promotion.verdictDigest);
  const record = await store.run(promotion.runId);
  if (!verdict || !record) throw new RatchetError('NOT_FOUND', `the verdict or the record of run ${promotion.runId} is not in the store`);
  const flips = flipsOf(await outcomesOf(deps, promotion.evaluationDigest));
  const cases = new Map((await store.cases(promotion.workload)).map((row) => [row.caseDigest, row]));
  const shown = (list: readonly Flip[]): Promise<FlipShown[]> =>
    Promise.all(
      list.slice(0, limit).map(async ({ caseDigest, current, candidate }) => {
        const row = cases.get(caseDigest);
        return { caseDigest, prompt: row ? promptOf(row.case) : '', truth: row?.truth ?? null, current: await answerOf(deps, current), candidate: await answerOf(deps, candidate) };
      }),
    );
  const request = await requestOf(deps, record);
  const dataset = (await store.document(promotion.datasetDigest))?.document as Dataset | undefined;
  const manifest = await store.adapter(promotion.candidateDigest);
  const report = record.reportDigest === null ? null : ((await store.document(record.reportDigest))?.document as RunReport | undefined);
  const keys = await store.approverKeys();
  const approvals = await approvalsOf(deps, promotion);
  const mayDecide = keys.filter((key) => key.revoked === null && mayDecideIn(key, promotion.channel) && !(promotion.policy.neverOneself && promotion.requestedBy !== null && samePerson(key.name, promotion.requestedBy)));
  return {
    promotion,
    verdict,
    fixes: await shown(flips.fixes),
    breaks: await shown(flips.breaks),
    counts: { fixes: flips.fixes.length, breaks: flips.breaks.length, bothPass: flips.bothPass, bothFail: flips.bothFail },
    provenance: {
      ...{ runId: promotion.runId, requestedBy: promotion.requestedBy, requestReason: request?.reason ?? null },
      ...{ datasetDigest: promotion.datasetDigest, dataset: dataset?.counts ?? null, workloadDigest: record.workloadDigest },
      ...{ baseModel: manifest?.baseModel ?? null, training: manifest?.training ?? null },
    },
    cost: report?.cost ?? null,
    approvals: {
      needed: approversNeeded(promotion.policy.mode),
      given: approvals.map(({ by, decision, time, comment, signature }) => ({ by, decision, time, comment: comment ?? null, signed: signature !== undefined })).toSorted((a, b) => a.time.localeCompare(b.time)),
      counting: approversOf(promotion, approvals, new Map(keys.map((key) => [key.keyId, key]))),
      mayDecide: [...new Set(mayDecide.map(({ name }) => name))],
    },
    generation: (await store.channel(promotion.channel))?.generation ?? 0,
  };
}

async function outcomesOf(deps: Reading, evaluationDigest: Digest): Promise<Outcome[]> {
  const evaluation = (await deps.store.document(evaluationDigest))?.document as { outcomesDigest?: Digest } | undefined;
  if (evaluation?.outcomesDigest === undefined) throw new RatchetError('NOT_FOUND', `no evaluation ${evaluationDigest}`);
  return readOutcomes(deps.blobs, evaluation.outcomesDigest);
}

async function answerOf(deps: Reading, { answerDigest, finishReason, failureClasses, equalsTruth }: Outcome): Promise<AnswerShown> {
  return { text: answerDigest === null ? null : Buffer.from(await deps.blobs.get(answerDigest)).toString('utf8'), finishReason, failureClasses, equalsTruth };
}

/** What was asked, without the system's standing words. */
const promptOf = (document: EvalCase): string =>
  document.messages.filter(({ role }) => role !== 'system').map(({ role, parts }) => `[${role}] ${parts.map(({ text }) => text).join('')}`).join('\n');
