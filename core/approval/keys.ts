// Ed25519 public keys of approvers: how they are written, read and named.
import { createPublicKey, type KeyObject } from 'node:crypto';
import type { Digest } from '../contracts/index.ts';
import { digestOfBytes } from '../digest.ts';
import { RatchetError } from '../errors.ts';

const RAW_BYTES = 32;
/** An Ed25519 key in SubjectPublicKeyInfo (RFC 8410) is these twelve bytes and the key. */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/**
 * The y coordinates of the curve's eight points of small order (and the same written over the field's size): under such a
 * "key" one signature fits many texts, so it signs nothing.
 */
const SMALL_ORDER: ReadonlySet<string> = new Set([
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]);

/** Bytes of standard base64 in its one canonical form; null for anything else, such as other lengths, alphabets or loose bits at the end. */
export function exactBase64(text: string, bytes: number): Buffer | null {
  const decoded = Buffer.from(text, 'base64');
  return decoded.length === bytes && decoded.toString('base64') === text ? decoded : null;
}

export const keyIdOf = (publicKey: string): Digest => digestOfBytes(Buffer.from(publicKey, 'base64'));

/** @param publicKey base64 of the key's 32 bytes; null when it is none */
export function publicKeyObject(publicKey: string): KeyObject | null {
  const raw = exactBase64(publicKey, RAW_BYTES);
  return raw && createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' });
}

/** The key's 32 bytes as base64, which is how documents carry it. */
export function rawPublicKey(key: KeyObject): string {
  return key.export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length).toString('base64');
}

/**
 * Reads a public key as a person hands it over: the PEM file that `ratchet key new` (or openssl) wrote, or its 32 bytes in base64.
 * @throws REQUEST_INVALID when it is no Ed25519 public key, or one that signs nothing
 */
export function parsePublicKey(text: string): string {
  const trimmed = text.trim();
  if (trimmed.includes('PRIVATE KEY')) throw new RatchetError('REQUEST_INVALID', 'this is a private key: it stays with its owner; give the file that ends in .pub');
  let publicKey: string | null = exactBase64(trimmed, RAW_BYTES) && trimmed;
  if (publicKey === null && trimmed.startsWith('-----BEGIN PUBLIC KEY-----')) {
    try {
      const key = createPublicKey(trimmed);
      if (key.asymmetricKeyType === 'ed25519') publicKey = rawPublicKey(key);
    } catch {
      // said below
    }
  }
  if (publicKey === null) throw new RatchetError('REQUEST_INVALID', 'this is no Ed25519 public key: PEM or the base64 of 32 bytes is wanted');
  const hex = Buffer.from(publicKey, 'base64');
  hex[RAW_BYTES - 1] = (hex[RAW_BYTES - 1] ?? 0) & 0x7f;
  if (SMALL_ORDER.has(hex.toString('hex'))) throw new RatchetError('REQUEST_INVALID', 'this public key is a point of small order: anybody can sign for it');
  return publicKey;
}
