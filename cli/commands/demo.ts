// `ratchet demo`: the whole loop on real parts, told step by step; `--tour` shows every end that a night can have.
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { startLoop, type Loop } from '../../infra/dev/loop.ts';
import { cacheDir, repositoryRoot } from '../../infra/dev/paths.ts';
import type { RunRecord } from '../../core/contracts/index.ts';
import { RatchetError } from '../../core/errors.ts';
import { seedKeys } from '../../stores/keys.ts';
import { homePaths } from '../../workers/config.ts';
import { action, positiveInt } from '../action.ts';
import { makeKey, ownKeys, type OwnKey } from '../approver-keys.ts';
import { createContext, type Context } from '../context.ts';
import { createMeter, renderFigures, type Meter } from '../demo/meter.ts';
import { easyWorkload } from '../demo/easy.ts';
import { compare, describeNight, night, production, rollbackAndAsk, ticketsAgain, traceOneFailure, type Stage } from '../demo/story.ts';
import { ACT_NAMES, renderActs, type TourResult } from '../demo/tour/acts.ts';
import { tour } from '../demo/tour/index.ts';
import { readProgress } from '../demo/tour/progress.ts';
import { EXIT } from '../exit-codes.ts';
import { enrol } from './key.ts';
import { addressLines, interruptSignal, untilAborted, writeEnvFile } from './dev.ts';

interface DemoOptions {
  approve?: boolean;
  keep?: boolean;
  tour?: boolean;
  acts?: number;
  goOn?: boolean;
  dir?: string;
  tickets: number;
  fresh: number;
  seed: string;
}

/** Opens the CLI's own stores on the loop's settings, as another terminal would. */
async function stageFor(loop: Loop, outer: Context, signal: AbortSignal, workload: string): Promise<Stage> {
  Object.assign(process.env, loop.env, { RATCHET_ACTOR: 'demo' });
  const context = createContext({ json: outer.out.json });
  return { context, store: await context.store(), client: await context.temporal(), loaded: await context.workload(workload), gatewayUrl: loop.gatewayUrl, note: outer.out.note, signal };
}

/** The demo's own approver, so that `ratchet approve` works in another terminal with the demo's settings. In real use people make and enrol their own keys. */
async function demoApprover({ context, store, note }: Stage): Promise<OwnKey> {
  const known = (await ownKeys(context.config.keyDir)).find(({ name }) => name === 'visitor');
  if (known) return known;
  const key = await makeKey(context.config.keyDir, 'visitor');
  await enrol(store, { publicKey: key.publicKey, name: key.name, channels: ['*'], by: 'demo', at: new Date().toISOString() });
  note(`  approvals are signed: the demo made the key ${key.files.private} and enrolled it as ${key.name}`);
  return key;
}

/** Every demo starts from nothing, so that two runs tell the same story. A folder that somebody names may hold their own files: it must be empty. */
function freshFolder(named: string | undefined, usual: string): string {
  if (named === undefined) rmSync(usual, { recursive: true, force: true });
  else if (existsSync(named) && readdirSync(named).length > 0) throw new RatchetError('REQUEST_INVALID', `--dir: ${named} is not empty`);
  const dir = resolve(named ?? usual);
  mkdirSync(dir, { recursive: true });
  return dir;
}

/** What is shown once everything runs: its result, which is kept with the figures, and the end of what is said. */
type Show = (stage: Stage, meter: Meter) => Promise<{ result: object; last?: string }>;

const wholeLoop =
  (options: DemoOptions): Show =>
  async (here, meter) => {
    if (options.approve) await demoApprover(here);
    await meter.phase(`2–3. The agent answers ${options.tickets} tickets with the base model; failures are found`, () => production(here, options.tickets));
    const first = await meter.phase('4. The night: snapshot, plan, curate, train, evaluate, gate, promote', () => night(here, { reason: 'first night of the demo', approve: options.approve ?? false }));
    await describeNight(here, first);
    const arms = await meter.phase(`5. ${options.fresh} fresh tickets, three ways`, () => compare(here, options.fresh, first.adapterDigest));
    here.note('\n   One failure, traced');
    await traceOneFailure(here);
    const second = await meter.phase('6. A second night, and the way back', async () => {
      const run = await night(here, { reason: 'second night of the demo', approve: false });
      await describeNight(here, run);
      await rollbackAndAsk(here, ticketsAgain(here));
      return run;
    });
    const easy = async (): Promise<RunRecord> => easyWorkload({ ...here, loaded: await here.context.workload('echo') }, { approve: options.approve ?? false });
    const third = first.status === 'promoted' ? null : await meter.phase('7. The gate did not promote that adapter. An easy task under the same gate shows the way to production and back', easy);
    return { result: { first, second, easy: third, verdict: first.verdictDigest ? await here.store.verdict(first.verdictDigest) : null, comparison: arms } };
  };

