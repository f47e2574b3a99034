// Lives through random schedules in plain Node and says in one line of JSON what came of them.
// Usage: node tests/model/run.ts SCHEDULES [FAULT]; with the name of a planted fault (faults.ts) the source is read with it in it.
// RATCHET_TEST_SEED draws others; RATCHET_MODEL_FIRST=N begins with the N-th of them (a red run says which one broke something).
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { FAULTS, withFault } from './faults.ts';
import { activityModule, workflowModule } from './in-process.ts';
import type { Schedule, Seen } from './schedules.ts';

/** What is printed. */
export interface Ran {
  /** What did not hold; null: everything did. */
  broken: string | null;
  /** Schedules that were lived through, up to the one that broke something. */
  schedules: number;
  seconds: number;
  seen: Seen;
  counterexample: [Schedule] | null;
}

const [schedules = '', faultName] = process.argv.slice(2);
const fault = FAULTS.find(({ name }) => name === faultName);
if (!Number.isInteger(Number(schedules)) || Number(schedules) < 1 || (faultName !== undefined && !fault)) {
  console.error(`usage: node tests/model/run.ts SCHEDULES [FAULT]\nFAULT: ${FAULTS.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

const STAND_INS: Record<string, object> = { '@temporalio/workflow': workflowModule, '@temporalio/activity': activityModule };
const SCHEME = 'stand-in:';
const root = new URL('../../', import.meta.url);

registerHooks({
  resolve: (specifier, context, next) => (specifier in STAND_INS ? { url: `${SCHEME}${specifier}`, format: 'module', shortCircuit: true } : next(specifier, context)),
  load(url, context, next) {
    const standIn = STAND_INS[url.slice(SCHEME.length)];
    if (url.startsWith(SCHEME) && standIn) {
      const [from, name] = [new URL('in-process.ts', import.meta.url).href, standIn === workflowModule ? 'workflowModule' : 'activityModule'];
      return { format: 'module', shortCircuit: true, source: `import { ${name} as all } from ${JSON.stringify(from)};\nexport const { ${Object.keys(standIn).join(', ')} } = all;` };
    }
    if (fault && url === new URL(fault.file, root).href) return { format: 'module-typescript', shortCircuit: true, source: withFault(fault, readFileSync(fileURLToPath(url), 'utf8')) };
    return next(url, context);
  },
});

const { live, nothingSeen, schedule } = await import('./schedules.ts');
const seen = nothingSeen();
const started = performance.now();
const first = process.env['RATCHET_MODEL_FIRST'];
const seed = Number(process.env['RATCHET_TEST_SEED'] ?? 20_261_125);
const found = await fc.check(fc.asyncProperty(schedule, (each) => live(each, seen)), { seed, numRuns: Number(schedules), endOnFailure: fault !== undefined, ...(first === undefined ? {} : { path: String(Number(first) - 1) }) });
const broken = found.failed ? (found.errorInstance instanceof Error ? found.errorInstance.message : String(found.errorInstance)) : null;
const ran: Ran = { broken, schedules: found.numRuns, seconds: Math.round((performance.now() - started) / 1000), seen, counterexample: found.counterexample };
console.log(JSON.stringify(ran));
