// `ratchet run`: nights, by schedule or by hand.
import { WorkflowNotFoundError } from '@temporalio/client';
import type { Command } from 'commander';
import type { RunRecord, RunRequest, Verdict } from '../../core/contracts/index.ts';
import { RatchetError } from '../../core/errors.ts';
import { levelText } from '../../core/gate/levels.ts';
import { reportMarkdown } from '../../activities/report-markdown.ts';
import { reportTexts, type RunReport } from '../../activities/report.ts';
import { claimedRun, ensureSchedule, triggerRun } from '../../activities/schedule.ts';
import type { MetadataStore } from '../../stores/ports.ts';
import { action, positiveInt } from '../action.ts';
import { findRun, type Context } from '../context.ts';
import { fields, short, table } from '../output.ts';
import { watchRun } from '../watch.ts';

/** The verdict's numbers that a person asks for first, beside how much the current adapter disagrees with itself. */
const verdictRows = (verdict: Verdict | null): [string, string][] =>
  verdict === null
    ? []
    : [
        ['cases', `${verdict.n} of ${verdict.plannedN}: ${verdict.b} gained, ${verdict.c} lost, p = ${verdict.pOneSided.toPrecision(3)} at level ${levelText(verdict.level)}`],
        ['self-disagreement', verdict.selfDisagreement === null ? 'not measured' : `${(verdict.selfDisagreement * 100).toFixed(1)} % of the repeated cases`],
        ...verdict.guards.map((guard): [string, string] => [`guard ${guard.id}`, guard.result]),
        ...(verdict.warnings ?? []).map((warning): [string, string] => ['note', warning]),
      ];

const runFields = (run: RunRecord, verdict: Verdict | null = null): string =>
  fields([
    ['run', run.runId],
    ['workload', run.workload],
    ['status', run.status],
    ['step', run.step],
    ['reason', run.reason],
    ['request', run.requestId],
    ['manifest', run.manifestDigest],
    ['dataset', run.datasetDigest],
    ['plan', run.plan && `${run.plan.plannedN} cases for a gain of ${(run.plan.smallestGain * 100).toFixed(1)} points with power ${run.plan.power.toFixed(2)} at level ${levelText(run.plan.level)}; ${run.plan.freshCases} fresh, ${run.plan.missingCases} missing`],
    ['adapter', run.adapterDigest],
    ['verdict', run.verdictDigest && `${run.decision ?? ''} ${run.verdictDigest}`],
    ...verdictRows(verdict),
    ['report', run.reportDigest],
    ['started', run.startedAt],
    ['ended', run.endedAt],
    ['Temporal', `workflow ${run.runId}, execution ${run.temporalRunId}`],
  ]);

/** The run that claimed a request; a trigger that was skipped because a run is under way leaves the request for the next one. */
export async function startedRun(store: MetadataStore, request: RunRequest, waitMs: number): Promise<RunRecord> {
  const run = await claimedRun(store, request, waitMs);
  if (!run) throw new RatchetError('TEMPORAL_UNAVAILABLE', `no run has claimed request ${request.id} yet: is a pipeline worker running, or another run under way? The request stays and the next run takes it`);
  return run;
}

export interface StartOptions {
  workload?: string;
  reason: string;
  approve?: boolean;
  newCandidate?: boolean;
  wait: boolean;
}

export const addRunOptions = (command: Command): Command =>
  command
    .option('--reason <text>', 'why, for the audit trail', 'started by hand')
    .option('--approve', 'wait for `ratchet approve` before promotion, whatever the workload says')
    .option('--new-candidate', 'train a new candidate although one is held: the held one ends when the new one is judged')
    .option('--no-wait', 'return as soon as the run has claimed the request');

export async function startRun(context: Context, options: StartOptions): Promise<void> {
  const [store, client, loaded] = [await context.store(), await context.temporal(), await context.workload(options.workload)];
  await ensureSchedule(client, store, loaded.workload, { taskQueue: context.config.temporal.taskQueue });
  const request = await triggerRun(client, store, loaded.workload.name, context.config.actor, options.reason, { ...(options.approve ? { approval: 'one_approver' as const } : {}), ...(options.newCandidate ? { newCandidate: true } : {}) });
  const claimed = await startedRun(store, request, 30_000);
  context.out.note(`run ${claimed.runId}`);
  const record = options.wait ? await watchRun({ store, client, runId: claimed.runId, note: context.out.note, stopAtApproval: true }) : claimed;
  context.out.result(record, runFields);
}

export function addRun(program: Command): void {
  const run = program.command('run').description('nights: snapshot, plan, curate, train, evaluate, gate, promote');

  run
    .command('ls')
    .description('the newest runs')
    .option('-w, --workload <name>', 'only this workload')
    .option('-n, --limit <count>', 'how many', positiveInt, 20)
    .action(
      action<[{ workload?: string; limit: number }]>(async (context, options) => {
        const rows = await (await context.store()).runs({ limit: options.limit, ...(options.workload === undefined ? {} : { workload: options.workload }) });
        context.out.result(rows, (value) => table(['run', 'status', 'step', 'dataset', 'adapter', 'started', 'reason'], value.map((row) => [row.runId, row.status, row.step, short(row.datasetDigest), short(row.adapterDigest), row.startedAt, row.reason])));
      }),
    );

  run
    .command('show <id>')
    .description('one run, with the digests of everything it made')
    .option('--report', 'print the report of the night (Markdown; JSON with --json)')
    .action(
      action<[string, { report?: boolean }]>(async (context, id, options) => {
        const store = await context.store();
        const record = await findRun(store, id);
        if (!options.report) {
          const verdict = record.verdictDigest === null ? null : await store.verdict(record.verdictDigest);
          return context.out.result({ ...record, verdict }, (value) => runFields(value, verdict));
        }
        if (!record.reportDigest) throw new RatchetError('NOT_FOUND', `run ${record.runId} has no report yet`);
        const report = await store.document(record.reportDigest);
        if (!report) throw new RatchetError('NOT_FOUND', `the report ${record.reportDigest} is not in the store`);
        const document = report.document as RunReport;
        const answers = await reportTexts(await context.blobs(), document);
        context.out.result({ ...document, answers }, (value) => reportMarkdown(value, answers));
      }),
    );

  addRunOptions(run.command('start').description('ask for a run now, through the schedule: a workload has one run at a time').option('-w, --workload <name>', 'the workload, when there are several'))
    .addHelpText('after', '\nExamples:\n  ratchet run start\n  ratchet run start --approve --reason "new price list" --no-wait')
    .action(action<[StartOptions]>(startRun));

  run
    .command('watch <id>')
    .description('follow a run until it ends')
    .action(
      action<[string]>(async (context, id) => {
        const [store, client] = [await context.store(), await context.temporal()];
        const { runId } = await findRun(store, id);
        context.out.result(await watchRun({ store, client, runId, note: context.out.note }), runFields);
      }),
    );

  run
    .command('cancel <id>')
    .description('cancel a run: the trainer stops, the channel stays as it is')
    .action(
      action<[string]>(async (context, id) => {
        const [store, client] = [await context.store(), await context.temporal()];
        const { runId } = await findRun(store, id);
        try {
          await client.workflow.getHandle(runId).cancel();
        } catch (error) {
          if (error instanceof WorkflowNotFoundError) throw new RatchetError('NOT_FOUND', `run ${runId} is not running`);
          throw error;
        }
        context.out.result({ runId, cancelled: true }, () => `asked run ${runId} to stop`);
      }),
    );
}
