// Addresses of Bitcoin and Ethereum wallets, with the check sums that wallets test before they pay.
import { hash } from 'node:crypto';
import type { Span } from './kinds.ts';

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const BECH32 = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';

const doubleSha = (bytes: Uint8Array): Buffer => hash('sha256', hash('sha256', bytes, 'buffer'), 'buffer');

/** Version byte and 20 bytes of a base58check address; null when its check sum is wrong. */
export function readBase58(text: string): Uint8Array | null {
  let number = 0n;
  for (const character of text) {
    const digit = BASE58.indexOf(character);
    if (digit < 0) return null;
    number = number * 58n + BigInt(digit);
  }
  const bytes = Buffer.from(number.toString(16).padStart(50, '0'), 'hex');
  if (bytes.length !== 25) return null;
  return doubleSha(bytes.subarray(0, 21)).subarray(0, 4).equals(bytes.subarray(21)) ? bytes.subarray(0, 21) : null;
}

export function writeBase58(payload: Uint8Array): string {
  const bytes = Buffer.concat([payload, doubleSha(payload).subarray(0, 4)]);
  let number = BigInt(`0x${bytes.toString('hex')}`);
  let text = '';
  for (; number > 0n; number /= 58n) text = (BASE58[Number(number % 58n)] as string) + text;
  let zeros = 0;
  while (bytes[zeros] === 0) zeros += 1;
  return '1'.repeat(zeros) + text;
}

/** The remainder of BIP 173 over five-bit symbols; 1 for version 0, 0x2bc830a3 for later ones (BIP 350). */
function bech32Remainder(symbols: readonly number[]): number {
  let rest = 1;
  for (const symbol of [3, 3, 0, 2, 3, ...symbols]) {
    const top = rest >>> 25;
    rest = ((rest & 0x1ffffff) << 5) ^ symbol;
    [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3].forEach((generator, bit) => {
      if (((top >>> bit) & 1) === 1) rest ^= generator;
    });
  }
  return rest;
}
const goalOf = (version: string): number => (version === 'q' ? 1 : 0x2bc830a3);

/** @param data version and program of a `bc1` address, in its alphabet */
export function bech32Check(data: string): string {
  const rest = bech32Remainder([...[...data].map((character) => BECH32.indexOf(character)), 0, 0, 0, 0, 0, 0]) ^ goalOf(data[0] as string);
  return [25, 20, 15, 10, 5, 0].map((shift) => BECH32[(rest >>> shift) & 31]).join('');
}

export type CoinSort = 'base58' | 'bech32' | 'hex';

export function coinSort(text: string): CoinSort | null {
  if (/^0x[0-9a-fA-F]{40}$/.test(text)) return 'hex';
  if (/^(?:bc1[qp][02-9ac-hj-np-z]{38,58}|BC1[QP][02-9AC-HJ-NP-Z]{38,58})$/.test(text)) {
    const data = text.slice(3).toLowerCase();
    return bech32Check(data.slice(0, -6)) === data.slice(-6) ? 'bech32' : null;
  }
  return /^[13][1-9A-HJ-NP-Za-km-z]{25,34}$/.test(text) && readBase58(text) ? 'base58' : null;
}

/** An address that is the whole of a token, but for a sentence's full stop or the name it is assigned to. */
export function coinAt(text: string, start: number, end: number): Span | null {
  if (end - start > 120) return null;
  const found = /(?:^|[=/])(0x[0-9a-fA-F]{40}|bc1[02-9a-z]{39,59}|BC1[02-9A-Z]{39,59}|[13][A-Za-z0-9]{25,34})(?=[.=/]*$)/.exec(text.slice(start, end));
  if (!found || coinSort(found[1] as string) === null) return null;
  const at = start + found.index + found[0].length - (found[1] as string).length;
  return { kind: 'crypto', start: at, end: at + (found[1] as string).length, prefix: 0, cued: false };
}
