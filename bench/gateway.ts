// What the gateway costs: before a stub upstream that says so, publishing to a real Kafka, beside a bare Node proxy in the same run.
// Run: npm run bench -- bench/gateway.ts [--rounds 5] [--seconds 3] [--requests 100000]; the full memory run: --requests 1000000
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { digestOfBytes } from '../core/digest.ts';
import type { Digest } from '../core/contracts/index.ts';
import { startKafka } from '../infra/dev/kafka.ts';
import { freePorts } from '../infra/dev/ports.ts';
import { startProcess, untilReady } from '../infra/dev/process.ts';
import { ensureTopics } from '../infra/setup.ts';
import { openMetadataStore } from '../stores/sqlite/index.ts';

interface Load {
  answered: number;
  errors: number;
  perSecond: number;
  p50: number;
  p90: number;
  p99: number;
  max: number;
  cpuSeconds: number;
  generations: Record<string, { count: number; firstAt: number }>;
}

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '3' }, requests: { type: 'string', default: '100000' }, only: { type: 'string' } } });
const [rounds, seconds, requests] = [Number(values.rounds), Number(values.seconds), Number(values.requests)];
const CHANNEL = 'bench/production';
const PER_SECOND = 1_000;
const CLIENTS = 64;
const SATURATION_REQUESTS = 15_000;

const dir = mkdtempSync(join(tmpdir(), 'ratchet-bench-gateway-'));
const root = join(import.meta.dirname, '..');
const run = promisify(execFile);
const topics = { interactions: 'bench.interactions', corrections: 'bench.corrections' };
const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? NaN;
const ms = (value: number): string => `${value.toFixed(2)} ms`;

