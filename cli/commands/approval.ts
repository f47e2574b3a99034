// `ratchet approve` and `ratchet reject`: a person's decision on a candidate that waits, bound to its exact evaluation.
import { WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import type { Command } from 'commander';
import { RatchetError } from '../../core/errors.ts';
import type { ApprovalUpdate } from '../../workflows/promotion.ts';
import { action } from '../action.ts';
import { fields } from '../output.ts';
import { findRun } from './run.ts';

function addDecision(program: Command, decision: 'approve' | 'reject'): void {
  program
    .command(`${decision} <run>`)
    .description(decision === 'approve' ? 'promote the candidate of a run that waits for approval' : 'turn the candidate of a waiting run down; the live adapter stays')
    .option('--comment <text>', 'why, for the audit trail')
    .addHelpText('after', `\nThe decision names the adapter's and the verdict's digests and the generation it expects; it is void when any of them changed.\nExample:\n  ratchet ${decision} ratchet-tickets-2026-01-02 --comment "checked ten flips"`)
    .action(
      action<[string, { comment?: string }]>(async (context, id, options) => {
        const [store, client] = [await context.store(), await context.temporal()];
        const run = await findRun(store, id);
        if (run.status !== 'awaiting_approval' || !run.verdictDigest) throw new RatchetError('APPROVAL_VOID', `run ${run.runId} does not wait for an approval: it is ${run.status}`);
        const verdict = await store.verdict(run.verdictDigest);
        if (!verdict) throw new RatchetError('NOT_FOUND', `no verdict ${run.verdictDigest}`);
        const approval: ApprovalUpdate = {
          by: context.config.actor,
          verdictDigest: run.verdictDigest,
          candidateDigest: verdict.candidateDigest,
          ...(options.comment === undefined ? {} : { comment: options.comment }),
        };
        try {
          await client.workflow.getHandle(`promotion/${run.runId}`).executeUpdate(decision, { args: [approval] });
        } catch (error) {
          if (error instanceof WorkflowNotFoundError) throw new RatchetError('APPROVAL_VOID', `the promotion of run ${run.runId} has ended`);
          if (error instanceof WorkflowUpdateFailedError) throw new RatchetError('APPROVAL_VOID', error.cause?.message ?? 'refused');
          throw error;
        }
        context.out.result({ ...approval, decision, channel: verdict.channel, expectedGeneration: verdict.currentGeneration }, (value) =>
          fields([[value.decision === 'approve' ? 'approved' : 'rejected', value.candidateDigest], ['verdict', value.verdictDigest], ['channel', `${value.channel}, in place of generation ${value.expectedGeneration}`], ['by', value.by]]),
        );
      }),
    );
}

export function addApproval(program: Command): void {
  addDecision(program, 'approve');
  addDecision(program, 'reject');
}
