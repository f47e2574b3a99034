// Runs the test tiers and ends with one line for the whole: `N passed, N failed, N skipped`.
// Usage: node scripts/test.ts fast|all|model|shared|faults
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

const root = join(import.meta.dirname, '..');
const python = join(root, '.ratchet/python/bin/python');

interface Count {
  passed: number;
  failed: number;
  skipped: number;
  /** What failed and why in a line each, for the end: a log that is cut at its start still tells them. */
  failures: string[];
}
type Stage = { name: string; run: (reports: string) => Count };

function vitest(project: string, settings: Record<string, string> = {}): Stage {
  return {
    name: `vitest ${project}`,
    run: (reports) => {
      const file = join(reports, `${project}.json`);
      const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
      // Tests start the CLI and the workers many times over.
      const env = { ...process.env, ...settings, NODE_COMPILE_CACHE: join(root, '.ratchet', 'compile-cache') };
      const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env });
      const report = JSON.parse(readFileSync(file, 'utf8')) as { numPassedTests: number; numFailedTests: number; numPendingTests: number; testResults: { name: string; status: string; assertionResults: { status: string; fullName: string; failureMessages: string[] }[] }[] };
      // A file that fails to load has no tests in it: it counts as one failure.
      const failures = report.testResults.flatMap(({ name, status: ended, assertionResults }) => {
        const tests = assertionResults.filter((test) => test.status === 'failed').map((test) => `${test.fullName}: ${test.failureMessages[0]?.split('\n')[0] ?? ''}`);
        return (ended === 'failed' && assertionResults.length === 0 ? ['(the file does not load)'] : tests).map((test) => `${relative(root, name)}: ${test}`);
      });
      return { passed: report.numPassedTests, failed: failures.length || (status === 0 ? 0 : 1), skipped: report.numPendingTests, failures };
    },
  };
}

function pytest(...args: string[]): Stage {
  return {
    name: 'pytest',
    run: (reports) => {
      const file = join(reports, 'pytest.xml');
      const { status } = spawnSync(python, ['-m', 'pytest', '-q', '-ra', `--junitxml=${file}`, ...args], { cwd: join(root, 'gpu-worker'), stdio: 'inherit' });
      const report = readFileSync(file, 'utf8');
      const suite = /<testsuite [^>]*>/.exec(report)?.[0] ?? '';
      const number = (name: string): number => Number(new RegExp(` ${name}="(\\d+)"`).exec(suite)?.[1] ?? 0);
      const failed = number('failures') + number('errors');
      const skipped = number('skipped');
      const failures = [...report.matchAll(/<testcase classname="([^"]*)" name="([^"]*)"[^>]*><(?:failure|error) /g)].map(([, file = '', test = '']) => `${file}: ${test}`);
      return { passed: number('tests') - failed - skipped, failed: failed || (status === 0 ? 0 : 1), skipped, failures };
    },
  };
}

const tiers: Record<string, Stage[]> = {
  fast: [vitest('fast')],
  // 200 random schedules and one planted fault of each kind; `model` is all 10,000 and every fault.
  all: [vitest('fast'), vitest('fuzz'), vitest('model', { RATCHET_MODEL_SCHEDULES: '200' }), pytest('-m', 'slow or not slow'), vitest('servers'), vitest('e2e')],
  model: [vitest('model')],
  shared: [vitest('shared')],
  // The whole kill matrix; a short core of it is where the servers are.
  faults: [vitest('faults'), vitest('servers'), vitest('e2e')],
};

const stages = tiers[process.argv[2] ?? ''];
if (!stages) {
  console.error(`usage: node scripts/test.ts ${Object.keys(tiers).join('|')}`);
  process.exit(2);
}
const reports = mkdtempSync(join(tmpdir(), 'ratchet-tests-'));
const total: Count = { passed: 0, failed: 0, skipped: 0, failures: [] };
const lines: string[] = [];
for (const stage of stages) {
  const started = performance.now();
  let count: Count;
  try {
    count = stage.run(reports);
  } catch {
    count = { passed: 0, failed: 1, skipped: 0, failures: [`${stage.name}: left no report`] };
  }
  lines.push(`${stage.name}: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped in ${((performance.now() - started) / 1000).toFixed(0)} s`);
  for (const key of ['passed', 'failed', 'skipped'] as const) total[key] += count[key];
  total.failures.push(...count.failures);
}
rmSync(reports, { recursive: true, force: true });
console.log(`\n${[...lines, ...total.failures.map((name) => `FAILED: ${name}`)].join('\n')}\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1);
