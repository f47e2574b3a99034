// What commands share: settings, stores and the Temporal client, each opened only when a command needs it.
import type { Client } from '@temporalio/client';
import type { Digest, RunRecord } from '../core/contracts/index.ts';
import { RatchetError } from '../core/errors.ts';
import { openBlobStore } from '../stores/blobs.ts';
import { createAdapterFiles } from '../stores/adapters.ts';
import type { BlobStore, MetadataStore, NodeKind, ServingTarget } from '../stores/ports.ts';
import { openMetadataStore } from '../stores/sqlite/index.ts';
import { readWorkloads, type LoadedWorkload } from '../stores/workloads.ts';
import { homePaths, parseConfig, type Config } from '../workers/config.ts';
import { createOutput, type Output } from './output.ts';

export interface Context {
  config: Config;
  out: Output;
  store(): Promise<MetadataStore>;
  blobs(): Promise<BlobStore>;
  workloads(): Promise<Map<string, LoadedWorkload>>;
  /** The named workload, or the only one. */
  workload(name?: string): Promise<LoadedWorkload>;
  /** @param connectTimeoutMs of the first call; the connection is shared */
  temporal(connectTimeoutMs?: number): Promise<Client>;
  close(): Promise<void>;
}

export function createContext(options: { json?: boolean | undefined }): Context {
  const config = parseConfig(process.env);
  const paths = homePaths(config.home);
  const closers: (() => Promise<void>)[] = [];
  const once = <T, A extends unknown[] = []>(open: (...args: A) => Promise<T>, close?: (value: T) => Promise<void>) => {
    let pending: Promise<T> | undefined;
    return (...args: A) => {
      pending ??= open(...args).then((value) => {
        if (close) closers.push(() => close(value));
        return value;
      });
      return pending;
    };
  };
  const workloads = once(() => readWorkloads(config.workloadFiles));
  return {
    config,
    out: createOutput(options.json ?? false),
    store: once(() => openMetadataStore(paths.database), (store) => store.close()),
    blobs: once(() => openBlobStore(paths.blobs)),
    workloads,
    workload: async (name) => {
      const all = await workloads();
      if (name === undefined && all.size > 1) throw new RatchetError('REQUEST_INVALID', `several workloads are configured: name one of ${[...all.keys()].join(', ')} with --workload`);
      const found = name === undefined ? [...all.values()][0] : all.get(name);
      if (!found) throw new RatchetError('NOT_FOUND', `no workload ${name ?? ''}; configured: ${[...all.keys()].join(', ')}`);
      return found;
    },
    temporal: once(
      async (connectTimeout: number = 5000) => {
        // 190 ms of modules, that most commands can do without; so for the replicas' below.
        const { Client, Connection } = await import('@temporalio/client');
        try {
          const { address, apiKey, tls, namespace } = config.temporal;
          const connection = await Connection.connect({ address, tls: tls ?? null, ...(apiKey === undefined ? {} : { apiKey }), connectTimeout });
          return new Client({ connection, namespace });
        } catch (error) {
          throw new RatchetError('TEMPORAL_UNAVAILABLE', `no answer from ${config.temporal.address}`, { cause: error });
        }
      },
      (client) => client.connection.close(),
    ),
    close: async () => {
      for (const close of closers.reverse()) await close();
    },
  };
}

/** Resolves a full id or the start of one (with or without `sha256:`) to the one thing of these kinds. */
export async function resolveId(store: MetadataStore, text: string, kinds?: readonly NodeKind[]): Promise<{ kind: NodeKind; id: string }> {
  const candidates = [text, ...(/^[0-9a-f]{4,64}$/.test(text) ? [`sha256:${text}`] : [])];
  const found = (await Promise.all(candidates.map((prefix) => store.findIds(prefix, 50)))).flat();
  const fitting = found.filter((hit) => !kinds || kinds.includes(hit.kind));
  const unique = [...new Map(fitting.map((hit) => [`${hit.kind} ${hit.id}`, hit])).values()];
  const exact = unique.filter((hit) => candidates.includes(hit.id));
  const hits = exact.length > 0 ? exact : unique;
  const [first] = hits;
  if (!first) throw new RatchetError('NOT_FOUND', `nothing starts with ${text}${kinds ? ` among ${kinds.join(', ')}` : ''}`);
  if (new Set(hits.map((hit) => hit.id)).size > 1) {
    throw new RatchetError('AMBIGUOUS_ID', `${text} fits ${hits.slice(0, 5).map((hit) => `${hit.kind} ${hit.id}`).join(', ')}${hits.length > 5 ? ' …' : ''}`);
  }
  return first;
}

export async function findRun(store: MetadataStore, id: string): Promise<RunRecord> {
  const exact = await store.run(id);
  if (exact) return exact;
  const run = await store.run((await resolveId(store, id, ['run'])).id);
  if (!run) throw new RatchetError('NOT_FOUND', `no run ${id}`);
  return run;
}

/** The named channel, or the only one. */
export async function channelName(context: Context, name: string | undefined): Promise<string> {
  if (name !== undefined) return name;
  const channels = [...(await context.workloads()).values()].map(({ workload }) => workload.channel);
  const [only = '', ...others] = channels;
  if (others.length > 0) throw new RatchetError('REQUEST_INVALID', `several channels are configured: name one of ${channels.join(', ')}`);
  return only;
}

export const asDigest = (id: string): Digest => id;

/** The replicas, for commands that put an adapter back. */
export async function servingTarget(context: Context): Promise<ServingTarget> {
  const { config } = context;
  const { createVllmTarget } = await import('../stores/vllm.ts');
  const files = createAdapterFiles({ blobs: await context.blobs(), dir: homePaths(config.home).adapters });
  const [first] = (await context.workloads()).values();
  return createVllmTarget({ ...config.vllm, baseModel: first?.workload.baseModel ?? '', materialize: files.materialize });
}
