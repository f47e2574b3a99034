// Test tiers by cost. `fast` needs no server, nor do `fuzz` (hostile input through everything) and `model` (random lives of a channel); `servers` starts the real Temporal, Kafka and vLLM; `e2e` trains; `faults` kills.
import { defineConfig } from 'vitest/config';

const tier = (name: string, include: string[], testTimeout: number, parallel: boolean) => ({
  test: { name, include, setupFiles: ['tests/support/seed.ts'], testTimeout, hookTimeout: testTimeout, fileParallelism: parallel, maxWorkers: parallel ? 2 : 1, pool: 'forks' as const },
});

export default defineConfig({
  test: {
    projects: [
      tier('fast', ['tests/unit/**/*.test.ts', 'tests/contracts/**/*.test.ts', 'tests/replay/**/*.test.ts'], 60_000, true),
      tier('model', ['tests/model/**/*.test.ts'], 600_000, true),
      tier('fuzz', ['tests/fuzz/**/*.test.ts'], 120_000, true),
      tier('servers', ['tests/integration/**/*.test.ts'], 180_000, false),
      tier('faults', ['tests/faults/**/*.test.ts'], 120_000, false),
      tier('e2e', ['tests/e2e/**/*.test.ts'], 900_000, false),
      tier('shared', ['tests/shared/**/*.test.ts'], 120_000, false),
    ],
  },
});
