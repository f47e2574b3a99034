// `ratchet gateway-key`: the keys of the gateway's callers, each with its tenant and its limits.
import { hash, randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { RatchetError } from '../../core/errors.ts';
import type { CallerKey } from '../../stores/ports.ts';
import { action, positiveInt } from '../action.ts';
import { table } from '../output.ts';

interface NewOptions {
  tenant: string;
  anyTenant?: true;
  requestsPerMinute?: number;
  tokensPerMinute?: number;
}

const shown = ({ hash: _, ...key }: CallerKey) => key;
const limit = (value: number | null): string => (value === null ? 'none' : String(value));

export function addGatewayKey(program: Command): void {
  const keys = program.command('gateway-key').description("keys of the gateway's callers; from the first one on, nobody asks without");

  keys
    .command('new <name>')
    .description('make a key; it is shown once and only its hash is kept')
    .option('--tenant <tenant>', 'whose the interactions of this caller are', 'default')
    .option('--any-tenant', 'the caller may name another tenant in x-ratchet-tenant')
    .option('--requests-per-minute <n>', 'limit of each gateway process', positiveInt)
    .option('--tokens-per-minute <n>', 'limit of each gateway process, prompt and answer together', positiveInt)
    .addHelpText('after', '\nExamples:\n  ratchet gateway-key new support-bot --tenant acme --requests-per-minute 600\n  ratchet gateway-key new router --any-tenant')
    .action(
      action<[string, NewOptions]>(async (context, name, options) => {
        for (const text of [name, options.tenant]) if (!/^[\x21-\x7e]{1,128}$/.test(text)) throw new RatchetError('REQUEST_INVALID', 'name and tenant: 1 to 128 visible ASCII characters');
        const secret = `rk_${randomBytes(32).toString('base64url')}`;
        const key: CallerKey = {
          id: `k_${randomBytes(6).toString('hex')}`,
          name,
          hash: hash('sha256', secret, 'hex'),
          tenant: options.tenant,
          mayNameTenant: options.anyTenant ?? false,
          requestsPerMinute: options.requestsPerMinute ?? null,
          tokensPerMinute: options.tokensPerMinute ?? null,
          createdAt: new Date().toISOString(),
          createdBy: context.config.actor,
          revokedAt: null,
          revokedBy: null,
        };
        await (await context.store()).addCallerKey(key);
        context.out.result({ ...shown(key), key: secret }, (made) => `${made.key}\n\nkey ${made.id} of ${made.name}, tenant ${made.tenant}; it is not shown again. Callers send it as \`Authorization: Bearer rk_…\` (the OpenAI clients' apiKey).`);
      }),
    );

  keys
    .command('ls')
    .description('all keys that were ever made')
    .action(
      action(async (context) => {
        const all = (await (await context.store()).callerKeys()).map(shown);
        context.out.result(all, (list) =>
          list.length === 0
            ? 'no key: the gateway is open to programs of its own machine, and does not start beyond that'
            : table(['id', 'name', 'tenant', 'requests/min', 'tokens/min', 'made', 'by', 'revoked'], list.map((key) => [key.id, key.name, key.mayNameTenant ? `${key.tenant} or any` : key.tenant, limit(key.requestsPerMinute), limit(key.tokensPerMinute), key.createdAt, key.createdBy, key.revokedAt === null ? '-' : `${key.revokedAt} by ${key.revokedBy}`])),
        );
      }),
    );

  keys
    .command('revoke <id>')
    .description('end a key; every gateway refuses it within seconds')
    .addHelpText('after', '\nExample:\n  ratchet gateway-key revoke k_3f9a01b2c4d5')
    .action(
      action<[string]>(async (context, id) => {
        const key = await (await context.store()).revokeCallerKey(id, context.config.actor, new Date().toISOString());
        context.out.result(shown(key), (revoked) => `key ${revoked.id} of ${revoked.name} is revoked since ${revoked.revokedAt}`);
      }),
    );
}
