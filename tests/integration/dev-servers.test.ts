// The real servers of infra/dev: they start, keep their data over a restart, and never outlive whoever started them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts, pssBytes, startKafka, startProcess, startServers, stopAll, untilReady, type KafkaServer, type Servers } from '../../infra/dev/index.ts';
import { demoModelDir } from '../../infra/dev/paths.ts';
import { processTree } from '../../infra/dev/pss.ts';
import { ensureNamespace, ensureSearchAttributes, ensureTopics, searchAttributes } from '../../infra/setup.ts';

const dir = mkdtempSync(join(tmpdir(), 'ratchet-servers-'));
const topics = { interactions: 'agent.interactions', corrections: 'agent.corrections' };
let servers: Servers;

beforeAll(async () => {
  // A broker of our own even where KAFKA_BROKERS is set: it is killed here.
  delete process.env['KAFKA_BROKERS'];
  servers = await startServers({ dir });
});

afterAll(async () => {
  await stopAll(servers);
  rmSync(dir, { recursive: true, force: true });
});

describe('Temporal', () => {
  it('serves its web page', async () => {
    expect((await fetch(servers.temporal.uiUrl ?? '')).status).toBe(200);
  });

  it('gets namespaces and search attributes once, however often they are asked for', async () => {
    const connection = await Connection.connect({ address: servers.temporal.address });
    for (const namespace of ['default', 'team-a']) {
      expect(await ensureNamespace(connection, namespace)).toBe(namespace !== 'default');
      expect(await ensureNamespace(connection, namespace)).toBe(false);
      expect(await ensureSearchAttributes(connection, namespace)).toEqual([...searchAttributes]);
      expect(await ensureSearchAttributes(connection, namespace)).toEqual([]);
    }
    await connection.close();
  });
});

describe('Kafka', () => {
  it('gets topics once, however often they are asked for', async () => {
    const kafka = { brokers: servers.kafka.brokers, topics };
    expect(await ensureTopics(kafka)).toEqual([topics.interactions, topics.corrections]);
    expect(await ensureTopics(kafka)).toEqual([]);
  });

  it('keeps records, address and topics when it is killed and started again', async () => {
    await produce(servers.kafka, ['one', 'two', 'three']);
    const broker = servers.kafka.process;
    if (broker === undefined) throw new Error('the test has a broker of its own');
    process.kill(broker.pid, 'SIGKILL');
    expect((await broker.exited).signal).toBe('SIGKILL');

    const { brokers } = servers.kafka;
    servers.kafka = await startKafka({ dir: join(dir, 'kafka') });
    expect(servers.kafka.brokers).toEqual(brokers);
    expect((await consume(servers.kafka, 3)).sort()).toEqual(['one', 'three', 'two']);
  });

  it('starts nothing when the brokers are given', async () => {
    const given = await startKafka({ dir: join(dir, 'unused'), brokers: ['kafka.example:9092'] });
    expect(given).toMatchObject({ brokers: ['kafka.example:9092'], process: undefined });
    await given.stop();
  });
});

describe('a supervised process', () => {
  it('ends with its grandchildren on stop, also when they ignore SIGTERM', async () => {
    const server = await startShell('trap "" TERM; sleep 300 & sh -c \'trap "" TERM; sleep 301; sleep 302\' & wait; wait');
    const tree = await treeOf(server.supervisorPid, 6);
    await server.stop();
    expect(tree.filter(isAlive)).toEqual([]);
  });

  it('takes what it leaves behind with it when it is killed', async () => {
    const server = await startShell('setsid sleep 300 & sleep 301; true');
    const tree = await treeOf(server.supervisorPid, 5);
    process.kill(server.pid, 'SIGKILL');
    expect(await server.exited).toEqual({ code: null, signal: 'SIGKILL' });
    expect(tree.filter(isAlive)).toEqual([]);
  });

  it('dies when its supervisor is killed, with all it started', async () => {
    const server = await startShell('sleep 300 & sh -c "sleep 301; true"');
    const tree = await treeOf(server.supervisorPid, 6);
    process.kill(server.supervisorPid, 'SIGKILL');
    await expect.poll(() => tree.filter(isAlive), { timeout: 5_000 }).toEqual([]);
  });

  it('dies when the process that started it is killed', async () => {
    const parentFile = join(dir, 'parent.ts');
    const modules = join(import.meta.dirname, '..', '..', 'infra', 'dev', 'index.ts');
    writeFileSync(
      parentFile,
      `import { startKafka, startProcess, startTemporal } from ${JSON.stringify(modules)};
       const started = await Promise.all([
         startTemporal({ dir: ${JSON.stringify(join(dir, 'orphan-temporal'))}, headless: true }),
         startKafka({ dir: ${JSON.stringify(join(dir, 'orphan-kafka'))} }).then((kafka) => kafka.process),
         startProcess({ name: 'stubborn', command: 'sh', args: ['-c', 'trap "" TERM; sleep 300; sleep 301'], logDir: ${JSON.stringify(dir)}, graceMs: 500 }),
       ]);
       console.log(JSON.stringify(started.map((server) => server.supervisorPid)));
       setInterval(() => {}, 1000);`,
    );
    const parent = spawn(process.execPath, [parentFile], { stdio: ['ignore', 'pipe', 'inherit'] });
    let tree: number[];
    try {
      const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
      tree = (JSON.parse(line) as number[]).flatMap(processTree);
    } finally {
      parent.kill('SIGKILL');
    }
    // Three supervisors with their watchdogs and servers, and what the shell runs.
    expect(tree.length).toBeGreaterThanOrEqual(10);
    await expect.poll(() => tree.filter(isAlive), { timeout: 40_000 }).toEqual([]);
  });

  it('says why it did not start', async () => {
    const server = await startShell('echo the disk is full; exit 7');
    await expect(untilReady(server, async () => false, { timeoutMs: 5_000 })).rejects.toThrow(/shell ended while starting \(exit code 7\).*\n.*the disk is full/s);
    await expect(startProcess({ name: 'absent', command: '/no/such/program', args: [], logDir: dir })).rejects.toThrow('absent cannot be started: /no/such/program: No such file or directory');
  });

  it('is given up, and stopped, when its start is aborted', async () => {
    const server = await startShell('sleep 300');
    await expect(untilReady(server, async () => false, { timeoutMs: 60_000, signal: AbortSignal.timeout(200) })).rejects.toThrow('shell was stopped while it started');
    expect(isAlive(server.pid)).toBe(false);
  });

  it('keeps its log bounded', async () => {
    const server = await startShell('yes 0123456789012345678901234567890123456789 | head -c 40000000; echo the end');
    await server.exited;
    expect(readFileSync(server.logFile, 'utf8')).toMatch(/the end\n$/);
    expect(readFileSync(server.logFile).length + readFileSync(`${server.logFile}.1`).length).toBeLessThanOrEqual(2 * 16 * 1024 * 1024);
  });
});

