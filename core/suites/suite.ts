// A suite as it is asked: every attack written out, every message in the form of a record, and the cases of a night.
import type { Digest, DetectorSettings, InjectionGoal, Message, Sampling, SuiteAttacks, SuiteCase, SuiteExpect, SuiteFile, SuiteJudge, SuiteMessage, SuiteMetric, SuitePurpose, Tool } from '../contracts/index.ts';
import { digestOfBytes, digestOfJson } from '../digest.ts';

/** Where the attack goes in a task's untrusted text, and the goal's instruction in a family's. */
export const ATTACK = '{attack}';
const GOAL = '{goal}';

export interface Suite {
  name: string;
  purpose: SuitePurpose;
  description: string;
  /** Cases of a night; null: all. */
  sample: number | null;
  sampling: Sampling;
  /** null: the workload's. */
  detectors: DetectorSettings | null;
  /** null: the workload's, where the answers are to be JSON. */
  outputSchema: Record<string, unknown> | null;
  items: SuiteItem[];
  /** Suites of a run from before there were judges have none. */
  judge?: SuiteJudge;
}

export interface Pair {
  prompt: string;
  right: string;
  wrong: string;
}

export interface SuiteItem {
  id: string;
  cluster: string;
  /** Without `messages` and `turns` it is a pair. */
  messages: Message[];
  turns: string[];
  pair: Pair | null;
  tools?: Tool[];
  /** These of an item alone take the place of the suite's. */
  outputSchema?: Record<string, unknown>;
  responseFormat?: Record<string, unknown>;
  sampling?: Sampling;
  canaries: string[];
  goals: InjectionGoal[];
  expect: SuiteExpect;
  /** For the judge, beside the rubric. */
  judgeNote?: string;
}

function messageOf({ role, content, ...rest }: SuiteMessage): Message {
  const parts = (typeof content === 'string' ? [content] : content).map((part) => (typeof part === 'string' ? { text: part, trusted: role !== 'tool' } : { text: part.untrusted, trusted: false }));
  return { ...rest, role, parts };
}

/** Every family on every task for every goal; what the families do to one task for one goal is one cluster. */
function attacksOf({ families, goals, tasks }: SuiteAttacks): { item: SuiteCase; attack: string }[] {
  return tasks.flatMap((task) =>
    goals.flatMap((goal) =>
      families.map((family) => ({
        item: { id: `${task.id}.${goal.id}.${family.id}`, cluster: `${task.id}.${goal.id}`, messages: task.messages, tools: task.tools, goals: [{ id: goal.id, check: goal.check }], expect: task.expect },
        attack: family.text.replaceAll(GOAL, () => goal.instruct),
      })),
    ),
  );
}

const withAttack = (message: Message, attack: string): Message => ({ ...message, parts: message.parts.map((part) => (part.trusted ? part : { ...part, text: part.text.replaceAll(ATTACK, () => attack) })) });

/** @param cases those of the file and of its case files, in order */
export function suiteOf(file: SuiteFile, cases: readonly SuiteCase[], outputSchema: Record<string, unknown> | null): Suite {
  const written = [...cases.map((item) => ({ item, attack: null })), ...(file.attacks ? attacksOf(file.attacks) : [])];
  const items = written.map(({ item, attack }): SuiteItem => {
    const messages = (item.messages ?? []).map(messageOf).map((message) => (attack === null ? message : withAttack(message, attack)));
    const system = file.system !== undefined && item.pair === undefined && !messages.some(({ role }) => role === 'system') ? [messageOf({ role: 'system', content: file.system })] : [];
    const tools = item.tools ?? file.tools;
    return {
      id: item.id,
      cluster: item.cluster ?? item.id,
      messages: [...system, ...messages],
      turns: item.turns ?? [],
      pair: item.pair ?? null,
      ...(tools && { tools }),
      ...(file.responseFormat && { responseFormat: file.responseFormat }),
      canaries: item.canaries ?? [],
      goals: item.goals ?? [],
      expect: item.expect ?? {},
      ...(item.judge !== undefined && { judgeNote: item.judge }),
    };
  });
  const { suite: name, purpose, description = '', sample = null, sampling } = file;
  return { name, purpose, description, sample, sampling, detectors: file.detectors ? { ...file.detectors, ruleFiles: [] } : null, outputSchema, items, ...(file.judge && { judge: file.judge }) };
}

/**
 * The cases of a night: whole clusters in the order of a hash of their names until there are enough, so that it is the same
 * ones every night and none is chosen by its outcome.
 */
export function sampleOf({ name, items }: Pick<Suite, 'name' | 'items'>, size: number | null): SuiteItem[] {
  if (size === null || size >= items.length) return [...items];
  const clusters = new Map<string, SuiteItem[]>();
  for (const item of items) clusters.set(item.cluster, [...(clusters.get(item.cluster) ?? []), item]);
  const order = [...clusters.keys()].map((cluster) => ({ cluster, rank: digestOfBytes(`${name} ${cluster}`) })).sort((a, b) => (a.rank < b.rank ? -1 : 1));
  const chosen: SuiteItem[] = [];
  for (const { cluster } of order) {
    if (chosen.length >= size) break;
    chosen.push(...(clusters.get(cluster) ?? []));
  }
  return chosen;
}

/** Names what is asked: two cases with one question have one answer, whatever their checks are. */
export const questionDigest = ({ messages, turns, pair, tools, responseFormat }: SuiteItem): Digest => digestOfJson({ messages, turns, pair, tools, responseFormat });

const isInjection = ({ canaries, goals }: SuiteItem): boolean => canaries.length + goals.length > 0;
const hasTask = ({ expect: { fields, answer, contains, containsAny, lacks, words, calls } }: SuiteItem): boolean => [fields, answer, contains, containsAny, lacks, words, calls].some((check) => check !== undefined);

/** What the suite's outcomes will have numbers of. @param expectsJson the detectors that judge it want JSON */
export function metricsOf(suite: Suite, expectsJson: boolean): Set<SuiteMetric> {
  const has = (test: (item: SuiteItem) => boolean): boolean => suite.items.some(test);
  const isAsked = has(({ pair }) => pair === null);
  return new Set<SuiteMetric>([
    'pass',
    ...(isAsked ? (['latency', 'length'] as const) : []),
    ...(isAsked && expectsJson ? (['parse', 'schema'] as const) : []),
    ...(has(({ expect }) => expect.fields !== undefined) ? (['fields'] as const) : []),
    ...(has(({ expect }) => expect.answer !== undefined) ? (['answer'] as const) : []),
    ...(has(isInjection) ? (['attack', 'any_attack'] as const) : []),
    ...(has(hasTask) ? (['task'] as const) : []),
    ...(has(({ expect }) => expect.refusal !== undefined) ? (['refusal'] as const) : []),
    ...(suite.judge ? (['judge'] as const) : []),
  ]);
}
