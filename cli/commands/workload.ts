// `ratchet workload check`: all mistakes of workload files and their rule files, with their places.
import type { Command } from 'commander';
import type { DetectorSettings } from '../../core/contracts/index.ts';
import { readWorkload } from '../../stores/workloads.ts';
import { action } from '../action.ts';
import { fields } from '../output.ts';

/** Rules with the persona, and the examples that were run for them. */
function countsOf({ rules, persona }: DetectorSettings): { rules: number; persona: boolean; examples: number } {
  const carriers = [...rules, ...(persona ? [persona] : [])];
  return { rules: rules.length, persona: persona !== undefined, examples: carriers.reduce((sum, { examples }) => sum + examples.passes.length + examples.fails.length, 0) };
}

export function addWorkload(program: Command): void {
  program
    .command('workload')
    .description('workload files')
    .command('check [files...]')
    .description('check workload files and their rules, with the rules\' examples (default: RATCHET_WORKLOADS); exit code 2 when one has mistakes')
    .addHelpText('after', '\nExample:\n  ratchet workload check examples/tickets/workload.yaml')
    .action(
      action<[string[]]>(async (context, files) => {
        const names = files.length > 0 ? files : context.config.workloadFiles;
        const loaded = [];
        for (const file of names) loaded.push(await readWorkload(file));
        context.out.result(
          loaded.map(({ workload, digest, file }) => ({ file, name: workload.name, channel: workload.channel, baseModel: workload.baseModel, digest, ...countsOf(workload.detectors), workload })),
          (value) =>
            value
              .map((item) => {
                const rules = `${item.rules}${item.persona ? ' and a persona' : ''}, ${item.examples} examples behave`;
                return fields([['file', item.file], ['workload', item.name], ['channel', item.channel], ['base model', item.baseModel], ['digest', item.digest], ['rules', rules]]);
              })
              .join('\n\n') + '\n\nNo mistakes.',
        );
      }),
    );
}
