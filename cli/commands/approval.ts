// `ratchet approvals`: what waits for a person, what it would change, and a person's signed decision on it.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { approvalsOf } from '../../activities/approval.ts';
import { approvalSummary } from '../../activities/approval-summary.ts';
import { publicKeyObject } from '../../core/approval/keys.ts';
import { approversNeeded, approversOf } from '../../core/approval/rules.ts';
import { faultsOf, statementBytes } from '../../core/approval/statement.ts';
import { Approval } from '../../core/contracts/index.ts';
import { digestOfJson } from '../../core/digest.ts';
import { RatchetError } from '../../core/errors.ts';
import { action, positiveInt } from '../action.ts';
import { stateOf, summaryText, timeLeft } from '../approval-text.ts';
import { resolveId, type Context } from '../context.ts';
import { decideOn, findPromotion } from '../decide.ts';
import { EXIT } from '../exit-codes.ts';
import { fields, short, table } from '../output.ts';

function addDecision(parent: Command, decision: 'approve' | 'reject', path: string): void {
  parent
    .command(`${decision} <run>`)
    .description(`${decision === 'approve' ? 'sign for the promotion of a candidate that waits' : 'sign against a candidate that waits; the live adapter stays'}${path === '' ? ` (short for \`approvals ${decision}\`)` : ''}`)
    .option('--comment <text>', 'why, for the audit trail')
    .option('--key <name>', 'which of your keys, when several are enrolled')
    .option('--passphrase-file <path>', 'read the passphrase of your key from the first line of a file')
    .addHelpText('after', `\nThe decision is signed with your own key (\`ratchet key new\`). It names the digests of adapter, dataset, evaluation, verdict and gate policy\nand the generation it expects, and is void when any of them changed.\nExample:\n  ratchet ${path}${decision} nightly/tickets-2026-01-02 --comment "checked ten flips"`)
    .action(
      action<[string, { comment?: string; key?: string; passphraseFile?: string }]>(async (context, id, options) => {
        const decided = await decideOn(context, id, { decision, ...options });
        const { statement, approvers, needed } = decided;
        context.out.result({ ...statement, approvers, needed }, (value) =>
          fields([
            [value.decision === 'approve' ? 'approved' : 'rejected', value.candidateDigest],
            ['verdict', value.verdictDigest],
            ['channel', `${value.channel}, in place of generation ${value.expectedGeneration}`],
            ['by', `${value.by}, key ${short(value.keyId)}`],
            ...(value.decision === 'approve' ? [['approvals', `${value.approvers.length} of ${value.needed}${value.approvers.length < value.needed ? ': another person is needed' : ''}`] as const] : []),
          ]),
        );
      }),
    );
}

async function list(context: Context, options: { channel?: string; all?: boolean; limit: number }): Promise<void> {
  const store = await context.store();
  const keys = new Map((await store.approverKeys()).map((key) => [key.keyId, key]));
  const nowMs = Date.now();
  const promotions = await store.waitingPromotions({ limit: options.limit, ended: options.all ?? false, ...(options.channel === undefined ? {} : { channel: options.channel }) });
  const rows = await Promise.all(
    promotions.map(async (promotion) => {
      const generation = (await store.channel(promotion.channel))?.generation ?? 0;
      const approvers = approversOf(promotion, await approvalsOf({ store }, promotion), keys);
      return { ...promotion, state: stateOf(promotion, generation, nowMs), approvers, needed: approversNeeded(promotion.policy.mode), secondsLeft: promotion.ended ? null : Math.max(0, Math.floor((Date.parse(promotion.expiresAt) - nowMs) / 1000)) };
    }),
  );
  context.out.result(rows, (value) =>
    value.length === 0
      ? 'nothing waits for an approval'
      : table(['run', 'channel', 'candidate', 'state', 'approvals', 'time left', 'asked for by'], value.map((row) => [row.runId, row.channel, short(row.candidateDigest), row.state, `${row.approvers.length} of ${row.needed}`, row.ended ? '-' : timeLeft(row.expiresAt, nowMs), row.requestedBy ?? 'the schedule'])),
  );
}

/** Checks a kept approval again: by itself, and, where the store is at hand, against the keys that are enrolled. */
async function verifyApproval(context: Context, id: string | undefined, options: { file?: string; write?: string }): Promise<void> {
  if ((id === undefined) === (options.file === undefined)) throw new RatchetError('REQUEST_INVALID', 'give the start of an approval\'s digest, or --file');
  let document: unknown;
  if (options.file !== undefined) {
    try {
      document = JSON.parse(await readFile(options.file, 'utf8'));
    } catch {
      throw new RatchetError('REQUEST_INVALID', `${options.file} cannot be read as JSON`);
    }
  } else {
    const store = await context.store();
    document = (await store.document((await resolveId(store, id ?? '', ['approval'])).id))?.document;
  }
  const faults = faultsOf(document);
  const approval = Approval.safeParse(document).data;
  const keyId = approval?.statement?.keyId;
  const key = keyId === undefined || options.file !== undefined ? null : await (await context.store()).approverKey(keyId);
  const digest = digestOfJson(document);
  const { statement, signature, publicKey } = approval ?? {};
  if (options.write !== undefined && statement && signature !== undefined && publicKey !== undefined) {
    await mkdir(options.write, { recursive: true });
    await writeFile(join(options.write, 'approval.json'), `${JSON.stringify(document, null, 2)}\n`);
    await writeFile(join(options.write, 'statement.json'), statementBytes(statement));
    await writeFile(join(options.write, 'signature.bin'), Buffer.from(signature, 'base64'));
    await writeFile(join(options.write, 'key.pem'), publicKeyObject(publicKey)?.export({ format: 'pem', type: 'spki' }) ?? '');
  }
  const result = { digest, valid: faults.length === 0, faults, approval: document, key };
  context.out.result(result, (value) =>
    [
      value.valid ? `${digest}: signed by key ${keyId ?? ''}, unchanged since` : `${digest}: NOT valid\n${value.faults.map((fault) => `  ${fault}`).join('\n')}`,
      fields([
        ['decision', approval && `${approval.decision} by ${approval.by} at ${approval.time}`],
        ['candidate', approval?.candidateDigest],
        ['channel', approval && `${approval.channel}, in place of generation ${approval.expectedGeneration}`],
        ['public key', publicKey],
        ['enrolled', options.file !== undefined ? 'not looked up (--file)' : key ? `for ${key.name} by ${key.enrolledBy} at ${key.enrolledAt}${key.revoked ? `; revoked by ${key.revoked.by} at ${key.revoked.at}` : ''}` : 'no'],
      ]),
    ].join('\n'),
  );
  if (faults.length > 0) process.exitCode = EXIT.failed;
}

export function addApproval(program: Command): void {
  const approvals = program.command('approvals').description('candidates that wait for people: what they would change, and signed decisions on them');

  approvals
    .command('ls')
    .description('what waits, with the time left')
    .option('--channel <name>', 'only this channel')
    .option('--all', 'also those that have ended')
    .option('-n, --limit <count>', 'how many', positiveInt, 20)
    .action(action<[{ channel?: string; all?: boolean; limit: number }]>(list));

  approvals
    .command('show <run>')
    .description('what a candidate fixes and breaks with both answers side by side, the numbers, cost and provenance, and who may decide')
    .option('-n, --limit <count>', 'how many flips in each direction', positiveInt, 10)
    .option('--whole', 'prompts and answers in full')
    .addHelpText('after', '\nExamples:\n  ratchet approvals show nightly/tickets-2026-01-02\n  ratchet approvals show nightly/tickets-2026-01-02 --json | jq .breaks')
    .action(
      action<[string, { limit: number; whole?: boolean }]>(async (context, id, options) => {
        const store = await context.store();
        const promotion = await findPromotion(store, id);
        if (!promotion) throw new RatchetError('NOT_FOUND', `no promotion of ${id} waits or has waited for an approval`);
        const summary = await approvalSummary({ store, blobs: await context.blobs() }, promotion, options.limit);
        context.out.result(summary, (value) => summaryText(value, { whole: options.whole ?? false, nowMs: Date.now() }));
      }),
    );

  addDecision(approvals, 'approve', 'approvals ');
  addDecision(approvals, 'reject', 'approvals ');

  approvals
    .command('verify [digest]')
    .description('check the signature of a kept approval again, without any server')
    .option('--file <path>', 'an approval.json, without the store')
    .option('--write <dir>', 'write statement, signature and public key as files for another tool')
    .addHelpText(
      'after',
      `\nExit code ${EXIT.failed} when it is not valid.\nExamples:\n  ratchet approvals verify 4be1 --write audit\n  openssl pkeyutl -verify -pubin -inkey audit/key.pem -rawin -in audit/statement.json -sigfile audit/signature.bin\n  ratchet approvals verify --file audit/approval.json`,
    )
    .action(action<[string | undefined, { file?: string; write?: string }]>(verifyApproval));

  addDecision(program, 'approve', '');
  addDecision(program, 'reject', '');
}
