// Every workflow as a pipeline worker with a build runs it: a night ends within hours, so it stays on the build that began it.
// In a file of its own since Temporal takes no versioning behaviour from a worker without a build.
import { setWorkflowOptions } from '@temporalio/workflow';
import { nightlyRetrain } from './nightly-retrain.ts';

export * from './index.ts';

setWorkflowOptions({ versioningBehavior: 'PINNED' }, nightlyRetrain);
