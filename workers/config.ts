// The one place that reads the environment: parsed once at start, every problem reported at once.
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { RatchetError } from '../core/errors.ts';
import { isLoopback, type TlsSettings } from '../stores/http-server.ts';

const list = z.string().transform((text) => text.split(',').map((item) => item.trim()).filter(Boolean));
/** Base URLs, to which a path is appended. */
const urls = list.transform((items) => items.map((url) => url.replace(/\/+$/, '')));
const flag = z.enum(['true', 'false', '1', '0']).transform((text) => text === 'true' || text === '1');
const port = z.coerce.number().int().min(0).max(65535);

const Environment = z
  .object({
    RATCHET_ENV: z.enum(['development', 'production']).default('development').describe('production refuses SASL or API keys without TLS, and plain HTTP beyond loopback'),
    RATCHET_HOME: z.string().default('.ratchet/home').describe('where metadata, blobs, adapters, runs, keys and traces are kept'),
    RATCHET_MODELS: z.string().default('.ratchet/models').describe('directory of base models, one folder per name'),
    RATCHET_WORKLOADS: list.prefault('examples/tickets/workload.yaml').describe('workload files, separated by commas'),
    RATCHET_ADMIN_TOKEN: z.string().min(16).optional().describe('token for admin calls over HTTP'),
    RATCHET_TLS_CERT: z.string().optional().describe('PEM file with the certificate, and those between it and its authority, by which the gateway and the HTTP door speak TLS (1.2 and later). Read again when it changes'),
    RATCHET_TLS_KEY: z.string().optional().describe('PEM file with the private key of RATCHET_TLS_CERT, without a passphrase'),
    RATCHET_TLS_PROXY: flag.prefault('false').describe('says that a proxy or mesh in front of the gateway and the HTTP door ends TLS: in production they may then bind beyond loopback without a certificate'),
    RATCHET_MAX_RECORD_BYTES: z.coerce.number().int().positive().default(1_048_576).describe('largest Kafka record that ingest reads'),
    RATCHET_MAX_RECORD_DEPTH: z.coerce.number().int().positive().default(64).describe('deepest nesting of a record'),
    RATCHET_ACTOR: z.string().default(process.env['USER'] ?? 'unknown').describe('name written into the audit trail for CLI actions'),
    RATCHET_KEY_DIR: z.string().optional().describe('directory of your own approval keys; without it `.config/ratchet/keys` in your home directory'),
    RATCHET_WEBHOOK_URL: z.url({ protocol: /^https?$/ }).optional().describe('https address that is told when a promotion waits, is reminded of, expires or is decided'),
    RATCHET_WEBHOOK_SECRET: z.string().min(24).optional().describe('signs the messages as Standard Webhooks does: `whsec_` and base64, or any text of 24 characters and more'),
    RATCHET_WEBHOOK_ALLOW_PRIVATE: flag.prefault('false').describe('lets the webhook lead to private and loopback addresses; then http is taken too, in development'),
    LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info').describe('log level of every process'),
    TEMPORAL_ADDRESS: z.string().default('127.0.0.1:7233').describe('Temporal frontend, host:port'),
    TEMPORAL_NAMESPACE: z.string().default('default').describe('Temporal namespace'),
    TEMPORAL_TLS: flag.prefault('false').describe('connect to Temporal by TLS'),
    TEMPORAL_TLS_CA: z.string().optional().describe('file with the CA certificate'),
    TEMPORAL_TLS_CERT: z.string().optional().describe('file with the client certificate'),
    TEMPORAL_TLS_KEY: z.string().optional().describe('file with the client key'),
    TEMPORAL_API_KEY: z.string().optional().describe('API key of Temporal Cloud'),
    TEMPORAL_TASK_QUEUE: z.string().default('ratchet').describe('task queue of workflows and TypeScript activities'),
    TEMPORAL_GPU_TASK_QUEUE: z.string().default('ratchet-gpu').describe('task queue of the GPU workers of one device class'),
    TEMPORAL_WORKER_BUILD_ID: z.string().optional().describe('names the build of this pipeline worker, e.g. a commit: nights then stay on the build that started them (docs/guides/upgrade-workers.md). Without it worker versioning is off'),
    TEMPORAL_DEPLOYMENT_NAME: z.string().optional().describe('worker deployment that the build belongs to; without it the name of the task queue'),
    KAFKA_BROKERS: list.prefault('127.0.0.1:9092').describe('Kafka brokers, host:port separated by commas'),
    KAFKA_TLS: flag.prefault('false').describe('connect to Kafka by TLS'),
    KAFKA_TLS_CA: z.string().optional().describe('file with the CA certificate'),
    KAFKA_SASL_MECHANISM: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).optional().describe('SASL mechanism'),
    KAFKA_SASL_USERNAME: z.string().optional().describe('SASL user'),
    KAFKA_SASL_PASSWORD: z.string().optional().describe('SASL password'),
    KAFKA_TOPIC_INTERACTIONS: z.string().default('agent.interactions').describe('topic of interactions'),
    KAFKA_TOPIC_CORRECTIONS: z.string().default('agent.corrections').describe('topic of corrections'),
    KAFKA_GROUP: z.string().default('ratchet-ingest').describe('consumer group of ingest'),
    VLLM_REPLICAS: urls.prefault('http://127.0.0.1:8000').describe('base URLs of the vLLM replicas, separated by commas'),
    VLLM_EVALUATION_REPLICAS: urls.optional().describe('base URLs of replicas that only evaluations ask, separated by commas: production is then not slowed by a night. They must run the same engine build as VLLM_REPLICAS, else nothing is promoted; without it evaluations ask those'),
    VLLM_MAX_LORA_RANK: z.coerce.number().int().positive().default(16).describe('largest adapter rank that the replicas take: their `--max-lora-rank`'),
    VLLM_REPLICA_WAIT_SECONDS: z.coerce.number().min(0).max(600).default(120).describe('how long a promotion waits for a replica that does not answer before it goes on without it'),
    ISOLATION_INTERVAL_SECONDS: z.coerce.number().positive().default(900).describe('least time between two isolation checks of a replica in traffic'),
    ISOLATION_MAX_SHARE: z.coerce.number().gt(0).max(1).default(0.01).describe('largest share of a replica\'s tokens that its isolation checks may take; an idle one is checked once a day'),
    VLLM_API_KEY: z.string().optional().describe('key that vLLM asks for on /v1'),
    JUDGE_URL: urls.pipe(z.tuple([z.url({ protocol: /^https?$/ })], 'must be one http(s) base URL')).optional().describe('base URL of an OpenAI-compatible API that serves the judge models which suites and workloads (`injectionJudge`) name; without it no judge is asked. Prompts and answers of such suites, and rows that such workloads would learn from injections, redacted, are sent there'),
    JUDGE_API_KEY: z.string().optional().describe('key for JUDGE_URL'),
    GATEWAY_HOST: z.string().default('127.0.0.1').describe('address the gateway binds to'),
    GATEWAY_PORT: port.default(8080).describe('port of the gateway; 0 takes a free one'),
    GATEWAY_URLS: urls.optional().describe('base URLs of every gateway, separated by commas: all are asked before an adapter is unloaded. Default: the one at GATEWAY_HOST and GATEWAY_PORT'),
    GATEWAY_ALLOW_BASE: flag.prefault('false').describe('lets callers ask `<channel>@base`, the base model, for comparisons; such answers are not published'),
    GATEWAY_ALLOW_OPEN: flag.prefault('false').describe("lets anyone ask although no caller's key was made and GATEWAY_HOST is not loopback: only where something else keeps strangers out"),
    GATEWAY_TIMEOUT_MS: z.coerce.number().int().positive().default(120_000).describe('longest time for a whole answer'),
    GATEWAY_FIRST_BYTE_TIMEOUT_MS: z.coerce.number().int().positive().default(60_000).describe('longest time until a streamed answer begins'),
    GATEWAY_MAX_BODY_BYTES: z.coerce.number().int().positive().default(1_048_576).describe('largest body of one request to the gateway'),
    GATEWAY_MAX_IN_FLIGHT: z.coerce.number().int().positive().default(2_048).describe('requests that the gateway answers at once; one more gets 503'),
    GATEWAY_SPOOL_MAX_BYTES: z.coerce.number().int().positive().default(1_073_741_824).describe('disk that each gateway may use for interactions while Kafka is away; what comes then is lost and counted'),
    API_HOST: z.string().default('127.0.0.1').describe('address that the HTTP door for records binds to'),
    API_PORT: port.default(8081).describe('port of the HTTP door; 0 takes a free one'),
    API_TOKEN: list.pipe(z.array(z.string().min(16))).optional().describe('token that senders of records present; several, separated by commas, while one replaces another'),
    API_MAX_BODY_BYTES: z.coerce.number().int().positive().default(4_194_304).describe('largest body of one request to the HTTP door'),
    METRICS_HOST: z.string().default('127.0.0.1').describe('address of /healthz and /metrics'),
    METRICS_PORT: port.default(0).describe('port of /healthz and /metrics; 0 takes a free one'),
    OTEL_EXPORTER_OTLP_ENDPOINT: z.string().optional().describe('OTLP endpoint for traces; without it they go to traces.jsonl in RATCHET_HOME'),
  })
  .superRefine((env, ctx) => {
    const needTls = (on: boolean, path: string, message: string) => on && ctx.addIssue({ code: 'custom', path: [path], message });
    if (env.KAFKA_SASL_MECHANISM !== undefined) {
      needTls(!env.KAFKA_TLS && env.RATCHET_ENV === 'production', 'KAFKA_TLS', 'SASL without TLS is refused in production');
      needTls(env.KAFKA_SASL_USERNAME === undefined || env.KAFKA_SASL_PASSWORD === undefined, 'KAFKA_SASL_USERNAME', 'SASL needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD');
    }
    if (env.RATCHET_WEBHOOK_URL !== undefined && URL.canParse(env.RATCHET_WEBHOOK_URL)) {
      const url = new URL(env.RATCHET_WEBHOOK_URL);
      needTls(env.RATCHET_WEBHOOK_SECRET === undefined, 'RATCHET_WEBHOOK_SECRET', 'a webhook needs a secret to sign with');
      needTls(url.username !== '' || url.password !== '', 'RATCHET_WEBHOOK_URL', 'no user or password in the address: the signature says who sends');
      needTls(url.protocol === 'http:' && !(env.RATCHET_WEBHOOK_ALLOW_PRIVATE && env.RATCHET_ENV === 'development'), 'RATCHET_WEBHOOK_URL', 'it must be https');
    }
    if (env.JUDGE_URL !== undefined && URL.canParse(env.JUDGE_URL[0])) {
      const { protocol, hostname, username, password } = new URL(env.JUDGE_URL[0]);
      needTls(username !== '' || password !== '', 'JUDGE_URL', 'no user or password in the address: use JUDGE_API_KEY');
      needTls(env.JUDGE_API_KEY !== undefined && protocol === 'http:' && !isLoopback(hostname) && env.RATCHET_ENV === 'production', 'JUDGE_URL', 'an API key without TLS is refused in production');
    }
    needTls((env.TEMPORAL_TLS_CERT === undefined) !== (env.TEMPORAL_TLS_KEY === undefined), 'TEMPORAL_TLS_CERT', 'a client certificate needs its key, and a key its certificate');
    needTls((env.RATCHET_TLS_CERT === undefined) !== (env.RATCHET_TLS_KEY === undefined), 'RATCHET_TLS_CERT', 'a certificate needs RATCHET_TLS_KEY, and a key RATCHET_TLS_CERT');
    needTls(env.TEMPORAL_API_KEY !== undefined && !env.TEMPORAL_TLS && env.RATCHET_ENV === 'production', 'TEMPORAL_TLS', 'an API key without TLS is refused in production');
  });

