// `ratchet watch`: what is seen of both arms after a promotion, and how often such a watch errs.
import { Option, type Command } from 'commander';
import type { WatchRecord } from '../../core/contracts/index.ts';
import { RatchetError } from '../../core/errors.ts';
import { eInWords, judgeWatch, levelPerClass, type Arm, type ClassLook } from '../../core/watch/judge.ts';
import { simulateWatch, SIMULATION, type SimulationRow } from '../../core/watch/simulate.ts';
import { EXIT } from '../exit-codes.ts';
import { action, positiveInt } from '../action.ts';
import { channelName } from '../context.ts';
import type { MetadataStore } from '../../stores/ports.ts';
import { fields, percent, short, table } from '../output.ts';

const HOUR_MS = 3_600_000;

interface WatchView {
  watch: WatchRecord;
  /** null: nothing is held back any more. */
  holdback: { share: number; until: string; hoursLeft: number } | null;
  wanted: number;
  classes: (Omit<ClassLook, 'logE' | 'logEWithoutOne'> & { e: number; eWithoutOne: number })[];
}

async function viewOf(store: MetadataStore, watch: WatchRecord, now: Date): Promise<WatchView> {
  const entry = await store.channel(watch.channel);
  const held = entry?.generation === watch.generation ? entry.holdback : undefined;
  const leftMs = held === undefined ? 0 : Date.parse(held.until) - now.getTime();
  const looks = judgeWatch(await store.watchCounts(watch.channel, watch.generation), watch.policy);
  return {
    watch,
    holdback: held === undefined || leftMs <= 0 ? null : { share: held.share, until: held.until, hoursLeft: leftMs / HOUR_MS },
    wanted: 1 / levelPerClass(watch.policy.alpha),
    classes: looks.map(({ logE, logEWithoutOne, ...look }) => ({ ...look, e: Math.exp(logE), eWithoutOne: Math.exp(logEWithoutOne) })),
  };
}

const armText = ({ answers, failing, rate, interval: [low, high] }: Arm): string => (answers === 0 ? '-' : `${failing}/${answers} = ${percent(rate)} (${percent(low)}–${percent(high)})`);

function showText({ watch, holdback, wanted, classes }: WatchView): string {
  const head = fields([
    ['watch', `${watch.channel} at generation ${watch.generation}`],
    ['status', watch.status],
    ['reason', watch.reason],
    ['live', watch.live ? short(watch.live) : 'base'],
    ['held back', watch.holdback ? short(watch.holdback) : 'base'],
    ['share', holdback === null ? 'nothing is held back any more' : `${percent(holdback.share)} until ${holdback.until} (${holdback.hoursLeft.toFixed(1)} h left)`],
    ['began', `${watch.startedAt}, by ${watch.by}`],
    ['ended', watch.endedAt],
  ]);
  const rows = classes.map((look) => [look.class, look.state, armText(look.live), armText(look.holdback), `${(100 * look.rise).toFixed(1)} points`, eInWords(Math.log(look.e))]);
  return `${head}\n\n${table(['class', 'state', 'live', 'held back', 'rise', `e (${wanted.toPrecision(4)} wanted)`], rows)}`;
}

const simulationText = (rows: readonly SimulationRow[]): string =>
  table(
    ['traffic', 'watches', 'alarms', '95 %', 'requests to the alarm: median', '90 of 100'],
    rows.map((row) => [row.title, row.runs, percent(row.share), `${percent(row.interval[0])}–${percent(row.interval[1])}`, row.medianRequests, row.ninetiethRequests]),
  );

const share = (text: string): number => Number(text);

export function addWatch(program: Command): void {
  const watch = program.command('watch').description('what is seen after a promotion: the live adapter against a share left on the former one');

  watch
    .command('ls')
    .description('the newest watches')
    .option('-n, --limit <count>', 'how many', positiveInt, 20)
    .action(
      action<[{ limit: number }]>(async (context, { limit }) => {
        const rows = await (await context.store()).watches({ limit });
        context.out.result(rows, (value) => table(['channel', 'generation', 'status', 'live', 'held back', 'began', 'ended', 'reason'], value.map((row) => [row.channel, row.generation, row.status, row.live ? short(row.live) : 'base', row.holdback ? short(row.holdback) : 'base', row.startedAt, row.endedAt, row.reason])));
      }),
    );

  watch
    .command('show [channel]')
    .description('both arms by class, the evidence, and the time left')
    .option('-g, --generation <number>', 'another generation than the last one watched', positiveInt)
    .addHelpText('after', '\nExamples:\n  ratchet watch show\n  ratchet watch show tickets/production --generation 3 --json')
    .action(
      action<[string | undefined, { generation?: number }]>(async (context, name, { generation }) => {
        const store = await context.store();
        const channel = await channelName(context, name);
        const record = generation === undefined ? (await store.watches({ channel, limit: 1 }))[0] : await store.watch(channel, generation);
        if (record === undefined || record === null) throw new RatchetError('NOT_FOUND', `${channel}${generation === undefined ? '' : ` at generation ${generation}`} was never watched; a workload asks for it with \`watch:\``);
        context.out.result(await viewOf(store, record, new Date()), showText);
      }),
    );

  watch
    .command('simulate')
    .description('false alarms and delays on generated traffic; exit code 1 when there are more false alarms than stated')
    .option('--runs <count>', 'watches of each kind of traffic', positiveInt, SIMULATION.runs)
    .option('--requests <count>', 'requests in each watch', positiveInt, SIMULATION.requests)
    .addOption(new Option('--share <share>', 'share held back').argParser(share).default(SIMULATION.share))
    .addOption(new Option('--rate <rate>', 'failure rate of the former adapter').argParser(share).default(SIMULATION.rate))
    .option('--seed <number>', 'seed of the traffic', positiveInt, SIMULATION.seed)
    .addHelpText('after', '\nExamples:\n  ratchet watch simulate --runs 200\n  ratchet watch simulate --share 0.05 --rate 0.3 --json')
    .action(
      action<[{ runs: number; requests: number; share: number; rate: number; seed: number }]>(async (context, options) => {
        for (const [name, value] of [['share', options.share], ['rate', options.rate]] as const) {
          if (!(value > 0 && value <= 0.5)) throw new RatchetError('REQUEST_INVALID', `--${name} must be above 0 and at most 0.5`);
        }
        const rows = simulateWatch({ ...SIMULATION, ...options }, (title) => context.out.note(`  ${title}`));
        context.out.result(rows, simulationText);
        // Only what the watches prove counts against them.
        if (rows.some((row) => row.expects === 'no alarm' && row.interval[0] > SIMULATION.alpha)) process.exitCode = EXIT.failed;
      }),
    );
}