const started: { stop(): Promise<void> }[] = [];
const pids: Record<string, number> = {};
/** CPU of a process and its threads so far, in microseconds (Linux: 100 ticks a second). */
const cpuOf = (name: string): number => {
  const fields = readFileSync(`/proc/${pids[name]}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
};
const [upstreamPort = 0, barePort = 0, gatewayPort = 0] = await freePorts(3);
const urls = { direct: `http://127.0.0.1:${upstreamPort}`, bare: `http://127.0.0.1:${barePort}`, gateway: `http://127.0.0.1:${gatewayPort}` };
type Arm = keyof typeof urls;

const load = async (arm: Arm, plan: object): Promise<Load> => {
  const { stdout } = await run(process.execPath, [join(root, 'bench', 'gateway-load.ts'), urls[arm], JSON.stringify(plan)], { maxBuffer: 1 << 26 });
  return JSON.parse(stdout) as Load;
};

async function start(name: string, script: string, args: string[], env: Record<string, string>, probe: () => Promise<boolean>): Promise<void> {
  const server = await startProcess({ name, command: process.execPath, args: [...(process.env['BENCH_NODE_ARGS']?.split(' ') ?? []).filter(() => name === 'gateway'), join(root, script), ...args], logDir: dir, env, graceMs: 30_000 });
  started.push(server);
  pids[name] = server.pid;
  await untilReady(server, probe, { timeoutMs: 30_000 });
}

const answers = (url: string) => async () => (await fetch(url)).ok;

try {
  const kafka = await startKafka({ dir: join(dir, 'kafka'), brokers: undefined });
  started.push(kafka);
  await ensureTopics({ brokers: kafka.brokers, topics });
  await start('upstream', 'bench/gateway-upstream.ts', [String(upstreamPort)], {}, answers(`${urls.direct}/v1/models`));
  await start('bare', 'bench/gateway-bare-proxy.ts', [String(upstreamPort), String(barePort)], {}, answers(`${urls.bare}/v1/models`));
  const home = join(dir, 'home');
  writeFileSync(join(dir, 'workload.yaml'), `apiVersion: ratchet.dev/v1\nname: bench\nchannel: ${CHANNEL}\nbaseModel: stub-base\n`);
  const env = { RATCHET_HOME: home, RATCHET_WORKLOADS: join(dir, 'workload.yaml'), KAFKA_BROKERS: kafka.brokers.join(','), KAFKA_TOPIC_INTERACTIONS: topics.interactions, VLLM_REPLICAS: urls.direct, GATEWAY_PORT: String(gatewayPort), LOG_LEVEL: 'warn' };
  await start('gateway', 'workers/gateway.ts', [], env, answers(`${urls.gateway}/readyz`));

  let answered = 0;
  const ask = async (arm: Arm, plan: object): Promise<Load> => {
    const result = await load(arm, plan);
    if (result.errors > 0) throw new Error(`${arm}: ${result.errors} of ${result.answered + result.errors} requests failed`);
    if (arm === 'gateway') answered += result.answered;
    return result;
  };
  const wanted = (part: string): boolean => values.only === undefined || values.only === part;

  for (const arm of Object.keys(urls) as Arm[]) await ask(arm, { clients: 16, requests: 5_000 });
  if (wanted('added')) await added(ask);
  if (wanted('saturation')) await saturation(ask);
  if (wanted('swap')) await swap(ask, join(home, 'ratchet.db'));
  if (wanted('memory')) await memory(ask);
  await check(kafka.brokers, answered);
} finally {
  for (const server of started.reverse()) await server.stop();
  rmSync(dir, { recursive: true, force: true });
}

type Ask = (arm: Arm, plan: object) => Promise<Load>;

/** Latency at a rate that all three reach; rounds interleaved, medians over rounds. */
async function added(ask: Ask): Promise<void> {
  const plan = { perSecond: PER_SECOND, seconds };
  const results: Record<Arm, Load[]> = { direct: [], bare: [], gateway: [] };
  for (let round = 0; round < rounds; round += 1) for (const arm of Object.keys(urls) as Arm[]) results[arm].push(await ask(arm, plan));
  console.log(`\n${PER_SECOND} requests/s, open loop, ${rounds} rounds of ${seconds} s each; medians over the rounds`);
  for (const [arm, list] of Object.entries(results)) {
    console.log(`${arm.padEnd(8)} reached ${median(list.map((one) => one.perSecond)).toFixed(0)}/s  p50 ${ms(median(list.map((one) => one.p50)))}  p90 ${ms(median(list.map((one) => one.p90)))}  p99 ${ms(median(list.map((one) => one.p99)))}  (p99 ${list.map((one) => one.p99.toFixed(1)).join(' ')})`);
  }
  const paired = (of: (round: Record<Arm, Load>) => number): number =>
    median(results.direct.map((direct, index) => of({ direct, bare: results.bare[index] as Load, gateway: results.gateway[index] as Load })));
  console.log(`added p50: bare ${ms(paired(({ bare, direct }) => bare.p50 - direct.p50))}, gateway ${ms(paired(({ gateway, direct }) => gateway.p50 - direct.p50))} (target < 0.5 ms)`);
  console.log(`p99 of the gateway ${paired(({ gateway, bare }) => gateway.p99 / bare.p99).toFixed(2)} × the bare proxy's (target ≤ 2)`);
}

/** As many as each can, from a fixed number of clients. */
async function saturation(ask: Ask): Promise<void> {
  const ratios: number[] = [];
  const reached: Record<'bare' | 'gateway', number[]> = { bare: [], gateway: [] };
  const before = { bare: cpuOf('bare'), gateway: cpuOf('gateway') };
  for (let round = 0; round < rounds; round += 1) {
    const plan = { clients: CLIENTS, requests: SATURATION_REQUESTS };
    const bare = await ask('bare', plan);
    const gateway = await ask('gateway', plan);
    ratios.push(gateway.perSecond / bare.perSecond);
    reached.bare.push(bare.perSecond);
    reached.gateway.push(gateway.perSecond);
  }
  console.log(`\nsaturation, ${CLIENTS} clients, ${rounds} rounds of ${SATURATION_REQUESTS} requests: bare ${median(reached.bare).toFixed(0)}/s, gateway ${median(reached.gateway).toFixed(0)}/s, ratio ${median(ratios).toFixed(2)} (${ratios.map((ratio) => ratio.toFixed(2)).join(' ')}; target ≥ 0.6)`);
  const perRequest = (name: 'bare' | 'gateway'): string => ((cpuOf(name) - before[name]) / (rounds * SATURATION_REQUESTS)).toFixed(0);
  console.log(`CPU a request: bare ${perRequest('bare')} µs, gateway ${perRequest('gateway')} µs, publishing included`);
}

/** A promotion and a rollback in the middle of traffic, by the store's compare-and-swap. */
async function swap(ask: Ask, database: string): Promise<void> {
  const adapters = ['a', 'b'].map((name): Digest => digestOfBytes(name));
  for (const name of adapters) await fetch(`${urls.direct}/v1/load_lora_adapter`, { method: 'POST', body: JSON.stringify({ lora_name: name, lora_path: '/x' }) });
  const store = await openMetadataStore(database);
  const swapTo = async (live: Digest | null, action: 'promoted' | 'rolled_back'): Promise<number> => {
    const current = await store.channel(CHANNEL);
    await store.swapChannel({ channel: CHANNEL, expectedGeneration: current?.generation ?? 0, live, action, by: 'bench', reason: 'bench', verdictDigest: action === 'promoted' ? digestOfBytes('verdict') : null, approvalDigest: null, time: new Date().toISOString() });
    return Date.now();
  };
  const plan = { perSecond: 200, seconds: 2 };
  const rows: string[] = [];
  const addedP99: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const steady = await ask('gateway', plan);
    const pending = ask('gateway', plan);
    await sleep(900);
    const back = round % 2 === 1;
    const swappedAt = await swapTo(back ? (adapters[0] ?? null) : (adapters[round === 0 ? 0 : 1] ?? null), back ? 'rolled_back' : 'promoted');
    const result = await pending;
    const newest = Object.entries(result.generations).sort(([a], [b]) => Number(b) - Number(a))[0];
    addedP99.push(result.p99 - steady.p99);
    rows.push(`${back ? 'rollback' : 'promotion'} seen after ${(newest?.[1].firstAt ?? NaN) - swappedAt} ms`);
  }
  await store.close();
  console.log(`\nswap of the channel under 200 requests/s, ${rounds} times: no request failed; added p99 ${ms(median(addedP99))} (worst ${ms(Math.max(...addedP99))}; target < 50 ms); ${rows.join(', ')}`);
}

async function memory(ask: Ask): Promise<void> {
  const figures = async (): Promise<{ rss: number; cpu: number }> => {
    const text = await (await fetch(`${urls.gateway}/metrics`)).text();
    return { rss: Number(/^process_resident_memory_bytes (\d+)/m.exec(text)?.[1]) / 2 ** 20, cpu: Number(/^process_cpu_seconds_total (\S+)/m.exec(text)?.[1]) };
  };
  const before = await figures();
  const samples: number[] = [];
  for (let part = 0; part < 10; part += 1) {
    await ask('gateway', { clients: CLIENTS, requests: Math.round(requests / 10) });
    samples.push((await figures()).rss);
  }
  const { cpu } = await figures();
  console.log(`\nmemory over ${requests} requests: ${before.rss.toFixed(0)} MiB before, then after each tenth ${samples.map((value) => value.toFixed(0)).join(' ')} MiB; ${(((cpu - before.cpu) * 1e6) / requests).toFixed(0)} µs of CPU a request, publishing included`);
}

/** A fast gateway that loses interactions would win every benchmark. */
async function check(brokers: string[], answered: number): Promise<void> {
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const count = async (): Promise<number> => (await admin.fetchTopicOffsets(topics.interactions)).reduce((sum, { high }) => sum + Number(high), 0);
  for (let tries = 0; tries < 100 && (await count()) < answered; tries += 1) await sleep(100);
  const published = await count();
  await admin.disconnect();
  if (published !== answered) throw new Error(`${answered} answers, ${published} interactions in Kafka`);
  console.log(`\nall ${answered} answers are in Kafka`);
}
