// A pipeline worker as a process of its own over a stand-in engine, so that a test can kill it: `node pipeline-process.ts DIR WORKLOAD ADDRESS`.
import { join } from 'node:path';
import { NativeConnection } from '@temporalio/worker';
import { createActivities } from '../../activities/index.ts';
import { openBlobStore } from '../../stores/blobs.ts';
import { openKeys } from '../../stores/keys.ts';
import { createRedactors } from '../../stores/redactors.ts';
import { openMetadataStore } from '../../stores/sqlite/index.ts';
import { readWorkloads } from '../../stores/workloads.ts';
import { homePaths, parseConfig } from '../../workers/config.ts';
import { createLogger } from '../../workers/log.ts';
import { startTelemetry } from '../../workers/telemetry.ts';
import { createPipelineWorker, logTemporalTo } from '../../workers/temporal.ts';
import { standInTarget } from './stand-in-target.ts';

const [dir = '', workload = '', address = '', taskQueue = ''] = process.argv.slice(2);
const home = join(dir, 'home');
const config = parseConfig({ RATCHET_HOME: home, LOG_LEVEL: 'silent' });
const logger = createLogger(config, 'pipeline-process');
logTemporalTo(logger);
const paths = homePaths(home);
const [workloads, store, blobs] = await Promise.all([readWorkloads([join(dir, 'workloads', `${workload}.yaml`)]), openMetadataStore(paths.database), openBlobStore(paths.blobs)]);
const redactors = createRedactors(await openKeys(paths.keys));
const target = standInTarget(join(dir, 'engines', workload));
const activities = createActivities({ store, blobs, target, workloads, redactors, home, logger, clock: () => new Date(), gpu: { taskQueue: 'flow-gpu' } });
const connection = await NativeConnection.connect({ address });
const worker = await createPipelineWorker({ connection, namespace: 'default', taskQueue, activities, telemetry: startTelemetry(config, 'pipeline-process') });
await worker.run();
