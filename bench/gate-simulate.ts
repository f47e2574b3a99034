// How long the proof of the gate takes, and its table and plot in the docs. Run: npm run bench -- bench/gate-simulate.ts [--repetitions 2000] [--docs]
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { failures, simulate, type Row } from '../core/gate/simulate/run.ts';
import { DEFAULTS, SCENARIOS, experimentsOf } from '../core/gate/simulate/scenarios.ts';
import type { Share } from '../core/gate/simulate/tally.ts';
import { plot } from './gate-plot.ts';

const ONE_SCENARIO_S = 60;
const WHOLE_TABLE_S = 20 * 60;
const { values } = parseArgs({ options: { repetitions: { type: 'string', default: '2000' }, docs: { type: 'boolean', default: false } } });
const options = { repetitions: Number(values.repetitions), decisions: DEFAULTS.decisions, seed: 1 };

const rows: Row[] = [];
let [wholeS, audited] = [0, 0];
for (const scenario of SCENARIOS) {
  const startedAt = performance.now();
  const result = simulate(experimentsOf(scenario, DEFAULTS), options);
  const seconds = (performance.now() - startedAt) / 1000;
  wholeS += seconds;
  audited += result.auditedDecisions;
  rows.push(...result.rows);
  // Scenario c is twelve simulations of up to 2,000 cases; the target is for one of 500.
  const target = scenario === 'c' ? '' : `, ${(seconds / ONE_SCENARIO_S).toFixed(2)} of the ${ONE_SCENARIO_S} s that one scenario may take`;
  console.log(`(${scenario}) ${seconds.toFixed(1)} s${target}; ${Math.round(process.memoryUsage.rss() / 1e6)} MB`);
}
console.log(`all ${wholeS.toFixed(1)} s, ${(wholeS / WHOLE_TABLE_S).toFixed(2)} of the ${WHOLE_TABLE_S} s that the whole table may take; ${audited} decisions made again from records`);
const wrong = failures(rows);
console.log(wrong.length === 0 ? 'every sound gate kept its alpha, every broken one was exposed' : wrong.map(({ scenario, gate, finding }) => `(${scenario}) ${gate}: ${finding ?? ''}`).join('\n'));
if (wrong.length > 0) process.exitCode = 1;
if (values.docs) writeDocs();

function writeDocs(): void {
  const folder = join(import.meta.dirname, '../docs/reference');
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  const withInterval = (share: Share | null): string => (share ? `${percent(share.share)} (${(share.interval[0] * 100).toFixed(1)}–${(share.interval[1] * 100).toFixed(1)})` : '');
  const lines = rows.map((row) => `| ${row.scenario} | ${row.title} | ${row.n} | ${row.gate} | ${withInterval(row.anyFalse)} | ${row.falseShare ? percent(row.falseShare.share) : ''} | ${withInterval(row.power)} | ${percent(row.held)} | ${row.finding ?? ''} |`);
  const table = [
    `${options.repetitions} periods of ${options.decisions} decisions each, seed ${options.seed}; ${audited} of the decisions were made again from outcome records, with the same verdicts. 95 % intervals in brackets.`,
    '',
    '| | candidates | n | gate | any false promotion in a period | false, of each not better | better ones promoted | held | finding |',
    '|---|---|---|---|---|---|---|---|---|',
    ...lines,
  ].join('\n');
  const file = join(folder, 'gate.md');
  const [begin, end] = ['<!-- simulation: begin -->', '<!-- simulation: end -->'];
  const text = readFileSync(file, 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${file} lacks the marks ${begin} and ${end}`);
  writeFileSync(file, `${text.slice(0, from)}${begin}\n${table}\n${text.slice(to)}`);
  writeFileSync(join(folder, 'gate-simulation.svg'), plot(rows));
}
