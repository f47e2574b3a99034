// `ratchet doctor`: says what is missing, and how to get it.
import { existsSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { safeMessage } from '../../core/errors.ts';
import { javaBin, kafkaDir, pythonBin, temporalBin } from '../../infra/dev/paths.ts';
import { readTls } from '../../stores/http-server.ts';
import { kafkaClient } from '../../stores/kafka.ts';
import { action } from '../action.ts';
import type { Context } from '../context.ts';
import { fleetRows } from '../fleet.ts';
import { EXIT } from '../exit-codes.ts';
import { table } from '../output.ts';

interface Check {
  name: string;
  /** `parts` are on this machine, `servers` may be elsewhere or simply not running. */
  kind: 'parts' | 'servers';
  run(): Promise<string> | string;
  hint: string;
}

class Missing extends Error {}

const present = (path: string, shown: string) => (): string => {
  if (!existsSync(path)) throw new Missing('not installed');
  return shown;
};

function checks(context: Context): Check[] {
  const { config } = context;
  const setup = 'Run: npm run setup';
  return [
    { name: 'Node', kind: 'parts', hint: setup, run: () => {
      if (Number(process.versions.node.split('.')[0]) < 24) throw new Missing(`this is ${process.version}; 24 is needed`);
      return process.version;
    } },
    { name: 'Python environment', kind: 'parts', hint: setup, run: present(pythonBin, 'installed') },
    { name: 'Temporal server', kind: 'parts', hint: setup, run: present(temporalBin, 'installed') },
    { name: 'Apache Kafka', kind: 'parts', hint: setup, run: present(join(kafkaDir, 'classpath'), 'installed') },
    { name: 'Java for Kafka', kind: 'parts', hint: setup, run: () => (javaBin(), 'installed') },
    { name: 'disk', kind: 'parts', hint: 'Free some space; adapters, datasets and logs are kept in RATCHET_HOME.', run: () => {
      const { bavail, bsize } = statfsSync('.');
      const freeGb = (bavail * bsize) / 1e9;
      if (freeGb < 2) throw new Missing(`${freeGb.toFixed(1)} GB free`);
      return `${freeGb.toFixed(0)} GB free`;
    } },
    { name: 'workload files', kind: 'parts', hint: 'Correct the files; RATCHET_WORKLOADS names them.', run: async () => [...(await context.workloads()).keys()].join(', ') },
    { name: 'base models', kind: 'parts', hint: `${setup}, or put the model under RATCHET_MODELS.`, run: async () => {
      const models = [...new Set([...(await context.workloads()).values()].map(({ workload }) => workload.baseModel))];
      const absent = models.filter((model) => !existsSync(join(config.modelsDir, model)));
      if (absent.length > 0) throw new Missing(`no ${absent.join(', ')} in ${config.modelsDir}`);
      return models.join(', ');
    } },
    ...(config.tls.files === undefined ? [] : [config.tls.files]).map((files): Check => ({ name: 'TLS certificate', kind: 'parts', hint: 'RATCHET_TLS_CERT and RATCHET_TLS_KEY name its files.', run: () => {
      const { validTo } = readTls(files);
      if (validTo < new Date().toISOString()) throw new Missing(`expired at ${validTo}`);
      return `valid until ${validTo}`;
    } })),
    { name: 'metadata store', kind: 'parts', hint: 'Check RATCHET_HOME and its permissions.', run: async () => `${(await (await context.store()).channels()).length} channel(s)` },
    { name: `Temporal at ${config.temporal.address}`, kind: 'servers', hint: 'Start it (`ratchet dev`), or set TEMPORAL_ADDRESS.', run: async () => {
      const client = await context.temporal();
      await client.workflowService.describeNamespace({ namespace: config.temporal.namespace });
      return `namespace ${config.temporal.namespace}`;
    } },
    { name: `Kafka at ${config.kafka.brokers.join(',')}`, kind: 'servers', hint: 'Start it (`ratchet dev`), or set KAFKA_BROKERS.', run: async () => {
      const admin = kafkaClient(config.kafka, 'ratchet-doctor', { connectionTimeout: 2_000, retry: { retries: 0 } }).admin();
      try {
        await admin.connect();
        const topics = await admin.listTopics();
        const absent = Object.values(config.kafka.topics).filter((topic) => !topics.includes(topic));
        if (absent.length > 0) throw new Missing(`no topic ${absent.join(', ')}`);
        return Object.values(config.kafka.topics).join(', ');
      } finally {
        await admin.disconnect();
      }
    } },
    ...config.vllm.replicas.map((url): Check => ({ name: `vLLM at ${url}`, kind: 'servers', hint: 'Start it (`ratchet dev`), or set VLLM_REPLICAS.', run: async () => {
      const answer = await fetch(`${url}/v1/models`, { signal: AbortSignal.timeout(3000), headers: config.vllm.apiKey === undefined ? {} : { authorization: `Bearer ${config.vllm.apiKey}` } });
      if (!answer.ok) throw new Missing(`answers ${answer.status}`);
      const { data } = (await answer.json()) as { data: { id: string }[] };
      return `${data.length} model(s)`;
    } })),
    ...(config.judge === undefined ? [] : [config.judge].map(({ url, apiKey }): Check => ({ name: `judge models at ${url}`, kind: 'servers', hint: 'Start it, or set JUDGE_URL and JUDGE_API_KEY. Judges that suites do not require are left out of verdicts until then, and rows of injections stay unconfirmed.', run: async () => {
      const answer = await fetch(`${url}/v1/models`, { signal: AbortSignal.timeout(5000), headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` } });
      if (!answer.ok) throw new Missing(`answers ${answer.status}`);
      const served = ((await answer.json()) as { data: { id: string }[] }).data.map(({ id }) => id);
      const named = [...(await context.workloads()).values()].flatMap(({ workload, suites = [] }) => [workload.injectionJudge, ...suites.map(({ judge }) => judge)].flatMap((judge) => judge?.model ?? []));
      const absent = [...new Set(named)].filter((model) => !served.includes(model));
      if (absent.length > 0) throw new Missing(`does not serve ${absent.join(', ')}`);
      return `${served.length} model(s)`;
    } }))),
    { name: 'the fleet', kind: 'servers', hint: 'See `ratchet replica ls` and docs/reference/serving.md.', run: async () => {
      const rows = await fleetRows(context, await (await context.store()).channels());
      const alarms = rows.filter((row) => row.alarms.length > 0).map((row) => `${row.replica}: ${row.alarms.join(', ')}`);
      if (alarms.length > 0) throw new Missing(alarms.join('; '));
      return `${rows.length} replica(s) serve what is live, ${[...new Set(rows.map((row) => row.engineBuild))].join(' ')}`;
    } },
    { name: 'promotions and rollbacks', kind: 'servers', hint: 'A pipeline worker settles them at its start; is one running?', run: async () => {
      const store = await context.store();
      const [open, unrecorded] = [await store.openIntents(), await store.rollbacksToRecord()];
      if (unrecorded.length > 0) throw new Missing(`${unrecorded.length} rollback(s) that Temporal has not heard of`);
      return open.length === 0 ? 'none under way' : `${open.length} promotion(s) under way`;
    } },
  ];
}

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description(`check this machine, the settings and the servers; exit code ${EXIT.requirements} when a part is missing, ${EXIT.unavailable} when a server does not answer`)
    .addHelpText('after', '\nExample:\n  ratchet doctor --json')
    .action(
      action<[]>(async (context) => {
        const results: { name: string; kind: Check['kind']; ok: boolean; found: string; hint: string | null }[] = [];
        for (const check of checks(context)) {
          try {
            results.push({ name: check.name, kind: check.kind, ok: true, found: await check.run(), hint: null });
          } catch (error) {
            results.push({ name: check.name, kind: check.kind, ok: false, found: error instanceof Missing ? error.message : safeMessage(error).split('\n')[0] ?? '', hint: check.hint });
          }
        }
        context.out.result(results, (value) => [table(['', 'check', 'found'], value.map((item) => [item.ok ? 'ok' : '!!', item.name, item.found])), ...value.filter((item) => !item.ok).map((item) => `${item.name}: ${item.hint ?? ''}`)].join('\n'));
        if (results.some((item) => !item.ok && item.kind === 'parts')) process.exitCode = EXIT.requirements;
        else if (results.some((item) => !item.ok)) process.exitCode = EXIT.unavailable;
      }),
    );
}
