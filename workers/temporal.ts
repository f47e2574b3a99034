// Connects to Temporal, waiting while it is away, and builds the worker that runs workflows and TypeScript steps.
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { OpenTelemetryPlugin } from '@temporalio/interceptors-opentelemetry-v2';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker, type WorkflowBundle } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { Activities } from '../activities/index.ts';
import type { Config } from './config.ts';
import type { Telemetry } from './telemetry.ts';

export type { Worker };
const workflowsPath = fileURLToPath(new URL('../workflows/index.ts', import.meta.url));
const workflowsOfABuildPath = fileURLToPath(new URL('../workflows/of-a-build.ts', import.meta.url));

const RETRY_MS = 2_000;
/** How long running steps may take to end by themselves when the worker stops; then they are cancelled and tried again elsewhere. */
const SHUTDOWN_GRACE = '10 seconds';
/** temporal.api.enums.v1.TaskQueueType */
const WORKFLOW_TASK_QUEUE = 1;

/** Sends what the SDK has to say (warnings, errors) into the process's own log. */
export function logTemporalTo(logger: Logger): void {
  Runtime.install({ logger: new DefaultLogger('WARN', ({ level, message, meta }) => logger[level === 'ERROR' ? 'error' : 'warn']({ ...meta, error: undefined }, message)) });
}

/** Connects; while Temporal does not answer, says so and tries again. */
export async function connectTemporal({ address, tls, apiKey }: Config['temporal'], logger: Logger): Promise<NativeConnection> {
  for (;;) {
    try {
      return await NativeConnection.connect({ address, tls, apiKey });
    } catch {
      logger.warn({ address }, `TEMPORAL_UNAVAILABLE: Temporal does not answer at ${address}; trying again every ${RETRY_MS / 1000} s. Check TEMPORAL_ADDRESS and that the server runs.`);
      await sleep(RETRY_MS);
    }
  }
}

export interface PipelineWorkerOptions {
  connection: NativeConnection;
  namespace: string;
  taskQueue: string;
  activities: Activities;
  telemetry: Pick<Telemetry, 'resource' | 'spanProcessor'>;
  version?: Config['temporal']['version'];
  /** Made before by bundleWorkflows; otherwise the worker makes its own. */
  workflowBundle?: WorkflowBundle;
}

/** The workflow code with its tracing in one file, as it runs in the sandbox. */
export function bundleWorkflows(telemetry: PipelineWorkerOptions['telemetry'], path = workflowsPath): Promise<WorkflowBundle> {
  return bundleWorkflowCode({ workflowsPath: path, plugins: [new OpenTelemetryPlugin(telemetry)], logger: new DefaultLogger('WARN') });
}

/** Traces go on from the workflow into its steps, in both languages, by the header `_tracer-data`. */
export function createPipelineWorker({ telemetry, version, ...options }: PipelineWorkerOptions): Promise<Worker> {
  return Worker.create({
    ...options,
    ...(options.workflowBundle === undefined ? { workflowsPath: version === undefined ? workflowsPath : workflowsOfABuildPath } : {}),
    // Nights apart (workflows/of-a-build.ts), all go on with the current build: what waits for days must not need an old one.
    ...(version === undefined ? {} : { workerDeploymentOptions: { version, useWorkerVersioning: true, defaultVersioningBehavior: 'AUTO_UPGRADE' as const } }),
    plugins: [new OpenTelemetryPlugin(telemetry)],
    shutdownGraceTime: SHUTDOWN_GRACE,
  });
}

/** Says when new runs go to another build than this one: nothing else would tell why a worker stands idle. */
export async function warnUnlessCurrent(connection: NativeConnection, { namespace, taskQueue, version }: Config['temporal'], logger: { warn(fields: object, words: string): void }): Promise<void> {
  const { versioningInfo } = await connection.workflowService.describeTaskQueue({ namespace, taskQueue: { name: taskQueue }, taskQueueType: WORKFLOW_TASK_QUEUE });
  const current = versioningInfo?.currentDeploymentVersion;
  if (current?.buildId === version?.buildId && current?.deploymentName === version?.deploymentName) return;
  const [to, deployment] = version === undefined ? ['--unversioned', current?.deploymentName] : [`--build-id ${version.buildId}`, version.deploymentName];
  logger.warn({ build: version?.buildId ?? null, current: current?.buildId ?? null }, `new runs go to ${current?.buildId ?? 'workers without a build'}, not to this worker: \`temporal worker deployment set-current-version --deployment-name ${deployment} ${to}\` changes that (docs/guides/upgrade-workers.md)`);
}
