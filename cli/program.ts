// Puts the commands together; cli/main.ts runs them, scripts/generate.ts writes their reference.
import { Command } from 'commander';
import { EXIT } from './exit-codes.ts';
import { addAdapter } from './commands/adapter.ts';
import { addApproval } from './commands/approval.ts';
import { addChannel } from './commands/channel.ts';
import { addDataset } from './commands/dataset.ts';
import { addDemo } from './commands/demo.ts';
import { addDetect } from './commands/detect.ts';
import { addDev } from './commands/dev.ts';
import { addDlq } from './commands/dlq.ts';
import { addDoctor } from './commands/doctor.ts';
import { addFailures } from './commands/failures.ts';
import { addGate } from './commands/gate.ts';
import { addGatewayKey } from './commands/gateway-key.ts';
import { addImport } from './commands/import.ts';
import { addKey } from './commands/key.ts';
import { addLabel } from './commands/label.ts';
import { addReplica } from './commands/replica.ts';
import { addRun } from './commands/run.ts';
import { addSchedule } from './commands/schedule.ts';
import { addSuite } from './commands/suite.ts';
import { addTrace } from './commands/trace.ts';
import { addWatch } from './commands/watch.ts';
import { addWorkload } from './commands/workload.ts';

export function buildProgram(): Command {
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

  for (const add of [addDev, addDemo, addDetect, addImport, addRun, addSchedule, addFailures, addDlq, addDataset, addAdapter, addLabel, addGate, addGatewayKey, addApproval, addKey, addChannel, addReplica, addWatch, addTrace, addWorkload, addSuite, addDoctor]) add(program);
  return program;
}
