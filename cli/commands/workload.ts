// `ratchet workload check`: all mistakes of workload files, with their places.
import type { Command } from 'commander';
import { readWorkload } from '../../stores/workloads.ts';
import { action } from '../action.ts';
import { fields } from '../output.ts';

export function addWorkload(program: Command): void {
  program
    .command('workload')
    .description('workload files')
    .command('check [files...]')
    .description('check workload files (default: RATCHET_WORKLOADS); exit code 2 when one has mistakes')
    .addHelpText('after', '\nExample:\n  ratchet workload check examples/tickets/workload.yaml')
    .action(
      action<[string[]]>(async (context, files) => {
        const names = files.length > 0 ? files : context.config.workloadFiles;
        const loaded = [];
        for (const file of names) loaded.push(await readWorkload(file));
        context.out.result(
          loaded.map(({ workload, digest, file }) => ({ file, name: workload.name, channel: workload.channel, baseModel: workload.baseModel, digest, workload })),
          (value) => value.map((item) => fields([['file', item.file], ['workload', item.name], ['channel', item.channel], ['base model', item.baseModel], ['digest', item.digest]])).join('\n\n') + '\n\nNo mistakes.',
        );
      }),
    );
}
