// Every workflow that a pipeline worker runs.
export { earlyStart } from './early-start.ts';
export { nightlyRetrain } from './nightly-retrain.ts';
export { promotion } from './promotion.ts';
export { rollback } from './rollback.ts';
export { watchChannel } from './watch-channel.ts';
