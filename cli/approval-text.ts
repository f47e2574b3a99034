// The summary of a waiting promotion as a person reads it on a terminal.
import { approversNeeded } from '../core/approval/rules.ts';
import type { WaitingPromotion } from '../core/contracts/index.ts';
import { levelText } from '../core/gate/levels.ts';
import type { AnswerShown, ApprovalSummary, FlipShown } from '../activities/approval-summary.ts';
import { fields, percent, short, table } from './output.ts';

const MAX_LINES = 12;
const MAX_LINE = 160;

/** Prompts and answers are other people's words: nothing in them may move the cursor, colour the screen or turn the text around. */
export const harmless = (text: string): string => text.replaceAll(/\r\n?/g, '\n').replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu, (character) => (character === '\n' || character === '\t' ? character : `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`));

function block(text: string, whole: boolean): string {
  const lines = harmless(text).split('\n');
  const shown = whole ? lines : lines.slice(0, MAX_LINES).map((line) => (line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)}… (${line.length} characters)` : line));
  return [...shown, ...(shown.length < lines.length ? [`… ${lines.length - shown.length} more lines`] : [])].map((line) => `    ${line}`).join('\n');
}

const judged = ({ failureClasses, equalsTruth, finishReason }: AnswerShown): string =>
  [failureClasses.length === 0 ? 'no failure found' : failureClasses.join(', '), ...(equalsTruth === null ? [] : [equalsTruth ? 'equals the truth' : 'not the truth']), ...(finishReason === 'stop' ? [] : [finishReason])].join('; ');

function flipText(flip: FlipShown, whole: boolean): string {
  const answer = (who: string, shown: AnswerShown): string => `  ${who} (${judged(shown)})\n${shown.text === null ? '    no answer' : block(shown.text, whole)}`;
  return [
    `case ${short(flip.caseDigest)}\n${block(flip.prompt, whole)}`,
    ...(flip.truth === null ? [] : [`  the truth\n${block(flip.truth, whole)}`]),
    answer('current', flip.current),
    answer('candidate', flip.candidate),
  ].join('\n');
}

export function timeLeft(expiresAt: string, nowMs: number): string {
  const minutes = Math.floor((Date.parse(expiresAt) - nowMs) / 60_000);
  if (minutes < 0) return 'none';
  if (minutes < 60) return `${minutes} min`;
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${Math.floor(minutes / 1440)} days`;
}

/** What became of it, or what it waits for. */
export function stateOf({ ended, expectedGeneration, expiresAt }: WaitingPromotion, generation: number, nowMs: number): string {
  if (ended !== null) return ended.as;
  if (generation !== expectedGeneration) return `void: the channel is at generation ${generation}`;
  return Date.parse(expiresAt) < nowMs ? 'expired' : 'waits';
}

export const policyText = ({ policy, requestedBy }: WaitingPromotion): string =>
  `${policy.mode === 'two_approvers' ? 'two different persons' : 'one person'}${policy.neverOneself && requestedBy !== null ? `, not ${requestedBy} who asked for the run` : ''}`;

export function summaryText(summary: ApprovalSummary, options: { whole: boolean; nowMs: number }): string {
  const { promotion, verdict, counts, provenance, approvals, cost } = summary;
  const section = (title: string, body: string): string => `\n${title}\n${body}`;
  const flips = (title: string, list: readonly FlipShown[], count: number): string =>
    section(`${title}: ${count} case(s)${list.length < count ? `, ${list.length} shown (--limit ${count} shows all)` : ''}`, list.length === 0 ? '  none' : list.map((flip) => flipText(flip, options.whole)).join('\n\n'));
  return [
    fields([
      ['candidate', promotion.candidateDigest],
      ['for', `${promotion.channel}, in place of generation ${promotion.expectedGeneration}`],
      ['state', stateOf(promotion, summary.generation, options.nowMs)],
      ['time left', promotion.ended === null ? `${timeLeft(promotion.expiresAt, options.nowMs)} (until ${promotion.expiresAt})` : harmless(promotion.ended.reason)],
      ['run', promotion.runId],
    ]),
    flips('What it fixes', summary.fixes, counts.fixes),
    flips('What it breaks', summary.breaks, counts.breaks),
    section(
      'The verdict',
      fields([
        ['decision', `${verdict.decision}: ${verdict.reason}`],
        ['cases', `${verdict.n} of ${verdict.plannedN} planned, ${verdict.labelled} with a blind truth; both pass ${counts.bothPass}, both fail ${counts.bothFail}`],
        ['one-sided p', `${verdict.pOneSided.toPrecision(3)} against a level of ${levelText(verdict.level)}`],
        ['gain', `${percent(verdict.effect)}, 95 % interval ${percent(verdict.interval[0])} to ${percent(verdict.interval[1])}`],
        ['current disagrees with itself', verdict.selfDisagreement === null ? null : percent(verdict.selfDisagreement)],
        ...(verdict.warnings ?? []).map((warning): [string, string] => ['note', harmless(warning)]),
      ]),
    ),
    ...(verdict.guards.length === 0
      ? []
      : [section('Guards', table(['guard', 'result', 'harm', 'bounds', 'margin', 'critical'], verdict.guards.map((guard) => [guard.judge ? `${guard.id} (judge ${guard.judge.model})` : guard.id, guard.result, guard.harm.toFixed(3), `${guard.lower.toFixed(3)} … ${guard.upper.toFixed(3)}`, guard.margin, guard.critical ? 'yes' : 'no'])))]),
    section(
      'Where it comes from',
      fields([
        ['base model', provenance.baseModel],
        ['dataset', `${provenance.datasetDigest}${provenance.dataset ? ` (${provenance.dataset.corrected} corrected, ${provenance.dataset.replay} replayed)` : ''}`],
        ['training', provenance.training && `${provenance.training.examples} examples, ${provenance.training.steps} steps, ${provenance.training.tokens} tokens; loss ${provenance.training.firstLoss.toFixed(3)} to ${provenance.training.finalLoss.toFixed(3)}`],
        ['evaluation', promotion.evaluationDigest],
        ['verdict', promotion.verdictDigest],
        ['gate policy', promotion.policyDigest],
        ['asked for by', provenance.requestedBy === null ? 'the schedule' : harmless(`${provenance.requestedBy}: ${provenance.requestReason ?? ''}`)],
      ]),
    ),
    ...(cost === null ? [] : [section('What it cost', `${cost.gpuSeconds.toFixed(0)} s of training on ${cost.trainedTokens} tokens; ${cost.evaluationAnswers} evaluation answers with ${cost.evaluationTokens} tokens`)]),
    section(
      'Who decides',
      [
        fields([
          ['wanted', policyText(promotion)],
          ['approvals that count', `${approvals.counting.length} of ${approversNeeded(promotion.policy.mode)}${approvals.counting.length > 0 ? `: ${approvals.counting.join(', ')}` : ''}`],
          ['may decide', approvals.mayDecide.join(', ') || 'nobody: enrol a key with `ratchet key enrol`'],
        ]),
        ...approvals.given.map(({ by, decision, time, comment }) => `  ${decision === 'approve' ? 'approved' : 'rejected'} by ${by} at ${time}${comment === null ? '' : `: ${harmless(comment)}`}`),
        ...(promotion.ended === null ? [`\n  ratchet approvals approve ${promotion.runId}\n  ratchet approvals reject ${promotion.runId} --comment "…"`] : []),
      ].join('\n'),
    ),
  ].join('\n');
}
