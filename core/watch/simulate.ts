// Watches of generated traffic, many times over: how often there is a false alarm, and how soon a true one.
import { clopperPearson, type Interval } from '../gate/statistics.ts';
import { seededRandom, type Random } from '../gate/random.ts';
import { WINDOWS, type Stratum } from './e-process.ts';
import { judgeClass, levelPerClass, mayAlarm, WATCHED_CLASSES } from './judge.ts';

export interface SimulationSettings {
  runs: number;
  requests: number;
  share: number;
  alpha: number;
  minimumEffect: number;
  /** Failure rate of the former adapter in the first class; the other classes are a tenth of it each. */
  rate: number;
  seed: number;
  /** Requests between two looks. */
  lookEvery: number;
}

export const SIMULATION: SimulationSettings = { runs: 2000, requests: 20_000, share: 0.1, alpha: 0.01, minimumEffect: 0.02, rate: 0.1, seed: 1, lookEvery: 50 };

interface Scenario {
  title: string;
  expects: 'no alarm' | 'alarm';
  /** Added to the live arm's rate in the first class, from `from` on (0 to 1 of the watch). */
  rise: number;
  from: number;
  /** Added before that. */
  before: number;
  /** Rate of both arms at a point of the watch, 0 to 1. */
  rate: (settings: SimulationSettings, at: number) => number;
  /** Share of the traffic from one caller that fails whenever it was drawn live and never when it was held back. */
  hostile: number;
}

const steady: Scenario['rate'] = ({ rate }) => rate;
const QUIET = { expects: 'no alarm', rise: 0, from: 0, before: 0, rate: steady, hostile: 0 } as const;

export const WATCH_SCENARIOS: readonly Scenario[] = [
  { ...QUIET, title: 'both arms alike' },
  { ...QUIET, title: 'both alike, the rate climbs from the stated one to four times it and back', rate: ({ rate }, at) => rate * (1 + 3 * Math.sin(Math.PI * at) ** 2) },
  { ...QUIET, title: 'live fails 3 points less often', rise: -0.03 },
  { ...QUIET, title: 'both alike, and one caller with a fifth of the traffic fails only where it was drawn live', hostile: 0.2 },
  ...[0.02, 0.05, 0.1, 0.2].map((rise): Scenario => ({ ...QUIET, expects: 'alarm', title: `live fails ${100 * rise} points more often`, rise })),
  { ...QUIET, expects: 'alarm', title: 'live fails 5 points less often, and from half of the watch on 10 points more', rise: 0.1, from: 0.5, before: -0.05 },
];

export interface SimulationRow {
  title: string;
  expects: Scenario['expects'];
  runs: number;
  alarms: number;
  share: number;
  interval: Interval;
  /** Requests until the alarm, from the change on: median and 90th of 100, over all runs; null where fewer of them had one. */
  medianRequests: number | null;
  ninetiethRequests: number | null;
}

export function simulateWatch(settings: SimulationSettings, progress: (title: string) => void = () => undefined): SimulationRow[] {
  return WATCH_SCENARIOS.map((scenario, number) => {
    progress(scenario.title);
    const delays: number[] = [];
    for (let run = 0; run < settings.runs; run += 1) {
      const at = alarmAt(scenario, settings, seededRandom(settings.seed, number * 1_000_003 + run));
      if (at !== null) delays.push(at - scenario.from * settings.requests);
    }
    delays.sort((a, b) => a - b);
    const quantile = (share: number): number | null => delays[Math.ceil(share * settings.runs) - 1] ?? null;
    return {
      title: scenario.title,
      expects: scenario.expects,
      runs: settings.runs,
      alarms: delays.length,
      share: delays.length / settings.runs,
      interval: clopperPearson(delays.length, settings.runs),
      medianRequests: quantile(0.5),
      ninetiethRequests: quantile(0.9),
    };
  });
}

const arms = (share: number): Stratum[] => Array.from({ length: WINDOWS }, (_, window) => ({ window, share, live: { answers: 0, failing: 0 }, holdback: { answers: 0, failing: 0 } }));

/** The request at which the first alarm of any class was seen; null where none was. */
function alarmAt(scenario: Scenario, settings: SimulationSettings, random: Random): number | null {
  const { requests, share, alpha, minimumEffect, lookEvery } = settings;
  const strata = WATCHED_CLASSES.map(() => arms(share));
  const hostile = WATCHED_CLASSES.map(() => arms(share));
  const level = levelPerClass(alpha);
  for (let n = 0; n < requests; n += 1) {
    const arm = random.uniform() < share ? 'holdback' : 'live';
    const isHostile = scenario.hostile > 0 && random.uniform() < scenario.hostile;
    const at = n / requests;
    const rise = arm === 'holdback' ? 0 : at < scenario.from ? scenario.before : scenario.rise;
    const failed = isHostile ? (arm === 'live' ? 0 : -1) : classOf(random, scenario.rate(settings, at), rise);
    const window = Math.floor(at * WINDOWS);
    for (const counts of isHostile ? [strata, hostile] : [strata]) {
      counts.forEach((windows, index) => {
        const counted = windows[window]?.[arm];
        if (counted === undefined) return;
        counted.answers += 1;
        if (index === failed) counted.failing += 1;
      });
    }
    if ((n + 1) % lookEvery !== 0) continue;
    const alarm = WATCHED_CLASSES.some((name, index) => {
      const own = (strata[index] ?? []).slice(0, window + 1);
      const callers = scenario.hostile > 0 ? [{ caller: 'hostile', strata: hostile[index] ?? [] }] : [];
      return mayAlarm(own, minimumEffect) && judgeClass({ class: name, strata: own, callers }, level, minimumEffect).state === 'alarm';
    });
    if (alarm) return n + 1;
  }
  return null;
}

/** Index of the class in which a request fails, one at most; -1 for none. */
function classOf(random: Random, rate: number, rise: number): number {
  const u = random.uniform();
  const first = Math.max(0, rate + rise);
  if (u < first) return 0;
  const other = Math.floor((u - first) / (rate / 10));
  return other < WATCHED_CLASSES.length - 1 ? other + 1 : -1;
}