/** Every setting with its default and one sentence, for docs/reference/config.md and `ratchet doctor`. */
export const settingsShape = Environment.shape;

export interface Config {
  environment: 'development' | 'production';
  home: string;
  modelsDir: string;
  workloadFiles: string[];
  adminToken: string | undefined;
  /** Of the gateway and the HTTP door; the files are read when these start. */
  tls: TlsSettings;
  maxRecordBytes: number;
  maxRecordDepth: number;
  actor: string;
  keyDir: string;
  webhook: { url: string; secret: string; allowPrivate: boolean } | undefined;
  logLevel: string;
  temporal: {
    address: string;
    namespace: string;
    taskQueue: string;
    gpuTaskQueue: string;
    /** Set: this worker is one of several builds, and takes what Temporal routes to its own. */
    version: { deploymentName: string; buildId: string } | undefined;
    apiKey: string | undefined;
    tls: { serverRootCACertificate?: Buffer; clientCertPair?: { crt: Buffer; key: Buffer } } | undefined;
  };
  kafka: {
    brokers: string[];
    ssl: boolean | { ca: string[] };
    sasl: { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; password: string } | undefined;
    topics: { interactions: string; corrections: string };
    group: string;
  };
  vllm: { replicas: string[]; evaluationReplicas: string[]; apiKey: string | undefined; maxLoraRank: number };
  judge: { url: string; apiKey: string | undefined } | undefined;
  replicaWaitMs: number;
  isolation: { intervalMs: number; maxShare: number };
  /** Base URLs of every gateway. */
  gatewayUrls: string[];
  gateway: { host: string; port: number; allowBaseArm: boolean; allowOpen: boolean; timeoutMs: number; firstByteMs: number; maxBodyBytes: number; maxInFlight: number };
  spoolMaxBytes: number;
  api: { host: string; port: number; tokens: string[]; maxBodyBytes: number };
  metrics: { host: string; port: number };
  otlpEndpoint: string | undefined;
}

