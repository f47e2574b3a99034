// `ratchet key`: a person's own approval key, and whose keys count.
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { ApproverName, ChannelName, type ApproverKey } from '../../core/contracts/index.ts';
import { keyIdOf, parsePublicKey } from '../../core/approval/keys.ts';
import { samePerson } from '../../core/approval/rules.ts';
import { RatchetError } from '../../core/errors.ts';
import type { MetadataStore } from '../../stores/ports.ts';
import { action } from '../action.ts';
import { makeKey, ownKeys } from '../approver-keys.ts';
import { fields, short, table } from '../output.ts';
import { readPassphrase } from '../passphrase.ts';

/** By the start of its id, or by the name it is enrolled under. */
async function enrolledKey(store: MetadataStore, text: string): Promise<ApproverKey> {
  const keys = await store.approverKeys();
  const prefix = text.startsWith('sha256:') ? text : `sha256:${text}`;
  const hits = keys.filter((key) => key.keyId.startsWith(prefix) || key.name === text);
  const [first] = hits;
  if (!first) throw new RatchetError('NOT_FOUND', `no enrolled key starts with ${text} or is ${text}'s`);
  if (hits.length > 1) throw new RatchetError('AMBIGUOUS_ID', `${text} fits ${hits.map((key) => `${short(key.keyId)} (${key.name})`).join(', ')}`);
  return first;
}

/** Says whose a public key is and where it counts. */
export async function enrol(store: MetadataStore, input: { publicKey: string; name: string; channels: string[]; by: string; at: string }): Promise<ApproverKey> {
  const { publicKey, name, channels, by, at } = input;
  if (!ApproverName.safeParse(name).success) throw new RatchetError('REQUEST_INVALID', '--as: a name has letters, digits, spaces and . _ @ + -, and at most 80 of them');
  const wrong = channels.find((channel) => channel !== '*' && !ChannelName.safeParse(channel).success);
  if (wrong !== undefined) throw new RatchetError('REQUEST_INVALID', `--channel: ${wrong} does not look like tickets/production`);
  const key: ApproverKey = { schemaVersion: 1, keyId: keyIdOf(publicKey), publicKey, name, channels, enrolledBy: by, enrolledAt: at, revoked: null };
  await store.enrolKey(key);
  return key;
}

const keyFields = (key: ApproverKey): string =>
  fields([
    ['key', key.keyId],
    ['name', key.name],
    ['may decide in', key.channels.join(', ')],
    ['public key', key.publicKey],
    ['enrolled', `by ${key.enrolledBy} at ${key.enrolledAt}`],
    ['revoked', key.revoked && `by ${key.revoked.by} at ${key.revoked.at}: ${key.revoked.reason}`],
  ]);

