// `ratchet dataset`: what an adapter was trained on.
import type { Command } from 'commander';
import { readJsonLines } from '../../activities/runs.ts';
import { Dataset, Example } from '../../core/contracts/index.ts';
import { RatchetError } from '../../core/errors.ts';
import { action, positiveInt } from '../action.ts';
import { asDigest, resolveId } from '../context.ts';
import { fields, short, table } from '../output.ts';

export function addDataset(program: Command): void {
  const dataset = program.command('dataset').description('immutable, digest-named lists of examples');
  dataset
    .command('ls')
    .description('the newest datasets')
    .option('-n, --limit <count>', 'how many', positiveInt, 20)
    .action(
      action<[{ limit: number }]>(async (context, options) => {
        const rows = (await (await context.store()).documents('dataset', options.limit)).map((row) => ({ digest: row.digest, dataset: Dataset.parse(row.document) }));
        context.out.result(rows, (value) => table(['dataset', 'workload', 'examples', 'failures', 'replay'], value.map((row) => [short(row.digest), row.dataset.workload, row.dataset.exampleDigests.length, row.dataset.counts.failures, row.dataset.counts.replay])));
      }),
    );
  dataset
    .command('show <digest>')
    .description('counts, provenance and rows; the text of rows only with --rows')
    .option('--rows', 'print the examples as JSON lines')
    .addHelpText('after', '\nExamples:\n  ratchet dataset show 91ab04\n  ratchet dataset show 91ab04 --rows > examples.jsonl')
    .action(
      action<[string, { rows?: boolean }]>(async (context, id, options) => {
        const store = await context.store();
        const hit = await resolveId(store, id, ['dataset']);
        const kept = await store.document(asDigest(hit.id));
        if (!kept) throw new RatchetError('NOT_FOUND', `no dataset ${id}`);
        const value = Dataset.parse(kept.document);
        if (options.rows) {
          process.stdout.write(Buffer.from(await (await context.blobs()).get(value.examplesDigest)));
          return;
        }
        const byClass = new Map<string, number>();
        for (const line of await readJsonLines(await context.blobs(), value.examplesDigest)) {
          const example = Example.parse(line);
          const key = example.source.replay ? 'replay' : example.source.failureClasses.join('+') || 'semantic_error';
          byClass.set(key, (byClass.get(key) ?? 0) + 1);
        }
        context.out.result({ digest: hit.id, ...value, examplesByClass: Object.fromEntries(byClass) }, (shown) =>
          fields([
            ['dataset', shown.digest],
            ['workload', `${shown.workload} (${shown.workloadDigest})`],
            ['manifest', shown.manifestDigest],
            ['split ledger', shown.ledgerDigest],
            ['examples', `${shown.exampleDigests.length} in ${shown.examplesDigest}`],
            ...Object.entries(shown.examplesByClass).map(([name, count]): [string, number] => [`  ${name}`, count]),
            ...Object.entries(shown.counts).map(([name, count]): [string, unknown] => [name, count]),
            ...(shown.injectionJudge ? [['injection judge', `${shown.injectionJudge.judgeDigest}: ${shown.injectionJudge.followed} confirmed, ${shown.injectionJudge.unconfirmed} unconfirmed${shown.injectionJudge.absent === null ? '' : ` (${shown.injectionJudge.absent})`}`] as [string, string]] : []),
            ['detectors', shown.detectorVersions.join(', ')],
            ['redactor', shown.redactorVersion],
          ]),
        );
      }),
    );
}
