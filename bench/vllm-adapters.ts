// How fast adapters answer beside the base on the real vLLM, 20 requests at once. Run: npm run bench -- bench/vllm-adapters.ts [--no-plugin]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Digest } from '../core/contracts/index.ts';
import { startVllm } from '../infra/dev/vllm.ts';
import { createAdapterFiles } from '../stores/adapters.ts';
import { openBlobStore } from '../stores/blobs.ts';
import { createVllmTarget } from '../stores/vllm.ts';
import { putRandomAdapter } from '../tests/support/adapter.ts';

const AT_ONCE = 20;
const TOKENS = 64;
const ROUNDS = 3;
const dir = mkdtempSync(join(tmpdir(), 'ratchet-bench-'));
const plugin = !process.argv.includes('--no-plugin');
console.log(`starting vLLM ${plugin ? 'with' : 'without'} the plugin`);
const server = await startVllm({ dir, plugin });
try {
  const blobs = await openBlobStore(join(dir, 'blobs'));
  const { materialize } = createAdapterFiles({ blobs, dir: join(dir, 'adapters') });
  const target = createVllmTarget({ replicas: [server.url], apiKey: undefined, baseModel: 'smollm2-135m-instruct', maxLoraRank: 16, materialize });
  const adapter = await putRandomAdapter(blobs, 1);
  await target.load(adapter);

  /** Tokens a second over all requests; each asks something else, so that no answer comes from the prefix cache. */
  async function measure(arms: readonly (Digest | null)[], round: number): Promise<number> {
    const startedAt = performance.now();
    const answers = await Promise.all(
      Array.from({ length: AT_ONCE }, (_, index) =>
        target.chat({ adapter: arms[index % arms.length] ?? null, messages: [{ role: 'user', content: `Round ${round}, request ${index}: tell a long story about ${index + 3} cats and a lighthouse.` }], temperature: 0, maxTokens: TOKENS }),
      ),
    );
    return answers.reduce((sum, { outputTokens }) => sum + outputTokens, 0) / ((performance.now() - startedAt) / 1000);
  }

  const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
  const speeds = { base: [] as number[], adapter: [] as number[], mixed: [] as number[] };
  await measure([null, adapter], -1);
  // Interleaved: what else the machine does meets all arms alike.
  for (let round = 0; round < ROUNDS; round += 1) {
    speeds.base.push(await measure([null], round));
    speeds.adapter.push(await measure([adapter], round));
    speeds.mixed.push(await measure([null, adapter], round));
  }
  const base = median(speeds.base);
  const row = (name: string, speed: number): string => `${name.padEnd(8)} ${speed.toFixed(1).padStart(7)} tok/s  ${(speed / base).toFixed(2)} × base`;
  console.log(`${AT_ONCE} requests at once, ${TOKENS} tokens each, median of ${ROUNDS}`);
  console.log([row('base', base), row('adapter', median(speeds.adapter)), row('mixed', median(speeds.mixed))].join('\n'));
} finally {
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
}
