// The load of bench/gateway.ts, in a process of its own. Run: node bench/gateway-load.ts URL '{"perSecond":1000,"seconds":3}' or '{"clients":64,"requests":20000}'
// Open loop: requests leave at their times whether or not others were answered, so that a pause of the server is felt by all
// that it kept waiting. Closed loop: each client asks again when it has its answer.
import { Pool } from 'undici';

interface Plan {
  perSecond?: number;
  seconds?: number;
  clients?: number;
  requests?: number;
  model?: string;
}

const [url = '', planText = '{}'] = process.argv.slice(2);
const plan = JSON.parse(planText) as Plan;
const pool = new Pool(url, { connections: plan.clients ?? 128, headersTimeout: 20_000, bodyTimeout: 20_000 });
const PADDING = 'We moved in spring and since then nothing arrives where it should. The door bell works and the name is on the letter box. '.repeat(6);
const text = JSON.stringify({ model: plan.model ?? 'bench/production', temperature: 0, max_tokens: 200, messages: [{ role: 'system', content: 'You sort customer e-mails. Answer with one JSON object and nothing else.' }, { role: 'user', content: PADDING }] });

const times: number[] = [];
/** Answers by who gave them. */
const byGeneration = new Map<string, { count: number; firstAt: number }>();
let errors = 0;

function ask(): Promise<void> {
  return new Promise((resolve) => {
    const startedAt = performance.now();
    let status = 0;
    let generation = '';
    const end = (failed: boolean): void => {
      if (failed || status !== 200) errors += 1;
      else times.push(performance.now() - startedAt);
      const seen = byGeneration.get(generation);
      if (seen) seen.count += 1;
      else byGeneration.set(generation, { count: 1, firstAt: Date.now() });
      resolve();
    };
    pool.dispatch(
      { method: 'POST', path: '/v1/chat/completions', headers: { 'content-type': 'application/json' }, body: text },
      {
        onRequestStart: () => undefined,
        onResponseStart: (_controller, code, headers) => {
          status = code;
          generation = String(headers['x-ratchet-generation'] ?? '');
        },
        onResponseData: () => undefined,
        onResponseEnd: () => end(false),
        onResponseError: () => end(true),
      },
    );
  });
}

async function openLoop(perSecond: number, seconds: number): Promise<void> {
  const total = Math.round(perSecond * seconds);
  const startedAt = performance.now();
  const answers: Promise<void>[] = [];
  await new Promise<void>((resolve) => {
    const tick = (): void => {
      const now = performance.now();
      while (answers.length < total && startedAt + (answers.length * 1_000) / perSecond <= now) answers.push(ask());
      if (answers.length >= total) return resolve();
      // Without spinning: the cores are wanted by what is measured.
      setTimeout(tick, 1);
    };
    tick();
  });
  await Promise.all(answers);
}

async function closedLoop(clients: number, requests: number): Promise<void> {
  let left = requests;
  const client = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await ask();
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
}

const startedAt = performance.now();
if (plan.perSecond !== undefined) await openLoop(plan.perSecond, plan.seconds ?? 3);
else await closedLoop(plan.clients ?? 64, plan.requests ?? 10_000);
const elapsedMs = performance.now() - startedAt;
await pool.close();
times.sort((a, b) => a - b);
const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? NaN;
const { user, system } = process.cpuUsage();
console.log(JSON.stringify({ answered: times.length, errors, perSecond: times.length / (elapsedMs / 1000), p50: at(0.5), p90: at(0.9), p99: at(0.99), max: times.at(-1) ?? NaN, cpuSeconds: (user + system) / 1e6, generations: Object.fromEntries(byGeneration) }));
