// How long the way back takes: from the start of `ratchet rollback` to its end, to the channel's change, and to the first answer by
// the former adapter. Command, store, gateway and Temporal are the real ones; the engines are stubs that say so.
// Run: npm run bench -- bench/rollback.ts [--times 7]
import { parseArgs } from 'node:util';
import { Fleet, startTemporalForFleets } from '../tests/support/fleet.ts';

const TARGET_S = 2;
/** With whatever may be away. */
const LIMIT_S = 10;
const { values } = parseArgs({ options: { times: { type: 'string', default: '7' } } });
const times = Number(values.times);

interface Measured {
  /** From the process's start to its end, as a person waits. */
  wholeS: number;
  /** To the change of the channel, from the start of the process. */
  channelS: number;
  /** To the first answer by the former adapter; null where no engine is there to answer. */
  answerS: number | null;
}

async function rollbacks(fleet: Fleet, args: readonly string[], answers: boolean): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (let time = 0; time < times; time += 1) {
    const { generation, live } = await fleet.live();
    const other = await fleet.adapter(live === (await fleet.adapter('first')) ? 'second' : 'first');
    const traffic = answers ? fleet.traffic(2) : null;
    const startedMs = performance.now();
    const answered = traffic && fleet.until('an answer by the former adapter', () => traffic.answers.at(-1)?.generation === generation + 1, 15_000).then(() => (performance.now() - startedMs) / 1000);
    const { status, stdout, stderr } = await fleet.ratchet('--json', 'rollback', fleet.channel, '--to', other, ...args);
    const wholeS = (performance.now() - startedMs) / 1000;
    if (status !== 0) throw new Error(`exit code ${status}: ${stderr}`);
    const { seconds } = JSON.parse(stdout) as { seconds: { toChannel: number } };
    measured.push({ wholeS, channelS: seconds.toChannel, answerS: await answered });
    await traffic?.end();
  }
  return measured;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

function report(name: string, measured: readonly Measured[], limitS: number): boolean {
  const worst = Math.max(...measured.map(({ wholeS }) => wholeS));
  const answers = measured.flatMap(({ answerS }) => answerS ?? []);
  const answer = answers.length === 0 ? 'no engine to answer' : `first answer by the former adapter ${median(answers).toFixed(2)} s`;
  console.log(`${name}: ${median(measured.map(({ wholeS }) => wholeS)).toFixed(2)} s (worst of ${times}: ${worst.toFixed(2)}), channel changed after ${median(measured.map(({ channelS }) => channelS)).toFixed(2)} s, ${answer}; ${(worst / limitS).toFixed(2)} of the ${limitS} s allowed`);
  return worst <= limitS;
}

const temporal = await startTemporalForFleets();
const fleet = await new Fleet('bench', temporal.server.address).start();
let well = true;
try {
  await rollbacks(fleet, [], true).then((measured) => (well = report('everything answers', measured, TARGET_S) && well));
  await rollbacks(fleet, ['--break-glass'], true).then((measured) => (well = report('break-glass', measured, TARGET_S) && well));
  await temporal.stop();
  await rollbacks(fleet, [], true).then((measured) => (well = report('Temporal and Kafka away', measured, LIMIT_S) && well));
  await Promise.all(fleet.engines.map((engine) => engine.close()));
  await rollbacks(fleet, [], false).then((measured) => (well = report('Temporal, Kafka and vLLM away', measured, LIMIT_S) && well));
} finally {
  await fleet.stop();
}
if (!well) process.exitCode = 1;