/**
 * Parses the settings. Throws CONFIG_INVALID naming every wrong setting; values are not repeated, they may be secrets.
 * @param env the process environment, or a stand-in
 */
export function parseConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = Environment.safeParse(set);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
    throw new RatchetError('CONFIG_INVALID', `${lines.length} setting(s) are wrong:\n${lines.join('\n')}`);
  }
  const e = parsed.data;
  const read = (path: string, name: string): Buffer => {
    try {
      return readFileSync(path);
    } catch {
      throw new RatchetError('CONFIG_INVALID', `${name}: the file ${path} cannot be read`);
    }
  };
  const tls =
    !e.TEMPORAL_TLS && e.TEMPORAL_TLS_CERT === undefined
      ? undefined
      : {
          ...(e.TEMPORAL_TLS_CA === undefined ? {} : { serverRootCACertificate: read(e.TEMPORAL_TLS_CA, 'TEMPORAL_TLS_CA') }),
          ...(e.TEMPORAL_TLS_CERT === undefined || e.TEMPORAL_TLS_KEY === undefined
            ? {}
            : { clientCertPair: { crt: read(e.TEMPORAL_TLS_CERT, 'TEMPORAL_TLS_CERT'), key: read(e.TEMPORAL_TLS_KEY, 'TEMPORAL_TLS_KEY') } }),
        };
  return {
    environment: e.RATCHET_ENV,
    home: resolve(e.RATCHET_HOME),
    modelsDir: resolve(e.RATCHET_MODELS),
    workloadFiles: e.RATCHET_WORKLOADS.map((file) => resolve(file)),
    adminToken: e.RATCHET_ADMIN_TOKEN,
    tls: {
      ...(e.RATCHET_TLS_CERT === undefined || e.RATCHET_TLS_KEY === undefined ? {} : { files: { cert: resolve(e.RATCHET_TLS_CERT), key: resolve(e.RATCHET_TLS_KEY) } }),
      mayBePlain: e.RATCHET_ENV === 'development' || e.RATCHET_TLS_PROXY,
    },
    maxRecordBytes: e.RATCHET_MAX_RECORD_BYTES,
    maxRecordDepth: e.RATCHET_MAX_RECORD_DEPTH,
    actor: e.RATCHET_ACTOR,
    keyDir: resolve(e.RATCHET_KEY_DIR ?? join(homedir(), '.config', 'ratchet', 'keys')),
    webhook:
      e.RATCHET_WEBHOOK_URL === undefined || e.RATCHET_WEBHOOK_SECRET === undefined
        ? undefined
        : { url: e.RATCHET_WEBHOOK_URL, secret: e.RATCHET_WEBHOOK_SECRET, allowPrivate: e.RATCHET_WEBHOOK_ALLOW_PRIVATE },
    logLevel: e.LOG_LEVEL,
    temporal: {
      ...{ address: e.TEMPORAL_ADDRESS, namespace: e.TEMPORAL_NAMESPACE, taskQueue: e.TEMPORAL_TASK_QUEUE, gpuTaskQueue: e.TEMPORAL_GPU_TASK_QUEUE, apiKey: e.TEMPORAL_API_KEY, tls },
      version: e.TEMPORAL_WORKER_BUILD_ID === undefined ? undefined : { deploymentName: e.TEMPORAL_DEPLOYMENT_NAME ?? e.TEMPORAL_TASK_QUEUE, buildId: e.TEMPORAL_WORKER_BUILD_ID },
    },
    kafka: {
      brokers: e.KAFKA_BROKERS,
      ssl: e.KAFKA_TLS_CA === undefined ? e.KAFKA_TLS : { ca: [read(e.KAFKA_TLS_CA, 'KAFKA_TLS_CA').toString('utf8')] },
      sasl:
        e.KAFKA_SASL_MECHANISM === undefined
          ? undefined
          : { mechanism: e.KAFKA_SASL_MECHANISM, username: e.KAFKA_SASL_USERNAME ?? '', password: e.KAFKA_SASL_PASSWORD ?? '' },
      topics: { interactions: e.KAFKA_TOPIC_INTERACTIONS, corrections: e.KAFKA_TOPIC_CORRECTIONS },
      group: e.KAFKA_GROUP,
    },
    vllm: { replicas: e.VLLM_REPLICAS, evaluationReplicas: e.VLLM_EVALUATION_REPLICAS ?? [], apiKey: e.VLLM_API_KEY, maxLoraRank: e.VLLM_MAX_LORA_RANK },
    judge: e.JUDGE_URL === undefined ? undefined : { url: e.JUDGE_URL[0], apiKey: e.JUDGE_API_KEY },
    replicaWaitMs: e.VLLM_REPLICA_WAIT_SECONDS * 1000,
    isolation: { intervalMs: e.ISOLATION_INTERVAL_SECONDS * 1000, maxShare: e.ISOLATION_MAX_SHARE },
    gatewayUrls: e.GATEWAY_URLS ?? [hereUrl(e.RATCHET_TLS_CERT === undefined ? 'http' : 'https', e.GATEWAY_HOST, e.GATEWAY_PORT)],
    gateway: { host: e.GATEWAY_HOST, port: e.GATEWAY_PORT, allowBaseArm: e.GATEWAY_ALLOW_BASE, allowOpen: e.GATEWAY_ALLOW_OPEN, timeoutMs: e.GATEWAY_TIMEOUT_MS, firstByteMs: e.GATEWAY_FIRST_BYTE_TIMEOUT_MS, maxBodyBytes: e.GATEWAY_MAX_BODY_BYTES, maxInFlight: e.GATEWAY_MAX_IN_FLIGHT },
    spoolMaxBytes: e.GATEWAY_SPOOL_MAX_BYTES,
    api: { host: e.API_HOST, port: e.API_PORT, tokens: e.API_TOKEN ?? [], maxBodyBytes: e.API_MAX_BODY_BYTES },
    metrics: { host: e.METRICS_HOST, port: e.METRICS_PORT },
    otlpEndpoint: e.OTEL_EXPORTER_OTLP_ENDPOINT,
  };
}

/** How a process of this machine reaches a server that binds to this address. */
function hereUrl(scheme: string, host: string, at: number): string {
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${scheme}://${reached.includes(':') ? `[${reached}]` : reached}:${at}`;
}

/** The fixed layout under RATCHET_HOME. The Python worker uses the same names (gpu-worker/ratchet_gpu/home.py). */
export const homePaths = (home: string) => ({
  database: join(home, 'ratchet.db'),
  blobs: join(home, 'blobs'),
  adapters: join(home, 'adapters'),
  runs: join(home, 'runs'),
  reports: join(home, 'reports'),
  traces: join(home, 'traces.jsonl'),
  keys: join(home, 'keys.json'),
  spool: join(home, 'spool'),
});
