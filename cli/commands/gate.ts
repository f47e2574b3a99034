// `ratchet gate`: the verdict for two outcome files, the proof by simulation that the gate is honest, and the gate's books.
import { InvalidArgumentError, Option, type Command } from 'commander';
import { GatePolicy } from '../../core/contracts/index.ts';
import { RatchetError } from '../../core/errors.ts';
import { compareOutcomes, type Comparison } from '../../core/gate/compare.ts';
import { failures, simulate, type Row } from '../../core/gate/simulate/run.ts';
import { DEFAULTS, SCENARIOS, experimentsOf, recordedExperiments, type ScenarioId, type Settings } from '../../core/gate/simulate/scenarios.ts';
import { action, positiveInt } from '../action.ts';
import { EXIT } from '../exit-codes.ts';
import { readOutcomes } from '../outcome-file.ts';
import { fields, percent, table } from '../output.ts';
import { readPolicy } from '../policy-file.ts';
import { addGateBooks } from './gate-books.ts';

/** Without a policy file the files are one decision at the usual level, and nothing goes on after `hold`. */
const ONE_DECISION = GatePolicy.parse({ decisionsPerPeriod: 1, minCases: 1, eProcess: null });
const MAX_CASES = 5_000;

interface CompareFlags {
  cluster?: string;
  policy?: string;
  missing: 'refuse' | 'fail';
  check?: boolean;
}

interface SimulateFlags {
  scenario: ScenarioId[];
  n?: number;
  repetitions: number;
  decisions: number;
  seed: number;
  outcomes?: string[];
}

function scenarios(text: string): ScenarioId[] {
  if (text === 'all') return [...SCENARIOS];
  const wanted = text.split(',');
  const known = SCENARIOS.filter((id) => wanted.includes(id));
  if (known.length !== new Set(wanted).size) throw new InvalidArgumentError(`It must be all, or some of ${SCENARIOS.join(', ')} with commas between them.`);
  return known;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) throw new InvalidArgumentError('It must be a whole number from 0 to 4294967295.');
  return value;
}

function cases(text: string): number {
  const value = positiveInt(text);
  if (value > MAX_CASES) throw new InvalidArgumentError(`It must be at most ${MAX_CASES}.`);
  return value;
}

export function addGate(program: Command): void {
  const gate = program.command('gate').description('the verdict for two outcome files; the proof by simulation that the gate is honest; plans and ledgers');
  addGateBooks(gate);
  gate
    .command('compare <old> <new>')
    .description('is NEW better than OLD? Two files of JSON lines {"caseId", "correct"}, also gzipped; no server is asked')
    .option('--cluster <field>', 'field that says which cases hang together (template, conversation): tests whole clusters')
    .option('--policy <file>', 'gate policy: a workload file or its gate: part (default: one decision at level 0.05)')
    .addOption(new Option('--missing <rule>', 'a case that is in one file only: refuse, or count as that arm’s failure').choices(['refuse', 'fail']).default('refuse'))
    .option('--check', `exit code ${EXIT.failed} unless the verdict is promote`)
    .addHelpText(
      'after',
      `
Each line: {"caseId": "…", "correct": true, …}; "failureClasses" and "latencyMs" are what\nguards are judged by; a critical guard that the files say nothing about holds.

Exit codes: ${EXIT.ok} a verdict was reached, whichever; ${EXIT.failed} with --check, and the verdict is not promote; ${EXIT.usage} the files or the policy are wrong.

Examples:
  ratchet gate compare old.jsonl new.jsonl
  ratchet gate compare old.jsonl.gz new.jsonl.gz --cluster conversation --json
  ratchet gate compare old.jsonl new.jsonl --policy workload.yaml --check`,
    )
    .action(
      action<[string, string, CompareFlags]>(async (context, oldFile, newFile, flags) => {
        const policy = flags.policy === undefined ? ONE_DECISION : await readPolicy(flags.policy);
        const comparison = compareOutcomes(await readOutcomes(oldFile, flags.cluster), await readOutcomes(newFile, flags.cluster), { policy, missing: flags.missing });
        context.out.result(comparison, renderComparison);
        if (flags.check && comparison.verdict !== 'promote') process.exitCode = EXIT.failed;
      }),
    );
  gate
    .command('simulate')
    .description('how often would the gate be wrong? Runs the real selection and decision code over made-up or recorded outcomes')
    .option('--scenario <letters>', 'a to g, with commas between them, or all (docs/reference/gate.md says what they are)', scenarios, [...SCENARIOS])
    .option('--n <cases>', `cases per decision (default: ${DEFAULTS.n}; scenario c: ${DEFAULTS.sizes.join(', ')})`, cases)
    .option('--repetitions <periods>', 'how many periods', positiveInt, 2000)
    .option('--decisions <count>', 'decisions in a period, declared beforehand', positiveInt, DEFAULTS.decisions)
    .option('--seed <number>', 'the same seed gives the same table', wholeNumber, 1)
    .option('--outcomes <files...>', 'OLD.jsonl NEW.jsonl: resample these cases instead (scenarios a, c, f, g)')
    .addHelpText(
      'after',
      `
Exit codes: ${EXIT.ok} every sound gate kept its alpha and every broken one was exposed; ${EXIT.failed} one did not; ${EXIT.usage} wrong usage.

Examples:
  ratchet gate simulate --scenario a
  ratchet gate simulate --scenario c,f --n 300 --repetitions 500 --json
  ratchet gate simulate --outcomes old.jsonl new.jsonl`,
    )
    .action(
      action<[SimulateFlags]>(async (context, flags) => {
        const settings: Settings = { ...DEFAULTS, decisions: flags.decisions, ...(flags.n === undefined ? {} : { n: flags.n, sizes: [flags.n] }) };
        const recorded = flags.outcomes === undefined ? null : await recordedPairs(flags.outcomes);
        const experiments = flags.scenario.flatMap((id) => (recorded ? recordedExperiments(id, settings, recorded) : experimentsOf(id, settings)));
        if (experiments.length === 0) throw new RatchetError('REQUEST_INVALID', 'recorded outcomes can show scenarios a, c, f and g only');
        const { repetitions, decisions, seed } = flags;
        let shown = '';
        const result = simulate(experiments, {
          repetitions,
          decisions,
          seed,
          progress: (done, { scenario, title, n }) => {
            const line = `(${scenario}) ${title}, n = ${n}: ${Math.floor(done * 4) * 25} %`;
            if (line !== shown) context.out.note(line);
            shown = line;
          },
        });
        context.out.result({ repetitions, decisions, seed, settings, ...result }, renderSimulation);
        if (failures(result.rows).length > 0) process.exitCode = EXIT.failed;
      }),
    );
}

