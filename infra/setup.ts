// Makes a Kafka cluster and a Temporal namespace ready for Ratchet; run it as often as you like: `node infra/setup.ts`.
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection, isGrpcServiceError } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { kafkaClient } from '../stores/kafka.ts';
import { parseConfig, type Config } from '../workers/config.ts';

/** temporal.api.enums.v1.IndexedValueType */
const KEYWORD = 2;

type KafkaSettings = Pick<Config['kafka'], 'brokers' | 'topics'> & Partial<Pick<Config['kafka'], 'ssl' | 'sasl'>>;

/** What Temporal's own page finds runs by. */
export const searchAttributes = ['Workload', 'DatasetDigest', 'AdapterDigest', 'Verdict'] as const;

const GRPC_NOT_FOUND = 5;
const GRPC_ALREADY_EXISTS = 6;
const RETENTION = '30 days';

/**
 * Creates the topics that are missing, and leaves the others as they are. Returns the names of the new ones.
 * @param kafka the brokers, how to sign in, and the topics wanted
 * @param partitions of a new topic; replication follows the brokers' default
 */
export async function ensureTopics(kafka: KafkaSettings, partitions = 4): Promise<string[]> {
  const admin = kafkaClient(kafka, 'ratchet-setup').admin();
  await admin.connect();
  try {
    const existing = new Set(await admin.listTopics());
    const missing = Object.values(kafka.topics).filter((topic) => !existing.has(topic));
    if (missing.length > 0) {
      const created = missing.map((topic) => ({ topic, numPartitions: partitions, replicationFactor: -1 }));
      await admin.createTopics({ topics: created, waitForLeaders: true });
    }
    return missing;
  } finally {
    await admin.disconnect();
  }
}

/** Registers the namespace when the server does not know it. Returns whether it is new. */
export async function ensureNamespace(connection: Connection, namespace: string): Promise<boolean> {
  const known = () => connection.workflowService.describeNamespace({ namespace }).then(() => true, orOn(GRPC_NOT_FOUND, false));
  if (await known()) return false;
  await connection.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: msToTs(RETENTION) }).catch(orOn(GRPC_ALREADY_EXISTS, undefined));
  // Describing reads the database; other calls wait for the frontend's list of namespaces.
  const usable = () => connection.workflowService.countWorkflowExecutions({ namespace }).then(() => true, orOn(GRPC_NOT_FOUND, false));
  await until(usable, `the namespace ${namespace} to be known`);
  return true;
}

/** Registers the search attributes that the namespace lacks. Returns the names of the new ones. */
export async function ensureSearchAttributes(connection: Connection, namespace: string): Promise<string[]> {
  const missing = async (): Promise<string[]> => {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    for (const name of searchAttributes) {
      const type = customAttributes[name];
      if (type !== undefined && type !== null && Number(type) !== KEYWORD) {
        throw new Error(`the namespace ${namespace} has a search attribute ${name} that is not a Keyword: rename it, or give Ratchet a namespace of its own`);
      }
    }
    return searchAttributes.filter((name) => customAttributes[name] === undefined);
  };
  const added = await missing();
  if (added.length === 0) return [];
  const request = { namespace, searchAttributes: Object.fromEntries(added.map((name) => [name, KEYWORD])) };
  await connection.operatorService.addSearchAttributes(request).catch(orOn(GRPC_ALREADY_EXISTS, undefined));
  await until(async () => (await missing()).length === 0, `the search attributes of ${namespace} to be known`);
  return added;
}

function orOn<T>(code: number, value: T): (error: unknown) => T {
  return (error) => {
    if (isGrpcServiceError(error) && Number(error.code) === code) return value;
    throw error;
  };
}

/** Temporal's frontends read such changes from a cache that they refresh within seconds. */
async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const giveUpAt = performance.now() + 60_000;
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error(`waited 60 s for ${what}: is the Temporal server healthy?`);
    await sleep(200);
  }
}

async function main(): Promise<void> {
  const config = parseConfig(process.env);
  const topics = await ensureTopics(config.kafka);
  const { address, namespace, tls, apiKey } = config.temporal;
  const connection = await Connection.connect({ address, tls, apiKey, metadata: { 'temporal-namespace': namespace } });
  try {
    const isNew = await ensureNamespace(connection, namespace);
    const attributes = await ensureSearchAttributes(connection, namespace);
    const news = [...topics.map((topic) => `topic ${topic}`), ...(isNew ? [`namespace ${namespace}`] : []), ...attributes.map((name) => `search attribute ${name}`)];
    console.log(news.length === 0 ? 'Everything is there already.' : `Created: ${news.join(', ')}.`);
  } finally {
    await connection.close();
  }
}

if (import.meta.main) {
  await main().catch((error: unknown) => {
    console.error(`Set-up failed: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  });
}
