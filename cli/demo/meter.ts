// Where a demo's time and memory go: seconds per phase, peak PSS of everything it started.
import { pssBytes } from '../../infra/dev/pss.ts';
import { table } from '../output.ts';

export interface Meter {
  phase<T>(name: string, run: () => Promise<T>): Promise<T>;
  /** The roots of the process trees to measure, beside this process. */
  watch(pids: () => number[]): void;
  stop(): void;
  figures(): { phases: { name: string; seconds: number }[]; peakPssBytes: number };
}

export function createMeter(note: (line: string) => void): Meter {
  const phases: { name: string; seconds: number }[] = [];
  let roots: () => number[] = () => [];
  let peakPssBytes = 0;
  const sample = (): void => {
    peakPssBytes = Math.max(peakPssBytes, pssBytes(process.pid, ...roots()));
  };
  // Reading smaps of every process costs about 50 ms of a core: seldom enough to stay out of the way.
  const timer = setInterval(sample, 5000);
  timer.unref();
  return {
    phase: async (name, run) => {
      note(`\n${name}`);
      const began = performance.now();
      try {
        return await run();
      } finally {
        phases.push({ name, seconds: (performance.now() - began) / 1000 });
        sample();
      }
    },
    watch: (pids) => {
      roots = pids;
    },
    stop: () => clearInterval(timer),
    figures: () => ({ phases, peakPssBytes }),
  };
}

export const renderFigures = ({ phases, peakPssBytes }: ReturnType<Meter['figures']>): string =>
  `${table(['phase', 'seconds'], [...phases.map((phase) => [phase.name, phase.seconds.toFixed(0)]), ['all', phases.reduce((sum, phase) => sum + phase.seconds, 0).toFixed(0)]])}\npeak memory of all processes together (PSS): ${(peakPssBytes / 1e9).toFixed(1)} GB`;
