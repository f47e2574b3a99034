// What a night costs besides its GPU time: the real workflow, steps, stores and Temporal; a trainer and an engine that take no time stand in
// for the real ones, so that the wall clock from request to end is the night's own overhead, and with it how long its histories grow.
// Run: npm run bench -- bench/night.ts [--rows 2000] [--cases 500] [--nights 3]
import { parseArgs } from 'node:util';
import { startWorld } from '../tests/support/pipeline.ts';

const TARGET_S = 5;
const MAX_EVENTS = 500;
const { values } = parseArgs({ options: { rows: { type: 'string', default: '2000' }, cases: { type: 'string', default: '500' }, nights: { type: 'string', default: '3' } } });
const [rows, cases, nights] = [Number(values.rows), Number(values.cases), Number(values.nights)];

const world = await startWorld();
let well = true;
const gate = { alpha: 0.05, decisionsPerPeriod: 2, smallestGain: 0.1, power: 0.8, cases, eProcess: { share: 0.5, maxCases: 4 * cases } };
try {
  for (let night = 1; night <= nights; night += 1) {
    const name = `night${night}`;
    await world.addWorkload(name, { corrected: rows, cases, concurrency: 16, gate });
    const startedMs = performance.now();
    const { handle, run } = await world.night(name);
    const seconds = (performance.now() - startedMs) / 1000;
    const report = run.reportDigest === null ? null : await world.store.document(run.reportDigest);
    const steps = ((report?.document as { cost?: { steps?: { step: string; seconds: number }[] } } | undefined)?.cost?.steps ?? []).map(({ step, seconds: took }) => `${step} ${took.toFixed(2)}`);
    const events = await Promise.all([handle.workflowId, `promotion/${handle.workflowId}`].map(async (id) => (JSON.parse(await world.historyJson(id)) as { events: unknown[] }).events.length));
    console.log(`night ${night}: ${rows} corrected failures, ${cases} cases: ${run.status} in ${seconds.toFixed(2)} s (${(seconds / TARGET_S).toFixed(2)} of the ${TARGET_S} s allowed); events: night ${events[0]}, promotion ${events[1]} (of ${MAX_EVENTS}); steps in s: ${steps.join(', ')}`);
    well &&= run.status === 'promoted' && seconds < TARGET_S && events.every((count) => count < MAX_EVENTS);
  }
} finally {
  await world.stop();
}
process.exitCode = well ? 0 : 1;
