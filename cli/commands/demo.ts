// `ratchet demo`: the whole loop on real parts, told step by step.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { startLoop, type Loop } from '../../infra/dev/loop.ts';
import { cacheDir, repositoryRoot } from '../../infra/dev/paths.ts';
import type { RunRecord } from '../../core/contracts/index.ts';
import { seedKeys } from '../../stores/keys.ts';
import { homePaths } from '../../workers/config.ts';
import { action, positiveInt } from '../action.ts';
import { makeKey } from '../approver-keys.ts';
import { createContext, type Context } from '../context.ts';
import { createMeter, renderFigures } from '../demo/meter.ts';
import { easyWorkload } from '../demo/easy.ts';
import { compare, describeNight, night, production, rollbackAndAsk, ticketsAgain, traceOneFailure, type Stage } from '../demo/story.ts';
import { enrol } from './key.ts';
import { addressLines, interruptSignal, untilAborted, writeEnvFile } from './dev.ts';

interface DemoOptions {
  approve?: boolean;
  keep?: boolean;
  tickets: number;
  fresh: number;
  seed: string;
}

/** Opens the CLI's own stores on the loop's settings, as another terminal would. */
async function stageFor(loop: Loop, outer: Context, signal: AbortSignal): Promise<Stage> {
  Object.assign(process.env, loop.env, { RATCHET_ACTOR: 'demo' });
  const context = createContext({ json: outer.out.json });
  return { context, store: await context.store(), client: await context.temporal(), loaded: await context.workload('tickets'), gatewayUrl: loop.gatewayUrl, note: outer.out.note, signal };
}

/** The demo's own approver, so that `ratchet approve` works in another terminal with the demo's settings. In real use people make and enrol their own keys. */
async function demoApprover({ context, store, note }: Stage): Promise<void> {
  const { name, publicKey, files } = await makeKey(context.config.keyDir, 'visitor');
  await enrol(store, { publicKey, name, channels: ['*'], by: 'demo', at: new Date().toISOString() });
  note(`  approvals are signed: the demo made the key ${files.private} and enrolled it as ${name}`);
}

async function demo(outer: Context, options: DemoOptions): Promise<void> {
  const { note } = outer.out;
  const dir = join(cacheDir, 'demo');
  // Every demo starts from nothing, so that two runs tell the same story; what an earlier one kept is gone then.
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  // The keys say which clusters are held out, which cases are drawn and labelled, and what stands in for personal values.
  await seedKeys(homePaths(join(dir, 'home')).keys, options.seed);
  const signal = interruptSignal();
  const meter = createMeter(note);
  let loop: Loop | undefined;
  let stage: Stage | undefined;
  try {
    loop = await meter.phase('1. The real parts start', () =>
      startLoop({ dir, workloadFiles: ['tickets', 'echo'].map((name) => join(repositoryRoot, 'examples', name, 'workload.yaml')), env: { GATEWAY_ALLOW_BASE: 'true', RATCHET_KEY_DIR: join(dir, 'keys') }, note, signal }),
    );
    meter.watch(loop.pids);
    const envFile = writeEnvFile(dir, loop);
    note(addressLines(loop, envFile));
    const here = (stage = await stageFor(loop, outer, signal));
    if (options.approve) await demoApprover(here);
    await meter.phase(`2–3. The agent answers ${options.tickets} tickets with the base model; failures are found`, () => production(here, options.tickets));
    const first = await meter.phase('4. The night: snapshot, plan, curate, train, evaluate, gate, promote', () => night(here, { reason: 'first night of the demo', approve: options.approve ?? false }));
    await describeNight(here, first);
    const arms = await meter.phase(`5. ${options.fresh} fresh tickets, three ways`, () => compare(here, options.fresh, first.adapterDigest));
    note('\n   One failure, traced');
    await traceOneFailure(here);
    const second = await meter.phase('6. A second night, and the way back', async () => {
      const run = await night(here, { reason: 'second night of the demo', approve: false });
      await describeNight(here, run);
      await rollbackAndAsk(here, ticketsAgain(here));
      return run;
    });
    const easy = async (): Promise<RunRecord> => easyWorkload({ ...here, loaded: await here.context.workload('echo') }, { approve: options.approve ?? false });
    const third = first.status === 'promoted' ? null : await meter.phase('7. The gate did not promote that adapter. An easy task under the same gate shows the way to production and back', easy);
    const figures = meter.figures();
    note(`\nWhere the time went\n${renderFigures(figures)}`);
    const result = { first, second, easy: third, verdict: first.verdictDigest ? await here.store.verdict(first.verdictDigest) : null, comparison: arms, figures };
    writeFileSync(join(dir, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
    if (outer.out.json) outer.out.result(result, () => '');
    note(`\nThe night's report: ${join(dir, 'home', 'reports')}; all figures: ${join(dir, 'result.json')}`);
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
    .option('--keep', 'leave everything running at the end and print the addresses')
    .option('--tickets <count>', 'tickets of the first day', positiveInt, 260)
    .option('--fresh <count>', 'fresh tickets for the before/after table', positiveInt, 60)
    .option('--seed <text>', 'from which the secret keys are made: the same seed draws the same cases and holds out the same tickets', 'ratchet')
    .addHelpText('after', '\nExamples:\n  npm run demo\n  npm run demo -- --keep\n  npm run demo -- --approve\n  npm run demo -- --seed another-day')
    .action(action<[DemoOptions]>((context, options) => demo(context, options)));
}
