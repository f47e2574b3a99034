// The secret keys of one installation: made once, kept in a file that only its owner reads.
import { hkdfSync, randomBytes, randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { digestOfJson, keyedHash } from '../core/digest.ts';
import { RatchetError } from '../core/errors.ts';

const key = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits');
const KeyFile = z.strictObject({ version: z.literal(1), identity: key, split: key, redaction: key, subject: key });
type KeyFile = z.infer<typeof KeyFile>;

export interface Keys {
  /** For the HMAC of raw records. */
  identity: string;
  /** For the split of clusters and the draw of cases. */
  split: string;
  /** From which each tenant's redaction key is derived. */
  redaction: string;
  /** For the hashes of persons. */
  subject: string;
  /** Names this set of keys in the split ledger without giving it away. */
  keyId: string;
}

/** The key of what waits on disk for Kafka (gateway/publish): derived, so that it is kept nowhere else. */
export const spoolKey = (keys: Pick<Keys, 'identity'>): string => Buffer.from(hkdfSync('sha256', Buffer.from(keys.identity, 'hex'), '', 'ratchet spool', 32)).toString('hex');

/** The key under which one tenant's values become surrogates. */
export const tenantKey = (keys: Pick<Keys, 'redaction'>, tenant: string): string => keyedHash(keys.redaction, tenant);

/**
 * Reads the keys, or makes them. Processes that start together agree on one set.
 * @throws CONFIG_INVALID when others can read the file or it is damaged: without these keys no replay gives the same records
 */
export async function openKeys(path: string): Promise<Keys> {
  const kept = (await read(path)) ?? (await create(path));
  return { identity: kept.identity, split: kept.split, redaction: kept.redaction, subject: kept.subject, keyId: digestOfJson(kept).slice('sha256:'.length, 'sha256:'.length + 16) };
}

async function read(path: string): Promise<KeyFile | undefined> {
  let text: string;
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) throw new RatchetError('CONFIG_INVALID', `${path}: others than its owner can use the keys; run \`chmod 600\` on it`);
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (error instanceof RatchetError) throw error;
    throw new RatchetError('STORE_UNAVAILABLE', `${path}: ${String((error as NodeJS.ErrnoException).code)}`, { cause: error });
  }
  try {
    return KeyFile.parse(JSON.parse(text));
  } catch {
    // The cause is left out: it would quote a key.
    throw new RatchetError('CONFIG_INVALID', `${path}: is not a file of keys; restore it from a backup`);
  }
}

/** Makes the keys from a seed that anyone may know, so that a demonstration can be repeated. Never for real traffic. */
export async function seedKeys(path: string, seed: string): Promise<void> {
  await create(path, (name) => keyedHash(seed, name));
}

async function create(path: string, fresh: (name: keyof Keys) => string = () => randomBytes(32).toString('hex')): Promise<KeyFile> {
  const keys: KeyFile = { version: 1, identity: fresh('identity'), split: fresh('split'), redaction: fresh('redaction'), subject: fresh('subject') };
  const temporary = join(dirname(path), `.keys-${randomUUID()}`);
  await mkdir(dirname(path), { recursive: true });
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(keys, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    // Unlike a rename, a link does not replace what another process put there first.
    await link(temporary, path);
    return keys;
  } catch (error) {
    const winner = (error as NodeJS.ErrnoException).code === 'EEXIST' ? await read(path) : undefined;
    if (winner) return winner;
    throw new RatchetError('STORE_UNAVAILABLE', `${path}: ${String((error as NodeJS.ErrnoException).code)}`, { cause: error });
  } finally {
    await rm(temporary, { force: true });
  }
}
