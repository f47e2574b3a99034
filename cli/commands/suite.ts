// `ratchet suite`: suite files checked, with all mistakes and their places; the suites that workloads name; a suite's judge tried on its examples.
import type { Command } from 'commander';
import { tryJudge } from '../../activities/suite-judge.ts';
import { RatchetError } from '../../core/errors.ts';
import { judgeDigest } from '../../core/suites/judge.ts';
import { suiteGuardPlans } from '../../core/suites/plan.ts';
import { metricsOf, sampleOf, type Suite } from '../../core/suites/suite.ts';
import { createJudge } from '../../stores/judge.ts';
import { BUILTIN_SUITES, readSuite } from '../../stores/suites.ts';
import type { LoadedWorkload } from '../../stores/workloads.ts';
import { action } from '../action.ts';
import { harmless } from '../approval-text.ts';
import { EXIT } from '../exit-codes.ts';
import { fields, table } from '../output.ts';

const JUDGE_TIMEOUT_MS = 120_000;

/** One line of a table, whatever a model wrote. */
const shown = (text: string): string => harmless(text.replaceAll(/\s+/g, ' ')).slice(0, 80);

interface Described {
  name: string;
  purpose: string;
  cases: number;
  clusters: number;
  asked: number;
  metrics: string[];
  description: string;
}

/** Answers that a night needs for it are twice `asked`: one of each arm. */
function describe(suite: Suite, expectsJson: boolean): Described {
  const { name, purpose, items, sample, description } = suite;
  return { name, purpose, cases: items.length, clusters: new Set(items.map(({ cluster }) => cluster)).size, asked: sampleOf(suite, sample).length, metrics: [...metricsOf(suite, expectsJson)], description };
}

const expectsJson = ({ detectors }: Suite, loaded?: LoadedWorkload): boolean => (detectors ?? loaded?.workload.detectors)?.expect === 'json';

export function addSuite(program: Command): void {
  const suite = program.command('suite').description('suites: cases for one purpose that every candidate is asked, beside the test');

  suite
    .command('check <files...>')
    .description('check suite files with their case files; exit code 2 when one has mistakes')
    .addHelpText('after', '\nExamples:\n  ratchet suite check examples/echo/suites/format.yaml\n  ratchet suite check builtin:injection')
    .action(
      action<[string[]]>(async (context, files) => {
        const read = [];
        for (const file of files) read.push(await readSuite(file));
        context.out.result(
          read.map(({ suite: each, file }) => ({ file, ...describe(each, expectsJson(each)) })),
          (value) => `${value.map((item) => fields([['file', item.file], ['suite', item.name], ['purpose', item.purpose], ['cases', `${item.cases} in ${item.clusters} clusters, ${item.asked} asked in a night`], ['measures', item.metrics.join(', ')]])).join('\n\n')}\n\nNo mistakes.`,
        );
      }),
    );

  suite
    .command('judge <file>')
    .description(`ask the judge of a suite about the suite's own examples, at JUDGE_URL; exit code ${EXIT.failed} when it sees one otherwise, ${EXIT.unavailable} when it does not answer`)
    .addHelpText('after', '\nExamples:\n  JUDGE_URL=http://127.0.0.1:8010 ratchet suite judge suites/kind.yaml\n  ratchet suite judge suites/kind.yaml --json | jq ".examples[] | select(.found.passed != .wanted)"')
    .action(
      action<[string]>(async (context, file) => {
        const { judge, name } = (await readSuite(file)).suite;
        if (judge === undefined) throw new RatchetError('REQUEST_INVALID', `suite ${name} has no judge`);
        if (context.config.judge === undefined) throw new RatchetError('CONFIG_INVALID', 'JUDGE_URL is not set: it says where the judge is served');
        const examples = await tryJudge(createJudge(context.config.judge), judge, { timeoutMs: JUDGE_TIMEOUT_MS });
        const wrong = examples.filter(({ wanted, found }) => found?.passed !== wanted).length;
        const word = (passed: boolean | undefined): string => (passed === undefined ? 'not readable' : passed ? 'pass' : 'fail');
        context.out.result({ suite: name, judge: judgeDigest(judge), model: judge.model, revision: judge.revision, examples, wrong }, (value) =>
          [
            fields([['suite', value.suite], ['judge', value.judge], ['model', `${value.model} (${value.revision})`]]),
            table(['wanted', 'found', 'answer', 'reason'], value.examples.map(({ wanted, found, answer }) => [word(wanted), word(found?.passed), shown(answer), shown(found?.reason ?? '')])),
            value.examples.length === 0 ? 'The suite gives no examples: nothing says whether this judge sees what you see.' : wrong === 0 ? 'It sees every example as the suite does.' : `It sees ${wrong} of ${value.examples.length} examples otherwise: nights would not hear it.`,
          ].join('\n\n'),
        );
        if (wrong > 0) process.exitCode = EXIT.failed;
      }),
    );

  suite
    .command('ls')
    .description('the suites of the workloads in RATCHET_WORKLOADS with the guards on them, and those that come with Ratchet')
    .addHelpText('after', '\nExample:\n  ratchet suite ls --json | jq -r ".workloads[].suites[].name"')
    .action(
      action(async (context) => {
        const workloads = [...(await context.workloads()).values()].map((loaded) => ({
          workload: loaded.workload.name,
          suites: (loaded.suites ?? []).map((each) => ({
            ...describe(each, expectsJson(each, loaded)),
            guards: loaded.workload.gate.guards.filter((guard) => guard.kind === 'suite' && guard.suite === each.name).map(({ id, metric = 'pass', margin, critical }) => ({ id, metric, margin, critical })),
            plans: suiteGuardPlans(loaded.workload.gate, loaded.workload.gate.guards, each, sampleOf(each, each.sample)),
          })),
        }));
        const builtin = [];
        for (const name of BUILTIN_SUITES) {
          const { suite: each } = await readSuite(`builtin:${name}`);
          builtin.push({ ...describe(each, expectsJson(each)), name: `builtin:${name}` });
        }
        context.out.result({ workloads, builtin }, (value) => {
          const rows = [
            ...value.workloads.flatMap(({ workload, suites }) => suites.map((each) => [workload, each.name, each.purpose, each.cases, each.asked, each.guards.map(({ id, metric }) => `${id} (${metric})`).join(', ') || '-'])),
            ...value.builtin.map((each) => ['-', each.name, each.purpose, each.cases, each.asked, '-']),
          ];
          const short = value.workloads.flatMap(({ suites }) => suites.flatMap(({ plans }) => plans.filter(({ wanted, clusters }) => wanted === null || wanted > clusters)));
          const warnings = short.map(({ id, wanted, clusters }) => `guard "${id}" wants ${wanted === null ? 'more clusters than can be planned for' : `about ${wanted} clusters`} to pass a harmless candidate, its suite has ${clusters}: raise its margin or add cases`);
          return [table(['workload', 'suite', 'purpose', 'cases', 'asked', 'guards'], rows), ...warnings].join('\n');
        });
      }),
    );
}
