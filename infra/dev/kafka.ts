// Starts a real Apache Kafka broker (one KRaft node), or stands for the brokers that KAFKA_BROKERS names.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { kafkaClient } from '../../stores/kafka.ts';
import { javaBin, kafkaDir, repositoryRoot, requireInstalled } from './paths.ts';
import { freePorts, isFree } from './ports.ts';
import { startProcess, untilReady, type RunningProcess, type WaitOptions } from './process.ts';

export type KafkaServer = {
  name: string;
  /** host:port of every broker to connect to. */
  brokers: string[];
  /** The broker's own process; undefined when the brokers are somebody else's. */
  process: RunningProcess | undefined;
  stop: () => Promise<void>;
};

export type KafkaOptions = WaitOptions & {
  /** Keeps log segments, ports and the log; a second start on the same folder has the same address and data. */
  dir: string;
  /** Brokers to use in place of a new one; default: KAFKA_BROKERS, comma separated. */
  brokers?: string[];
  heapMb?: number;
  /** Clients must come by TLS and sign in by SASL (plain or scram-sha-512) with this name. */
  secure?: KafkaSecurity;
};

export type KafkaSecurity = {
  /** PKCS #12 store with a private key and its certificate for 127.0.0.1; and that certificate alone, as PEM. */
  keyStore: string;
  keyStorePassword: string;
  caFile: string;
  username: string;
  password: string;
};

/** Starts Kafka and waits until a client can connect. Topics are made by infra/setup.ts: the broker creates none by itself. */
export async function startKafka(options: KafkaOptions): Promise<KafkaServer> {
  const existing = options.brokers ?? brokersFromEnvironment();
  if (existing !== undefined) return { name: 'kafka', brokers: existing, process: undefined, stop: () => Promise.resolve() };

  mkdirSync(options.dir, { recursive: true });
  const { brokerPort, controllerPort } = await keptPorts(join(options.dir, 'ports.json'));
  const configFile = join(options.dir, 'server.properties');
  writeFileSync(configFile, serverProperties(join(options.dir, 'data'), brokerPort, controllerPort, options.secure));
  const java = javaCommand(options.heapMb ?? 512);
  if (!existsSync(join(options.dir, 'data', 'meta.properties'))) await format(java, configFile, options);

  const broker = await startProcess({
    name: 'kafka',
    command: java.command,
    args: [...java.args, 'kafka.Kafka', configFile],
    logDir: options.dir,
    env: java.env,
    graceMs: 15_000,
  });
  const brokers = [`127.0.0.1:${brokerPort}`];
  await untilReady(broker, () => answers(brokers, options.secure), { ...options, timeoutMs: 60_000 });
  return { name: 'kafka', brokers, process: broker, stop: broker.stop };
}

function brokersFromEnvironment(): string[] | undefined {
  const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',').map((broker) => broker.trim()).filter((broker) => broker !== '');
  return brokers.length === 0 ? undefined : brokers;
}

/** The folder's ports stay the same for life: clients reconnect to them, and the quorum's voter is stored with its port. */
async function keptPorts(file: string): Promise<{ brokerPort: number; controllerPort: number }> {
  if (!existsSync(file)) {
    const [brokerPort = 0, controllerPort = 0] = await freePorts(2);
    writeFileSync(file, JSON.stringify({ brokerPort, controllerPort }));
  }
  const ports = JSON.parse(readFileSync(file, 'utf8')) as { brokerPort: number; controllerPort: number };
  for (const port of [ports.brokerPort, ports.controllerPort]) {
    if (!(await isFree(port))) throw new Error(`port ${port}, which ${file} names for Kafka, is in use: end that process, or delete the folder to begin anew`);
  }
  return ports;
}

