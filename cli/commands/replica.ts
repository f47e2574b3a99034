// `ratchet replica`: the vLLM replicas, and taking one out of traffic or putting it back by hand.
import type { Command } from 'commander';
import { RatchetError } from '../../core/errors.ts';
import { action } from '../action.ts';
import type { Context } from '../context.ts';
import { fleetRows } from '../fleet.ts';
import { short, table } from '../output.ts';

async function mark(context: Context, url: string, inTraffic: boolean, reason: string): Promise<void> {
  const replica = url.replace(/\/+$/, '');
  if (!context.config.vllm.replicas.includes(replica)) throw new RatchetError('NOT_FOUND', `VLLM_REPLICAS names no ${replica}; it has ${context.config.vllm.replicas.join(', ')}`);
  const changed = await (await context.store()).markReplica({ replica, inTraffic, cause: 'person', reason, by: context.config.actor, at: new Date().toISOString() });
  context.out.result({ replica, inTraffic, changed }, (value) => `${value.replica} ${value.changed ? 'is' : 'was already'} ${value.inTraffic ? 'in traffic' : 'out of traffic'}; gateways follow within a second`);
}

export function addReplica(program: Command): void {
  const replica = program.command('replica').description('vLLM replicas: what each serves, and which may answer');
  replica
    .command('ls')
    .description('ask every replica what it serves and compare it with what is live')
    .action(
      action<[]>(async (context) => {
        const rows = await fleetRows(context, await (await context.store()).channels());
        context.out.result(rows, (value) => table(['replica', 'engine', 'adapters', 'alarms', 'out since', 'by', 'why'], value.map((row) => [row.replica, row.engineBuild, row.adapters.map(short).join(' '), row.alarms.join(', '), row.out?.at, row.out?.by, row.out?.reason])));
      }),
    );
  replica
    .command('remove <url>')
    .description('take a replica out of traffic until a person puts it back')
    .requiredOption('--reason <text>', 'why, for the audit trail')
    .addHelpText('after', '\nExample:\n  ratchet replica remove http://10.0.0.7:8000 --reason "memory errors since noon"')
    .action(action<[string, { reason: string }]>((context, url, { reason }) => mark(context, url, false, reason)));
  replica
    .command('return <url>')
    .description('put a replica back into traffic, whoever took it out; the next isolation check may take it out again')
    .requiredOption('--reason <text>', 'why, for the audit trail')
    .addHelpText('after', '\nExample:\n  ratchet replica return http://10.0.0.7:8000 --reason "restarted with the plugin"')
    .action(action<[string, { reason: string }]>((context, url, { reason }) => mark(context, url, true, reason)));
}
