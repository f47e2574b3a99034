// One file of the spool: encrypted messages in order, each sealed by itself (AES-256-GCM), so that a torn end costs one of them.
//   file    = "RSPOOL1\n", 32 bytes of salt, records
//   record  = length of the text in 4 bytes, ciphertext, 16 bytes of tag
//   text    = length of the key in 2 bytes, key, value
// The file's key is derived from the spool's key and the salt; the nonce is the record's number: no two records share both.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { closeSync, fdatasyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { Message } from './message.ts';

const MAGIC = Buffer.from('RSPOOL1\n');
const SALT_BYTES = 32;
const TAG_BYTES = 16;
const LENGTH_BYTES = 4;
const HEADER_BYTES = MAGIC.length + SALT_BYTES;
/** More than any event that a broker takes: a length above it is a damaged one. */
const MAX_TEXT_BYTES = 8_388_608;

const fileKey = (spoolKey: string, salt: Buffer): Buffer => Buffer.from(hkdfSync('sha256', Buffer.from(spoolKey, 'hex'), salt, 'ratchet spool segment', 32));

function nonceOf(index: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(index, 6, 6);
  return nonce;
}

export interface SegmentWriter {
  /** Bytes in the file. */
  size(): number;
  /** In one write. On an error the file is as it was. */
  append(messages: readonly Message[]): void;
  /** What was appended also outlives the machine's end. */
  sync(): void;
  close(): void;
}

/** What a message takes in the file, at most. */
export const storedSize = ({ key, value }: Message): number => LENGTH_BYTES + 2 + Buffer.byteLength(key) + Buffer.byteLength(value) + TAG_BYTES;

/** @param path of a file that is not there yet */
export function createSegment(path: string, spoolKey: string): SegmentWriter {
  const file = openSync(path, 'wx', 0o600);
  const salt = randomBytes(SALT_BYTES);
  const key = fileKey(spoolKey, salt);
  let size = 0;
  let count = 0;
  let dirty = false;
  const write = (bytes: Buffer): void => {
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
    } catch (error) {
      ftruncateSync(file, size);
      throw error;
    }
    size += bytes.length;
    dirty = true;
  };
  write(Buffer.concat([MAGIC, salt]));
  return {
    size: () => size,
    append: (messages) => {
      write(Buffer.concat(messages.flatMap((message, index) => seal(message, key, count + index))));
      count += messages.length;
    },
    sync: () => {
      if (dirty) fdatasyncSync(file);
      dirty = false;
    },
    close: () => closeSync(file),
  };
}

function seal({ key: name, value }: Message, key: Buffer, index: number): Buffer[] {
  const nameBytes = Buffer.from(name);
  const text = Buffer.concat([Buffer.of(nameBytes.length >> 8, nameBytes.length & 255), nameBytes, Buffer.from(value)]);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(text.length);
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(index));
  cipher.setAAD(length);
  return [length, cipher.update(text), cipher.final(), cipher.getAuthTag()];
}

export interface SegmentContent {
  messages: Message[];
  /** 1 when the last one was cut off: its writer died, or the machine did. */
  torn: number;
  /** Whole ones that this key does not open. */
  unreadable: number;
}

export function readSegment(path: string, spoolKey: string): SegmentContent {
  const bytes = readFileSync(path);
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return { messages: [], torn: bytes.length === 0 ? 0 : 1, unreadable: 0 };
  const key = fileKey(spoolKey, bytes.subarray(MAGIC.length, HEADER_BYTES));
  const messages: Message[] = [];
  let unreadable = 0;
  let at = HEADER_BYTES;
  for (let index = 0; at < bytes.length; index += 1) {
    const textEnd = at + LENGTH_BYTES + (bytes.length - at >= LENGTH_BYTES ? bytes.readUInt32BE(at) : MAX_TEXT_BYTES);
    if (textEnd - at > MAX_TEXT_BYTES || textEnd + TAG_BYTES > bytes.length) return { messages, torn: 1, unreadable };
    const message = unseal(bytes.subarray(at, at + LENGTH_BYTES), bytes.subarray(at + LENGTH_BYTES, textEnd), bytes.subarray(textEnd, textEnd + TAG_BYTES), key, index);
    if (message) messages.push(message);
    else unreadable += 1;
    at = textEnd + TAG_BYTES;
  }
  return { messages, torn: 0, unreadable };
}

function unseal(length: Buffer, sealed: Buffer, tag: Buffer, key: Buffer, index: number): Message | null {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(index));
    decipher.setAAD(length).setAuthTag(tag);
    const text = Buffer.concat([decipher.update(sealed), decipher.final()]);
    const valueAt = 2 + text.readUInt16BE(0);
    return { key: text.toString('utf8', 2, valueAt), value: text.toString('utf8', valueAt) };
  } catch {
    return null;
  }
}
