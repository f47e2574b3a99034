// Keys and approvals at the command line, as far as they need no server.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKey, openKey, ownKeys } from '../../cli/approver-keys.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'ratchet-approvals-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const coded = (code: string) => expect.objectContaining({ code }) as Error;
const noPassphrase = async (): Promise<string> => {
  throw new Error('nobody is asked');
};

function ratchet(args: string[], over: Record<string, string> = {}) {
  const env = { PATH: process.env['PATH'], HOME: dir, RATCHET_HOME: join(dir, 'home'), RATCHET_WORKLOADS: 'examples/tickets/workload.yaml', TEMPORAL_ADDRESS: '127.0.0.1:9', RATCHET_ACTOR: 'dana', ...over };
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, '../../cli/main.ts'), ...args], { env, encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('an own key', () => {
  it('is for its owner alone, is never written over, and opens with its passphrase only', async () => {
    const keys = join(dir, 'own');
    const plain = await makeKey(keys, 'dana');
    expect([statSync(keys).mode & 0o777, statSync(plain.files.private).mode & 0o777]).toEqual([0o700, 0o600]);
    await expect(makeKey(keys, 'dana')).rejects.toThrow(coded('REQUEST_INVALID'));
    await expect(makeKey(keys, '../dana')).rejects.toThrow(coded('REQUEST_INVALID'));
    expect((await openKey(plain, noPassphrase)).asymmetricKeyType).toBe('ed25519');

    const locked = await makeKey(keys, 'erin', 'correct horse');
    expect((await openKey(locked, async () => 'correct horse')).asymmetricKeyType).toBe('ed25519');
    await expect(openKey(locked, async () => 'wrong horse')).rejects.toThrow(coded('CONFIG_INVALID'));
    expect((await ownKeys(keys)).map(({ name, keyId }) => [name, keyId])).toEqual([['dana', plain.keyId], ['erin', locked.keyId]]);
    await expect(openKey({ ...plain, publicKey: locked.publicKey }, noPassphrase)).rejects.toThrow(coded('CONFIG_INVALID'));
    chmodSync(plain.files.private, 0o644);
    await expect(openKey(plain, noPassphrase)).rejects.toThrow(coded('CONFIG_INVALID'));
  });
});

describe('ratchet key', () => {
  it('makes, enrols, lists and revokes a key, with who and when', () => {
    const made = ratchet(['--json', 'key', 'new']);
    expect(made.status).toBe(0);
    const { keyId, publicKey, files } = JSON.parse(made.stdout) as { keyId: string; publicKey: string; files: { public: string; private: string } };
    expect(files.private).toBe(join(dir, '.config/ratchet/keys/dana.key'));
    expect(made.stdout).not.toContain('PRIVATE');

    expect(ratchet(['key', 'enrol', files.private, '--as', 'dana', '--all-channels'])).toMatchObject({ status: 2, stderr: expect.stringContaining('private key') as string });
    expect(ratchet(['key', 'enrol', files.public, '--as', 'dana'])).toMatchObject({ status: 2, stderr: expect.stringContaining('--channel') as string });
    expect(ratchet(['key', 'enrol', files.public, '--as', 'dana', '--all-channels'], { RATCHET_ENV: 'production' })).toMatchObject({ status: 5, stderr: expect.stringContaining('APPROVER_BARRED') as string });
    const enrolled = ratchet(['--json', 'key', 'enrol', publicKey, '--as', 'dana', '--channel', 'tickets/production', 'tickets/staging'], { RATCHET_ACTOR: 'admin' });
    expect(JSON.parse(enrolled.stdout)).toMatchObject({ keyId, name: 'dana', channels: ['tickets/production', 'tickets/staging'], enrolledBy: 'admin', revoked: null });
    expect(ratchet(['key', 'enrol', files.public, '--as', 'mallory', '--all-channels'])).toMatchObject({ status: 2 });

    const listed = ratchet(['key', 'ls']).stdout;
    expect(listed).toMatch(/dana +tickets\/production, tickets\/staging +counts +admin .* yes/);
    expect(JSON.parse(ratchet(['--json', 'key', 'revoke', 'dana', '--reason', 'laptop lost']).stdout)).toMatchObject({ revoked: { by: 'dana', reason: 'laptop lost' } });
    expect(ratchet(['key', 'show', keyId.slice(7, 15)]).stdout).toMatch(/revoked +by dana at .*: laptop lost/);
    expect(ratchet(['key', 'show', 'nobody'])).toMatchObject({ status: 4 });
  });
});

describe('ratchet approvals', () => {
  it('says that nothing waits, and what is missing to decide', () => {
    expect(ratchet(['approvals', 'ls'])).toMatchObject({ status: 0, stdout: 'nothing waits for an approval\n' });
    expect(JSON.parse(ratchet(['--json', 'approvals', 'ls', '--all']).stdout)).toEqual([]);
    expect(ratchet(['approvals', 'show', 'nightly-1'])).toMatchObject({ status: 4 });
    expect(ratchet(['approve', 'nightly-1'], { RATCHET_KEY_DIR: join(dir, 'none') })).toMatchObject({ status: 3, stderr: expect.stringMatching(/APPROVER_KEY_MISSING[\s\S]*ratchet key new/) as string });
  });

  it('verifies an approval from a file without any store', () => {
    const golden = join(import.meta.dirname, '../contracts/golden/Approval.json');
    const file = join(dir, 'approval.json');
    const [old, signed] = (JSON.parse(readFileSync(golden, 'utf8')) as { valid: [object, object] }).valid;
    writeFileSync(file, JSON.stringify(signed));
    expect(ratchet(['approvals', 'verify', '--file', file], { RATCHET_HOME: '/nowhere' })).toMatchObject({ status: 0, stdout: expect.stringContaining('unchanged since') as string });
    writeFileSync(file, JSON.stringify({ ...signed, by: 'mallory' }));
    expect(ratchet(['approvals', 'verify', '--file', file])).toMatchObject({ status: 1, stdout: expect.stringContaining('by: the statement says another') as string });
    writeFileSync(file, JSON.stringify(old));
    expect(ratchet(['approvals', 'verify', '--file', file])).toMatchObject({ status: 1, stdout: expect.stringContaining('carries no signature') as string });
    expect(ratchet(['approvals', 'verify'])).toMatchObject({ status: 2 });
  });
});
