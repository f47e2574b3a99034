// Every contract, under one import.
export * from './common.ts';
export * from './interaction.ts';
export * from './correction.ts';
export * from './failure.ts';
export * from './dataset.ts';
export * from './policy.ts';
export * from './judge.ts';
export * from './workload.ts';
export * from './suite.ts';
export * from './adapter.ts';
export * from './verdict.ts';
export * from './channel.ts';
export * from './approval.ts';
export * from './schedule.ts';
export * from './watch.ts';
export * from './run.ts';
export * from './training.ts';