export function addKey(program: Command): void {
  const key = program.command('key').description('keys that sign approvals: your own, and whose count');

  key
    .command('new')
    .description('make your own key; the private half stays in RATCHET_KEY_DIR, readable by you alone')
    .option('--name <name>', 'name of the files (default: RATCHET_ACTOR)')
    .option('--passphrase', 'lock the private half by a passphrase, asked for now and at each use')
    .option('--passphrase-file <path>', 'read the passphrase from the first line of a file')
    .addHelpText('after', '\nExamples:\n  ratchet key new\n  ratchet key new --name dana --passphrase')
    .action(
      action<[{ name?: string; passphrase?: boolean; passphraseFile?: string }]>(async (context, options) => {
        const { config, out } = context;
        const locked = options.passphrase === true || options.passphraseFile !== undefined;
        const passphrase = locked ? await readPassphrase('passphrase for the new key', options.passphraseFile) : undefined;
        if (passphrase !== undefined && passphrase.length < 8) throw new RatchetError('REQUEST_INVALID', 'a passphrase has 8 characters or more');
        if (locked && options.passphraseFile === undefined && passphrase !== (await readPassphrase('once more'))) throw new RatchetError('REQUEST_INVALID', 'the two differ');
        const made = await makeKey(config.keyDir, options.name ?? config.actor, passphrase);
        out.result({ ...made, locked }, (value) =>
          [
            fields([['key', value.keyId], ['private half', `${value.files.private} (keep it to yourself)`], ['public half', value.files.public]]),
            `\nHave it enrolled by whoever looks after the store:\n  ratchet key enrol ${value.files.public} --as ${value.name} --channel WORKLOAD/production`,
          ].join('\n'),
        );
      }),
    );

  key
    .command('enrol <public>')
    .description('let a public key decide: a .pub file or its base64; kept with who enrolled it and when')
    .requiredOption('--as <name>', 'the person whose key it is, as the audit trail will say')
    .option('--channel <name...>', 'channels in which it may decide')
    .option('--all-channels', 'it may decide everywhere')
    .addHelpText(
      'after',
      '\nWhoever can write the store decides whose keys count. In production nobody enrols a key in their own name.\nExamples:\n  ratchet key enrol dana.pub --as dana --channel tickets/production\n  ratchet key enrol erin.pub --as erin --all-channels',
    )
    .action(
      action<[string, { as: string; channel?: string[]; allChannels?: boolean }]>(async (context, given, options) => {
        const { config, out } = context;
        const channels = options.allChannels === true ? ['*'] : (options.channel ?? []);
        if (channels.length === 0) throw new RatchetError('REQUEST_INVALID', 'where may it decide? Give --channel or --all-channels');
        if (config.environment === 'production' && samePerson(options.as, config.actor)) throw new RatchetError('APPROVER_BARRED', `${config.actor} cannot enrol a key for ${options.as}: in production another person does`);
        const publicKey = parsePublicKey(await readFile(given, 'utf8').catch(() => given));
        const enrolled = await enrol(await context.store(), { publicKey, name: options.as, channels, by: config.actor, at: new Date().toISOString() });
        out.result(enrolled, keyFields);
      }),
    );

  key
    .command('revoke <key>')
    .description('a key counts no longer, also for promotions that it has approved and that still wait')
    .option('--reason <text>', 'why, for the audit trail', 'revoked by hand')
    .addHelpText('after', '\nThe key is named by the start of its id, or by its person. It cannot be enrolled again.\nExample:\n  ratchet key revoke dana --reason "laptop lost"')
    .action(
      action<[string, { reason: string }]>(async (context, id, options) => {
        const store = await context.store();
        const { keyId } = await enrolledKey(store, id);
        context.out.result(await store.revokeKey(keyId, { by: context.config.actor, at: new Date().toISOString(), reason: options.reason.slice(0, 500) }), keyFields);
      }),
    );

  key
    .command('ls')
    .description('whose keys count, and which of them are yours')
    .action(
      action<[]>(async (context) => {
        const [enrolled, own] = [await (await context.store()).approverKeys(), await ownKeys(context.config.keyDir)];
        const mine = new Set(own.map(({ keyId }) => keyId));
        const result = { enrolled: enrolled.map((row) => ({ ...row, mine: mine.has(row.keyId) })), notEnrolled: own.filter(({ keyId }) => !enrolled.some((row) => row.keyId === keyId)) };
        context.out.result(result, (value) =>
          [
            table(['key', 'name', 'channels', 'state', 'enrolled by', 'when', 'yours'], value.enrolled.map((row) => [short(row.keyId), row.name, row.channels.join(', '), row.revoked ? 'revoked' : 'counts', row.enrolledBy, row.enrolledAt, row.mine ? 'yes' : ''])),
            ...value.notEnrolled.map((row) => `\nyour key ${row.name} (${short(row.keyId)}) is not enrolled: ratchet key enrol ${row.files.public} --as ${row.name} --channel WORKLOAD/production`),
          ].join('\n'),
        );
      }),
    );

  key
    .command('show <key>')
    .description('one enrolled key: whose, where it counts, who enrolled and who revoked it')
    .action(
      action<[string]>(async (context, id) => {
        context.out.result(await enrolledKey(await context.store(), id), keyFields);
      }),
    );
}
