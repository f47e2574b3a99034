// `ratchet failures`: what production got wrong.
import type { Command } from 'commander';
import { FailureClass } from '../../core/contracts/index.ts';
import { RatchetError } from '../../core/errors.ts';
import { asDigest, resolveId } from '../context.ts';
import { fields, short, table } from '../output.ts';
import { action, positiveInt } from '../action.ts';

export function addFailures(program: Command): void {
  const failures = program.command('failures').description('what production got wrong, with class and evidence');

  failures
    .command('ls')
    .description('the newest failures, and totals by class')
    .option('-w, --workload <name>', 'only this workload')
    .option('-c, --class <class>', `only this class: ${FailureClass.options.join(', ')}`)
    .option('-n, --limit <count>', 'how many', positiveInt, 20)
    .addHelpText('after', '\nExamples:\n  ratchet failures ls --class schema_violation\n  ratchet failures ls --json | jq .failures[0]')
    .action(
      action<[{ workload?: string; class?: string; limit: number }]>(async (context, options) => {
        const store = await context.store();
        const cls = options.class === undefined ? undefined : FailureClass.safeParse(options.class);
        if (cls && !cls.success) throw new RatchetError('REQUEST_INVALID', `--class: no such class; known: ${FailureClass.options.join(', ')}`);
        const { workload } = await context.workload(options.workload);
        const rows = await store.failures({ workload: workload.name, limit: options.limit, ...(cls ? { class: cls.data } : {}) });
        const counts = await store.counts(workload.name);
        context.out.result({ workload: workload.name, counts, failures: rows }, (value) =>
          [
            table(['failure', 'class', 'rule', 'time', 'corrected', 'adapter'], value.failures.map((row) => [short(row.id), row.failure.finding.class, row.failure.finding.evidence[0]?.rule, row.time, row.corrected ? 'yes' : 'no', short(row.failure.adapterDigest)])),
            '',
            `${value.counts.failing} of ${value.counts.interactions} interactions failed: ${Object.entries(value.counts.byClass).map(([name, count]) => `${name} ${count}`).join(', ') || 'none'}`,
          ].join('\n'),
        );
      }),
    );

  failures
    .command('show <id>')
    .description('one failure with its evidence; the redacted answer only with --answer')
    .option('--answer', 'also print the stored (redacted) answer')
    .addHelpText('after', '\nExample:\n  ratchet failures show 3fa9c1 --answer')
    .action(
      action<[string, { answer?: boolean }]>(async (context, id, options) => {
        const store = await context.store();
        const hit = await resolveId(store, id, ['failure']);
        const row = await store.failure(asDigest(hit.id));
        if (!row) throw new RatchetError('NOT_FOUND', `no failure ${id}`);
        const stored = await store.interactionByRef(row.interactionRef);
        const answer = options.answer ? stored?.interaction.answer.text : undefined;
        context.out.result({ ...row, ...(answer === undefined ? {} : { answer }) }, (value) =>
          fields([
            ['failure', value.id],
            ['class', value.failure.finding.class],
            ['confidence', value.failure.finding.confidence],
            ['detector', value.failure.finding.detector],
            ['interaction', `${value.interactionRef.source} ${value.interactionRef.id}`],
            ['digest', value.failure.interactionDigest],
            ['answered by', value.failure.adapterDigest ?? 'base model'],
            ['corrected', value.corrected ? 'yes' : 'no'],
            ...value.failure.finding.evidence.map((item, index): [string, string] => [
              `evidence ${index + 1}`,
              [item.rule, item.detail, item.pointer === undefined ? undefined : `at ${item.pointer || '/'}`, item.start === undefined ? undefined : `offset ${item.start}${item.end === undefined ? '' : `–${item.end}`}`].filter(Boolean).join(', '),
            ]),
            ...(value.answer === undefined ? [] : ([['answer', value.answer]] as [string, string][])),
          ]),
        );
      }),
    );
}