const everyEnd =
  (dir: string, before: TourResult['acts'], count: number): Show =>
  async (here, meter) => {
    const result = await tour(here, meter, { visitor: await demoApprover(here), count, before, dir });
    if (!result.asAnnounced) process.exitCode = EXIT.notAsAnnounced;
    return { result, last: renderActs(result) };
  };

async function demo(outer: Context, options: DemoOptions): Promise<void> {
  const { note } = outer.out;
  const workloads = options.tour ? ['tour'] : ['tickets', 'echo'];
  const usual = join(cacheDir, options.tour ? 'tour' : 'demo');
  const dir = options.goOn ? resolve(options.dir ?? usual) : freshFolder(options.dir, usual);
  const before = options.goOn ? readProgress(dir) : [];
  const show = options.tour ? everyEnd(dir, before, options.acts ?? ACT_NAMES.length) : wholeLoop(options);
  // The keys say which clusters are held out, which cases are drawn and labelled, and what stands in for personal values.
  await seedKeys(homePaths(join(dir, 'home')).keys, options.seed);
  const signal = interruptSignal();
  const meter = createMeter(note);
  let loop: Loop | undefined;
  let stage: Stage | undefined;
  try {
    loop = await meter.phase(options.tour ? 'The real parts start' : '1. The real parts start', () =>
      startLoop({ dir, workloadFiles: workloads.map((name) => join(repositoryRoot, 'examples', name, 'workload.yaml')), env: { GATEWAY_ALLOW_BASE: 'true', RATCHET_KEY_DIR: join(dir, 'keys') }, note, signal }),
    );
    meter.watch(loop.pids);
    const envFile = writeEnvFile(dir, loop);
    note(addressLines(loop, envFile));
    stage = await stageFor(loop, outer, signal, workloads[0] ?? '');
    const shown = await show(stage, meter);
    const figures = meter.figures();
    note(`\nWhere the time went\n${renderFigures(figures)}`);
    if (shown.last !== undefined) note(`\n${shown.last}`);
    const result = { ...shown.result, figures };
    writeFileSync(join(dir, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
    if (outer.out.json) outer.out.result(result, () => '');
    note(`\nThe ${options.tour ? "nights' reports" : "night's report"}: ${join(dir, 'home', 'reports')}; all figures: ${join(dir, 'result.json')}`);
    if (options.keep) {
      note(`\nStill running:\n${addressLines(loop, envFile)}\nCtrl-C stops everything.`);
      await untilAborted(signal);
    }
  } catch (error) {
    // Ctrl-C ends whatever was under way with the signal's own error: not a failure.
    if (!signal.aborted) throw error;
  } finally {
    meter.stop();
    await stage?.context.close();
    await loop?.stop();
  }
}

export function addDemo(program: Command): void {
  program
    .command('demo')
    .description('the whole loop on real parts: production, failures, training, gate, promotion, trace, rollback (about 20 minutes on 2 cores)')
    .option('--approve', 'wait for `ratchet approve` in another terminal before promotion, signed with a key that the demo makes')
    .addOption(new Option('--tour', 'instead: a skipped, a rejected and a held night, an approval, promotions and an automatic rollback, on an easy task').conflicts(['approve', 'tickets', 'fresh']))
    .addOption(new Option('--acts <count>', 'of the tour: so many acts, and no more').argParser(positiveInt).implies({ tour: true }))
    .addOption(new Option('--go-on', 'with the tour in the folder, after its last act').implies({ tour: true }))
    .option('--keep', 'leave everything running at the end and print the addresses')
    .option('--dir <path>', 'a new or empty folder for everything that is kept (default: .ratchet/demo, or .ratchet/tour, emptied first)')
    .option('--tickets <count>', 'tickets of the first day', positiveInt, 260)
    .option('--fresh <count>', 'fresh tickets for the before/after table', positiveInt, 60)
    .option('--seed <text>', 'from which the secret keys are made: the same seed draws the same cases and holds out the same tickets', 'ratchet')
    .addHelpText('after', `\nExit code ${EXIT.notAsAnnounced} when an act of the tour did not end as it was announced.\n\nExamples:\n  npm run demo\n  npm run demo -- --keep\n  npm run demo -- --approve\n  npm run demo -- --seed another-day\n  npm run demo -- --tour\n  npm run demo -- --tour --acts 4\n  npm run demo -- --tour --go-on --keep`)
    .action(action<[DemoOptions]>((context, options) => demo(context, options)));
}