function serverProperties(dataDir: string, brokerPort: number, controllerPort: number, secure: KafkaSecurity | undefined): string {
  const listener = secure ? 'SASL_SSL' : 'PLAINTEXT';
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.bootstrap.servers=127.0.0.1:${controllerPort}`,
    `listeners=${listener}://127.0.0.1:${brokerPort},CONTROLLER://127.0.0.1:${controllerPort}`,
    `advertised.listeners=${listener}://127.0.0.1:${brokerPort},CONTROLLER://127.0.0.1:${controllerPort}`,
    `listener.security.protocol.map=${listener}:${listener},CONTROLLER:PLAINTEXT`,
    `inter.broker.listener.name=${listener}`,
    ...(secure ? securityProperties(secure) : []),
    'controller.listener.names=CONTROLLER',
    `log.dirs=${dataDir}`,
    'auto.create.topics.enable=false',
    // One broker keeps one copy of everything, and few partitions of its own topics start faster.
    'default.replication.factor=1',
    'offsets.topic.replication.factor=1',
    'offsets.topic.num.partitions=4',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'share.coordinator.state.topic.replication.factor=1',
    'share.coordinator.state.topic.min.isr=1',
    // After a kill the controller waits until the former session is over, nine seconds by default.
    'broker.session.timeout.ms=4000',
    'broker.heartbeat.interval.ms=500',
    // The first member of a consumer group need not wait three seconds for others.
    'group.initial.rebalance.delay.ms=0',
    '',
  ].join('\n');
}

function securityProperties({ keyStore, keyStorePassword, caFile, username, password }: KafkaSecurity): string[] {
  const modules = 'org.apache.kafka.common.security';
  return [
    'sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512',
    'sasl.mechanism.inter.broker.protocol=PLAIN',
    `listener.name.sasl_ssl.plain.sasl.jaas.config=${modules}.plain.PlainLoginModule required username="${username}" password="${password}" user_${username}="${password}";`,
    `listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=${modules}.scram.ScramLoginModule required;`,
    ...['ssl.keystore.type=PKCS12', `ssl.keystore.location=${keyStore}`, `ssl.keystore.password=${keyStorePassword}`, 'ssl.truststore.type=PEM', `ssl.truststore.location=${caFile}`],
  ];
}

type JavaCommand = { command: string; args: string[]; env: Record<string, string | undefined> };

function javaCommand(heapMb: number): JavaCommand {
  const list = readFileSync(requireInstalled(join(kafkaDir, 'classpath'), 'Apache Kafka'), 'utf8');
  const classpath = list.split('\n').filter((jar) => jar !== '').map((jar) => join(kafkaDir, jar)).join(delimiter);
  return {
    command: javaBin(),
    args: [
      // The serial collector and the first compiler alone: half the memory and a faster start, enough for one developer.
      ...[`-Xmx${heapMb}m`, '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData', '-XX:+ExitOnOutOfMemoryError'],
      `-Dlog4j2.configurationFile=${join(repositoryRoot, 'infra', 'dev', 'kafka_log4j2.properties')}`,
      ...['-cp', classpath],
    ],
    env: { JAVA_TOOL_OPTIONS: undefined, JDK_JAVA_OPTIONS: undefined, CLASSPATH: undefined },
  };
}

/** Writes the cluster's identity into an empty data folder. */
async function format(java: JavaCommand, configFile: string, options: KafkaOptions): Promise<void> {
  // A UUID in Kafka's own spelling: 16 bytes in URL-safe base64, not beginning with a dash.
  const clusterId = `R${crypto.randomUUID().replaceAll('-', '').slice(0, 20)}A`;
  const args = [...java.args, 'kafka.tools.StorageTool', 'format', '--standalone', '--cluster-id', clusterId, '--config', configFile, ...scramUser(options.secure)];
  try {
    await promisify(execFile)(java.command, args, { env: { ...process.env, ...java.env }, cwd: options.dir, timeout: 60_000, signal: options.signal });
  } catch (error) {
    const { stderr = '', stdout = '' } = error as { stderr?: string; stdout?: string };
    throw new Error(`Kafka's storage in ${options.dir} cannot be formatted: ${`${stdout}${stderr}`.trim().slice(-2000) || String(error)}`);
  }
}

const scramUser = (secure: KafkaSecurity | undefined): string[] => (secure ? ['--add-scram', `SCRAM-SHA-512=[name=${secure.username},password=${secure.password}]`] : []);

async function answers(brokers: string[], secure: KafkaSecurity | undefined): Promise<boolean> {
  const signIn = secure && { ssl: { ca: [readFileSync(secure.caFile, 'utf8')] }, sasl: { mechanism: 'plain' as const, username: secure.username, password: secure.password } };
  const kafka = kafkaClient({ ...signIn, brokers }, 'ratchet-dev', { connectionTimeout: 1_000, retry: { retries: 0 } });
  const admin = kafka.admin();
  try {
    await admin.connect();
    const { brokers: known, controller } = await admin.describeCluster();
    return known.length > 0 && controller !== null;
  } finally {
    await admin.disconnect();
  }
}
