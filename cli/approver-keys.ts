// A person's own approval keys: Ed25519, made here and never leaving this machine; only the public half is handed over.
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../core/contracts/index.ts';
import { keyIdOf, parsePublicKey, rawPublicKey } from '../core/approval/keys.ts';
import { RatchetError } from '../core/errors.ts';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/;

export interface OwnKey {
  name: string;
  keyId: Digest;
  publicKey: string;
  files: { private: string; public: string };
}

const filesOf = (dir: string, name: string): OwnKey['files'] => ({ private: join(dir, `${name}.key`), public: join(dir, `${name}.pub`) });

/**
 * Makes a key pair: `NAME.key` (PKCS#8, only for its owner to read) and `NAME.pub`.
 * @throws REQUEST_INVALID when there is one of that name: a key is never written over
 */
export async function makeKey(dir: string, name: string, passphrase?: string): Promise<OwnKey> {
  if (!NAME.test(name)) throw new RatchetError('REQUEST_INVALID', 'a key is named by letters, digits and . _ @ -');
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const files = filesOf(dir, name);
  const secret = privateKey.export({ format: 'pem', type: 'pkcs8', ...(passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase }) });
  await mkdir(dir, { recursive: true, mode: 0o700 });
  try {
    await writeFile(files.private, secret, { mode: 0o600, flag: 'wx' });
    await writeFile(files.public, publicKey.export({ format: 'pem', type: 'spki' }), { mode: 0o644, flag: 'w' });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw new RatchetError('REQUEST_INVALID', `${files.private} is there already: give another --name`);
    throw new RatchetError('CONFIG_INVALID', `RATCHET_KEY_DIR: ${dir} cannot be written (${code ?? 'unknown'})`);
  }
  const raw = rawPublicKey(publicKey);
  return { name, keyId: keyIdOf(raw), publicKey: raw, files };
}

/** The keys in the folder, by name. */
export async function ownKeys(dir: string): Promise<OwnKey[]> {
  const names = (await readdir(dir).catch(() => [])).filter((file) => file.endsWith('.key')).map((file) => file.slice(0, -'.key'.length)).toSorted();
  const keys = await Promise.all(
    names.map(async (name): Promise<OwnKey[]> => {
      const files = filesOf(dir, name);
      const text = await readFile(files.public, 'utf8').catch(() => null);
      if (text === null) return [];
      const publicKey = parsePublicKey(text);
      return [{ name, keyId: keyIdOf(publicKey), publicKey, files }];
    }),
  );
  return keys.flat();
}

/**
 * Opens the private half.
 * @param askPassphrase called only when the file is encrypted
 * @throws CONFIG_INVALID when others can read the file, or it does not open or belong to its public half
 */
export async function openKey(key: OwnKey, askPassphrase: () => Promise<string>): Promise<KeyObject> {
  const { mode } = await stat(key.files.private);
  if ((mode & 0o077) !== 0) throw new RatchetError('CONFIG_INVALID', `${key.files.private}: others than its owner can use the key; run \`chmod 600\` on it, and think of making a new one`);
  const pem = await readFile(key.files.private, 'utf8');
  const encrypted = pem.includes('ENCRYPTED PRIVATE KEY');
  const passphrase = encrypted ? await askPassphrase() : undefined;
  let opened: KeyObject;
  try {
    opened = createPrivateKey({ key: pem, ...(passphrase === undefined ? {} : { passphrase }) });
  } catch {
    throw new RatchetError('CONFIG_INVALID', `${key.files.private} ${encrypted ? 'does not open with that passphrase' : 'is no private key'}`);
  }
  if (opened.asymmetricKeyType !== 'ed25519' || rawPublicKey(createPublicKey(opened)) !== key.publicKey) throw new RatchetError('CONFIG_INVALID', `${key.files.private} and ${key.files.public} are not one pair`);
  return opened;
}
