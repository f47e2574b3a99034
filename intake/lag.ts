// How far a consumer group is behind, asked of the brokers: also right when no batch comes.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin } from 'kafkajs';

export interface Lag {
  topic: string;
  partition: number;
  records: number;
}

export interface LagOptions {
  admin: Admin;
  group: string;
  /** The partitions of this process, by topic: each process of a group reports its own, so that they can be added up. */
  assigned: () => Readonly<Record<string, readonly number[]>>;
  report: (lag: Lag[]) => void;
  signal: AbortSignal;
  everyMs: number;
}

/** Reports until the signal; brokers that are away are asked again at the next turn. */
export async function watchLag({ admin, group, assigned, report, signal, everyMs }: LagOptions): Promise<void> {
  let connected = false;
  while (!signal.aborted) {
    try {
      if (!connected) await admin.connect();
      connected = true;
      report(await lagOf(admin, group, assigned()));
    } catch {
      // The consumer meets the same brokers and says why they do not answer.
      connected = false;
      await admin.disconnect().catch(() => undefined);
    }
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
  }
  await admin.disconnect().catch(() => undefined);
}

async function lagOf(admin: Admin, group: string, assigned: Readonly<Record<string, readonly number[]>>): Promise<Lag[]> {
  const topics = Object.keys(assigned).filter((topic) => (assigned[topic]?.length ?? 0) > 0);
  if (topics.length === 0) return [];
  const committed = await admin.fetchOffsets({ groupId: group, topics });
  const all = await Promise.all(
    topics.map(async (topic) => {
      const ends = await admin.fetchTopicOffsets(topic);
      const offsets = committed.find((each) => each.topic === topic)?.partitions ?? [];
      return ends
        .filter(({ partition }) => assigned[topic]?.includes(partition))
        .map(({ partition, high, low }) => {
          const offset = BigInt(offsets.find((each) => each.partition === partition)?.offset ?? -1);
          // Nothing committed yet, or what was committed has expired: reading begins at the first record that is there.
          const from = offset > BigInt(low) ? offset : BigInt(low);
          return { topic, partition, records: Math.max(0, Number(BigInt(high) - from)) };
        });
    }),
  );
  return all.flat();
}