async function recordedPairs(files: readonly string[]): Promise<{ current: boolean; candidate: boolean }[]> {
  const [oldFile, newFile, ...more] = files;
  if (oldFile === undefined || newFile === undefined || more.length > 0) throw new RatchetError('REQUEST_INVALID', '--outcomes wants two files: OLD.jsonl NEW.jsonl');
  const [old, candidate] = [await readOutcomes(oldFile), await readOutcomes(newFile)];
  const pairs = [...old.lines.values()].flatMap((line) => {
    const other = candidate.lines.get(line.caseId);
    return other ? [{ current: line.correct, candidate: other.correct }] : [];
  });
  const alone = old.lines.size + candidate.lines.size - 2 * pairs.length;
  if (alone > 0) throw new RatchetError('REQUEST_INVALID', `${alone} case(s) are in one of the two files only: the simulation resamples pairs`);
  return pairs;
}

const points = (share: number): string => (share * 100).toFixed(1);
const probability = (p: number): string => (p === 0 || p >= 0.001 ? p.toPrecision(3) : p.toExponential(2));

function renderComparison(value: Comparison): string {
  const arm = ({ name, passed, passRate, passRateInterval: [low, high], missing }: Comparison['old']): string =>
    `${passed} of ${value.n} (${percent(passRate)}; ${points(low)} to ${points(high)} %)${missing > 0 ? `, ${missing} missing` : ''}  ${name}`;
  const logE = value.logEValue;
  const lines: [string, unknown][] = [
    ['old passes', arm(value.old)],
    ['new passes', arm(value.new)],
    ['only new (b)', value.b],
    ['only old (c)', value.c],
    ['difference', `${points(value.effect)} points, 95 % interval ${points(value.interval[0])} to ${points(value.interval[1])}`],
    ['one-sided p', `${probability(value.pOneSided)} (${value.test.replaceAll('_', ' ')}), level ${probability(value.level)}`],
  ];
  if (value.clusteredStandardError !== null) lines.push(['clusters', `${value.clusters}, standard error ${points(value.clusteredStandardError)} points`]);
  if (value.bootstrapInterval) lines.push(['bootstrap', `${points(value.bootstrapInterval[0])} to ${points(value.bootstrapInterval[1])} points over clusters`]);
  if (logE !== null) lines.push(['e-value', logE < Math.log(1e6) ? Math.exp(logE).toPrecision(3) : `10^${(logE / Math.LN10).toFixed(1)}`]);
  for (const guard of value.guards) lines.push([`guard ${guard.id}`, value.unmeasuredGuards.includes(guard.id) ? 'not judged: the files lack its field' : guard.result]);
  return `${value.reason}\n\n${fields(lines)}`;
}

function renderSimulation({ repetitions, decisions, rows, auditedDecisions }: { repetitions: number; decisions: number; rows: Row[]; auditedDecisions: number }): string {
  const interval = ({ share, interval: [low, high] }: { share: number; interval: readonly [number, number] }): string => `${percent(share)} (${points(low)}–${points(high)})`;
  const titles = [...new Set(rows.map(({ scenario, title }) => `(${scenario}) ${title}`))];
  const sections = titles.map((heading) => {
    const own = rows.filter(({ scenario, title }) => `(${scenario}) ${title}` === heading);
    const lines = own.map((row) => [row.gate, row.n, percent(row.discordance), interval(row.anyFalse), row.falseShare ? percent(row.falseShare.share) : '-', row.power ? interval(row.power) : '-', percent(row.held), Math.round(row.casesPerDecision), row.finding ?? '']);
    return `${heading}\n${table(['gate', 'n', 'disagree', 'any false promotion', 'false, each', 'better ones promoted', 'held', 'cases', 'finding'], lines)}`;
  });
  const wrong = failures(rows);
  const alpha = rows[0]?.alpha ?? 0;
  const end = wrong.length === 0 ? `Every sound gate kept its alpha of ${alpha}; every broken one was exposed.` : `NOT AS IT SHOULD BE: ${wrong.map(({ scenario, gate, finding }) => `(${scenario}) ${gate}: ${finding ?? ''}`).join('; ')}.`;
  return `${sections.join('\n\n')}\n\n${repetitions} periods of ${decisions} decisions; 95 % intervals in brackets. ${auditedDecisions} decisions were made again from outcome records, with the same verdict.\n${end}`;
}
