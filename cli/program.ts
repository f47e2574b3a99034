// Puts the commands together; cli/main.ts runs them, scripts/generate.ts writes their reference.
import { Command } from 'commander';
import { EXIT } from './exit-codes.ts';

/** Each command's own modules, in the order of the help text: a start reads only those of the command that was typed. */
const commands: Record<string, () => Promise<(program: Command) => void>> = {
  dev: async () => (await import('./commands/dev.ts')).addDev,
  demo: async () => (await import('./commands/demo.ts')).addDemo,
  detect: async () => (await import('./commands/detect.ts')).addDetect,
  import: async () => (await import('./commands/import.ts')).addImport,
  run: async () => (await import('./commands/run.ts')).addRun,
  schedule: async () => (await import('./commands/schedule.ts')).addSchedule,
  failures: async () => (await import('./commands/failures.ts')).addFailures,
  dlq: async () => (await import('./commands/dlq.ts')).addDlq,
  dataset: async () => (await import('./commands/dataset.ts')).addDataset,
  adapter: async () => (await import('./commands/adapter.ts')).addAdapter,
  label: async () => (await import('./commands/label.ts')).addLabel,
  gate: async () => (await import('./commands/gate.ts')).addGate,
  'gateway-key': async () => (await import('./commands/gateway-key.ts')).addGatewayKey,
  approvals: async () => (await import('./commands/approval.ts')).addApproval,
  key: async () => (await import('./commands/key.ts')).addKey,
  channel: async () => (await import('./commands/channel.ts')).addChannel,
  rollback: async () => (await import('./commands/channel.ts')).addChannel,
  replica: async () => (await import('./commands/replica.ts')).addReplica,
  watch: async () => (await import('./commands/watch.ts')).addWatch,
  trace: async () => (await import('./commands/trace.ts')).addTrace,
  workload: async () => (await import('./commands/workload.ts')).addWorkload,
  suite: async () => (await import('./commands/suite.ts')).addSuite,
  doctor: async () => (await import('./commands/doctor.ts')).addDoctor,
};

/** @param typed the command to come; without it, or when there is none of that name, all of them */
export async function buildProgram(typed?: string): Promise<Command> {
  const program = new Command('ratchet')
    .description('Continuous fine-tuning that only moves forward.')
    .version('0.1.0')
    .option('--json', 'print one JSON document instead of text')
    .showHelpAfterError('(add --help for usage)')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText(
      'after',
      `
Settings come from the environment (docs/reference/config.md). Ids may be shortened to any unique start.

Exit codes: ${EXIT.ok} done, ${EXIT.failed} failed, ${EXIT.usage} wrong usage, settings or workload file, ${EXIT.requirements} something is missing on this machine,
${EXIT.notFound} not found, ${EXIT.conflict} conflict (another change won, or an approval is void), ${EXIT.unavailable} a server does not answer, ${EXIT.found} failures found (detect --fail-on-found),
${EXIT.notAsAnnounced} an act did not end as announced (demo --tour), ${EXIT.interrupted} interrupted.

Examples:
  ratchet demo                     the whole loop on real parts
  ratchet dev                      the servers and workers, until Ctrl-C
  ratchet run start                a night, now
  ratchet trace tickets/production what is live, and every row behind it`,
    );

  const one = typed !== undefined && Object.hasOwn(commands, typed) ? commands[typed] : undefined;
  const adders = await Promise.all((one ? [one] : Object.values(commands)).map((load) => load()));
  for (const add of new Set(adders)) add(program);
  return program;
}
