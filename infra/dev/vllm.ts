// Starts the real vLLM OpenAI server on this machine's CPU, with run-time LoRA loading.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { cacheDir, demoModelDir, pythonBin, requireInstalled } from './paths.ts';
import { freePorts } from './ports.ts';
import { startProcess, untilReady, type RunningProcess, type WaitOptions } from './process.ts';

export type VllmServer = RunningProcess & {
  /** Base URL without a path: `${url}/v1/chat/completions`. */
  url: string;
  port: number;
};

export type VllmOptions = WaitOptions & {
  /** Keeps the log. */
  dir: string;
  modelDir?: string;
  /** The name that clients give for the base model. */
  servedModelName?: string;
  /** For a restart at the same address. */
  port?: number;
  /** Guards /v1; given to vLLM in its environment, where no process list shows it. */
  apiKey?: string;
  /** false leaves our plugin (entry point vllm.general_plugins) out, to show what the engine does alone. */
  plugin?: boolean;
  maxModelLen?: number;
  maxLoras?: number;
  /** Default: one for each core. Two servers on one machine spin on each other's cores with more than their share. */
  threads?: number;
};

/** Starts vLLM and waits until /health answers. Its API server, engine and worker processes all end with `stop`. */
export async function startVllm(options: VllmOptions): Promise<VllmServer> {
  const [freePort = 0] = await freePorts(1);
  const port = options.port ?? freePort;
  const server = await startProcess({
    name: 'vllm',
    command: requireInstalled(pythonBin, 'vLLM'),
    args: ['-m', 'vllm.entrypoints.openai.api_server', ...serverArguments(options, port)],
    env: serverEnvironment(options),
    logDir: options.dir,
    graceMs: 20_000,
  });
  const url = `http://127.0.0.1:${port}`;
  await untilReady(server, async () => (await fetch(`${url}/health`, { signal: AbortSignal.timeout(2_000) })).ok, {
    ...options,
    timeoutMs: 300_000,
  });
  return { ...server, url, port };
}

function serverArguments(options: VllmOptions, port: number): string[] {
  const modelDir = options.modelDir ?? requireInstalled(demoModelDir, 'the demo model');
  return [
    ...['--host', '127.0.0.1', '--port', String(port)],
    ...['--model', modelDir, '--served-model-name', options.servedModelName ?? 'smollm2-135m-instruct', '--dtype', 'bfloat16'],
    ...['--max-model-len', String(options.maxModelLen ?? 2048), '--max-num-seqs', '32', '--enable-prefix-caching'],
    // Live, former and candidate at once, and one to spare while a load overlaps an unload.
    ...['--enable-lora', '--max-loras', String(options.maxLoras ?? 4), '--max-lora-rank', '16'],
    // Request lines would tell who asks when; request bodies are never logged by default.
    '--disable-uvicorn-access-log',
  ];
}

function serverEnvironment(options: VllmOptions): Record<string, string | undefined> {
  return {
    VLLM_ALLOW_RUNTIME_LORA_UPDATING: 'True',
    VLLM_API_KEY: options.apiKey,
    // Ours alone, whatever else an installed package would load into the server.
    VLLM_PLUGINS: options.plugin === false ? '' : 'ratchet_lora',
    VLLM_TARGET_DEVICE: 'cpu',
    VLLM_CPU_KVCACHE_SPACE: '1',
    // One thread per core, left to the scheduler: bound threads would keep a trainer on the same cores from its turn.
    VLLM_CPU_OMP_THREADS_BIND: 'nobind',
    OMP_NUM_THREADS: String(options.threads ?? availableParallelism()),
    VLLM_CACHE_ROOT: join(cacheDir, 'vllm'),
    VLLM_CONFIG_ROOT: join(cacheDir, 'vllm', 'config'),
    // Its processes talk over the first network address otherwise, which need not be this machine's own.
    VLLM_HOST_IP: '127.0.0.1',
    GLOO_SOCKET_IFNAME: 'lo',
    HF_HUB_OFFLINE: '1',
    VLLM_NO_USAGE_STATS: '1',
    DO_NOT_TRACK: '1',
    VLLM_LOGGING_COLOR: '0',
  };
}
