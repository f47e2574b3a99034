// A stand-in for the serving engine, behind our own port, for tests of the flow. It is no model: it answers by a table.
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Digest } from '../../core/contracts/index.ts';
import { digestOfBytes, keyedUnit } from '../../core/digest.ts';
import { RatchetError } from '../../core/errors.ts';
import type { ServingTarget } from '../../stores/ports.ts';
import { answerTo, TICKET } from './pipeline-world.ts';

/** What a workload's engine does, kept in a file so that a test can change it while workers run. */
export interface Behaviour {
  /** Share of prompts that an arm answers rightly, by a hash of the prompt. */
  right: { base: number; adapter: number };
  delayMs: number;
  failLoad: boolean;
  failSmoke: boolean;
  failIsolation: boolean;
  away: boolean;
}

const USUAL: Behaviour = { right: { base: 0, adapter: 1 }, delayMs: 0, failLoad: false, failSmoke: false, failIsolation: false, away: false };

export interface StandInTarget extends ServingTarget {
  behave(behaviour: Partial<Behaviour>): void;
  loaded(): Digest[];
  /** One line for each question asked: adapter or `base`, and the prompt's digest. */
  questions(): { adapter: string; prompt: string }[];
}

/** Its whole state is in `dir`, as an engine's is in its own process: it outlives a killed worker. */
export function standInTarget(dir: string): StandInTarget {
  mkdirSync(join(dir, 'loaded'), { recursive: true });
  // Engines of several workloads share a store, and are marked in it by their address.
  const URL = `http://stand-in/${basename(dir)}`;
  const files = { behaviour: join(dir, 'behaviour.json'), questions: join(dir, 'questions.log') };
  const behaviour = (): Behaviour => ({ ...USUAL, ...(existsSync(files.behaviour) ? (JSON.parse(readFileSync(files.behaviour, 'utf8')) as Partial<Behaviour>) : {}) });
  const loaded = (): Digest[] => readdirSync(join(dir, 'loaded')).map((hex) => `sha256:${hex}`);
  const place = (adapter: Digest): string => join(dir, 'loaded', adapter.slice('sha256:'.length));
  const assertHere = (): void => {
    if (behaviour().away) throw new RatchetError('SERVING_UNAVAILABLE', `${URL} does not answer`);
  };
  return {
    replicas: [URL],
    baseModel: 'stand-in',
    maxLoraRank: 16,
    behave: (change) => writeFileSync(files.behaviour, JSON.stringify({ ...behaviour(), ...change })),
    loaded,
    questions: () =>
      existsSync(files.questions)
        ? readFileSync(files.questions, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { adapter: string; prompt: string })
        : [],
    state: async () => [{ url: URL, healthy: !behaviour().away, engineBuild: 'stand-in-1', adapters: loaded().map((digest) => ({ digest, root: place(digest) })) }],
    load: async (adapter, { onLoaded } = {}) => {
      assertHere();
      if (behaviour().failLoad) throw new RatchetError('ADAPTER_LOAD_FAILED', `${URL} refused ${adapter}`);
      writeFileSync(place(adapter), '');
      onLoaded?.(URL);
    },
    unload: async (adapter) => {
      assertHere();
      rmSync(place(adapter), { force: true });
    },
    checkIsolation: async (adapters) => {
      assertHere();
      if (behaviour().failIsolation) throw new RatchetError('ISOLATION_BROKEN', `${URL} mixes ${adapters.length} adapters up`);
      return [{ replica: URL, prompts: 1, arms: adapters.length + 1 }];
    },
    chat: async ({ adapter, messages }, { signal } = {}) => {
      const { delayMs, failSmoke, right } = behaviour();
      await sleep(delayMs, undefined, { signal });
      assertHere();
      if (adapter !== null && !loaded().includes(adapter)) throw new RatchetError('ADAPTER_NOT_SERVED', `${URL} does not serve ${adapter}`);
      const prompt = JSON.stringify(messages);
      appendFileSync(files.questions, `${JSON.stringify({ adapter: adapter ?? 'base', prompt: digestOfBytes(prompt) })}\n`);
      const share = adapter === null ? right.base : right.adapter;
      const ticket = TICKET.exec(prompt)?.[0] ?? '';
      const text = failSmoke ? '' : keyedUnit('stand-in', ticket) < share ? answerTo(ticket) : 'I cannot say.';
      return { text, finishReason: 'stop', inputTokens: 10, outputTokens: 5, latencyMs: delayMs };
    },
    logprob: async ({ adapter, text }) => {
      assertHere();
      appendFileSync(files.questions, `${JSON.stringify({ adapter: adapter ?? 'base', prompt: digestOfBytes(text) })}\n`);
      const { right } = behaviour();
      // A text that is wrong says so; an arm sees it as often as it answers rightly.
      const sees = keyedUnit('stand-in', text) < (adapter === null ? right.base : right.adapter);
      return { logprob: text.includes('wrong') && sees ? -20 : -10, tokens: 5, latencyMs: behaviour().delayMs };
    },
  };
}