it('has a demo model that ends its turns, and splits numbers as it was trained to', () => {
  const read = (name: string): unknown => JSON.parse(readFileSync(join(demoModelDir, name), 'utf8'));
  const turnEnd = 2;
  expect(read('generation_config.json')).toMatchObject({ eos_token_id: turnEnd, pad_token_id: turnEnd });
  expect(read('config.json')).toMatchObject({ eos_token_id: turnEnd, dtype: 'bfloat16' });
  expect(read('config.json')).not.toHaveProperty('quantization_config');
  expect(read('tokenizer_config.json')).toMatchObject({ eos_token: '<|im_end|>', pad_token: '<|im_end|>' });
  expect(read('tokenizer.json')).toMatchObject({
    model: { vocab: { '<|im_end|>': turnEnd } },
    pre_tokenizer: { pretokenizers: [{ type: 'Digits', individual_digits: true }, { type: 'ByteLevel' }] },
  });
  expect(readFileSync(join(demoModelDir, 'chat_template.jinja'), 'utf8')).toContain("{{ '<|im_start|>assistant\n' }}");
});

it('measures the memory of a process tree', () => {
  const own = pssBytes(process.pid) / 2 ** 20;
  expect(own).toBeGreaterThan(20);
  expect(own).toBeLessThan(2_000);
  expect(pssBytes(servers.temporal.supervisorPid) / 2 ** 20).toBeGreaterThan(50);
});

it('finds different free ports outside the range of outgoing connections', async () => {
  const ports = await freePorts(50);
  const firstEphemeral = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/)[0]);
  expect(new Set(ports).size).toBe(50);
  expect(Math.max(...ports)).toBeLessThan(firstEphemeral);
});

function startShell(script: string) {
  return startProcess({ name: 'shell', command: 'sh', args: ['-c', script], logDir: mkdtempSync(join(dir, 'shell-')), graceMs: 500 });
}

/** The tree under a process once it has grown to `size` processes. */
async function treeOf(rootPid: number, size: number): Promise<number[]> {
  for (let tries = 0; tries < 100; tries += 1) {
    const tree = processTree(rootPid);
    if (tree.length >= size) return tree;
    await sleep(20);
  }
  throw new Error(`the tree under ${rootPid} has ${processTree(rootPid).length} processes, not ${size}`);
}

function isAlive(pid: number): boolean {
  return processTree(pid).length > 0;
}

async function produce(server: KafkaServer, values: string[]): Promise<void> {
  const producer = new Kafka({ brokers: server.brokers, logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  await producer.send({ topic: topics.interactions, acks: -1, messages: values.map((value) => ({ value })) });
  await producer.disconnect();
}

async function consume(server: KafkaServer, count: number): Promise<string[]> {
  const consumer = new Kafka({ brokers: server.brokers, logLevel: logLevel.NOTHING }).consumer({ groupId: 'dev-servers-test' });
  await consumer.connect();
  await consumer.subscribe({ topic: topics.interactions, fromBeginning: true });
  const values: string[] = [];
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        eachMessage: async ({ message }) => {
          values.push(message.value?.toString() ?? '');
          if (values.length === count) resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  return values;
}
