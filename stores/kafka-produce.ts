// The body of Kafka's produce request (versions 3 to 7), written once into one buffer. kafkajs writes the same bytes (stores/kafkajs.ts),
// but copies each record about eight times on the way and takes their checksum byte by byte. Formats: kafka.apache.org/protocol.

/** As kafkajs hands it over. */
export interface ProduceArgs {
  acks: number;
  timeout: number;
  transactionalId?: string;
  /** A long: kafkajs has its own class for it. */
  producerId?: unknown;
  producerEpoch?: number;
  /** 0: none. */
  compression?: number;
  topicData: { topic: string; partitions: { partition: number; firstSequence?: number; messages: readonly ProducedMessage[] }[] }[];
}

export interface ProducedMessage {
  key?: Buffer | string | null;
  value: Buffer | string | null;
  headers?: Record<string, unknown>;
  timestamp?: string;
}

/** Whether `produceBody` can write it: compression, transactions, chosen time stamps and repeated headers are left to kafkajs. */
export function canWrite({ compression = 0, transactionalId, topicData }: ProduceArgs): boolean {
  return compression === 0 && transactionalId === undefined && topicData.every(({ partitions }) => partitions.every(({ messages }) => messages.every(isPlain)));
}

const isBytes = (value: unknown): boolean => typeof value === 'string' || Buffer.isBuffer(value);
const isPlain = ({ key, value, headers, timestamp }: ProducedMessage): boolean =>
  timestamp === undefined && (value === null || isBytes(value)) && (key === null || key === undefined || isBytes(key)) && (headers === undefined || Object.values(headers).every(isBytes));

/** Before the topics; and a batch but for its records: how far its own length reaches from, where its checksum is, and all of it. */
const REQUEST_HEAD_BYTES = 12;
const LENGTH_END = 12;
const CRC_AT = 17;
const BATCH_HEAD_BYTES = 61;
const NONE = -1;
const MAGIC = 2;

/** @param now the time stamp of every record, in milliseconds since 1970 */
export function produceBody({ acks, timeout, producerId = NONE, producerEpoch = 0, topicData }: ProduceArgs, now: number): Buffer {
  const producer = BigInt(String(producerId));
  const headers = headersWriter();
  const topics = topicData.map(({ topic, partitions }) => ({
    name: Buffer.from(topic),
    batches: partitions.map(({ partition, firstSequence = 0, messages }) => {
      const records = messages.map((message, offset) => recordOf(message, offset, headers(message.headers)));
      return { partition, firstSequence, records, size: records.reduce((sum, { size }) => sum + sizeOfVarInt(size) + size, BATCH_HEAD_BYTES) };
    }),
  }));
  const size = topics.reduce((sum, { name, batches }) => batches.reduce((part, batch) => part + 8 + batch.size, sum + 2 + name.length + 4), REQUEST_HEAD_BYTES);

  const out = new Writer(size);
  // No transaction, and further down no flags, no leader's epoch, and offsets from 0.
  out.int16(NONE).int16(acks).int32(timeout).int32(topics.length);
  for (const { name, batches } of topics) {
    out.int16(name.length).raw(name).int32(batches.length);
    for (const { partition, firstSequence, records, size: batchSize } of batches) {
      out.int32(partition).int32(batchSize);
      const { at } = out;
      out.int64(0n).int32(batchSize - LENGTH_END).int32(0).int8(MAGIC).int32(0);
      out.int16(0).int32(records.length - 1).int64(BigInt(now)).int64(BigInt(now));
      out.int64(producer).int16(producerEpoch).int32(firstSequence).int32(records.length);
      for (const record of records) out.record(record);
      out.bytes.writeUInt32BE(crc32c(out.bytes, at + CRC_AT + 4, out.at), at + CRC_AT);
    }
  }
  return out.bytes;
}

interface Row {
  key: Buffer | null;
  value: Buffer | null;
  /** Their number and themselves. */
  headers: Buffer;
  offset: number;
  /** Of all that stands behind it. */
  size: number;
}

const bytesOf = (value: Buffer | string | null | undefined): Buffer | null => (typeof value === 'string' ? Buffer.from(value) : (value ?? null));
const sizeOf = (value: Buffer | null): number => (value === null ? 1 : sizeOfVarInt(value.length) + value.length);

function recordOf(message: ProducedMessage, offset: number, headers: Buffer): Row {
  const [key, value] = [bytesOf(message.key), bytesOf(message.value)];
  // One byte of attributes, one for a difference of 0 to the batch's time.
  return { key, value, headers, offset, size: 2 + sizeOfVarInt(offset) + sizeOf(key) + sizeOf(value) + headers.length };
}

const NO_HEADERS = {};

/** A batch's records mostly share one object of headers: it is written once. */
function headersWriter(): (headers: ProducedMessage['headers']) => Buffer {
  const written = new Map<object, Buffer>();
  return (headers = NO_HEADERS) => {
    const known = written.get(headers);
    if (known !== undefined) return known;
    const fields = Object.entries(headers).flat().map((field) => bytesOf(field as Buffer | string));
    const out = new Writer(fields.reduce((sum, field) => sum + sizeOf(field), sizeOfVarInt(fields.length / 2)));
    out.varInt(fields.length / 2);
    for (const field of fields) out.field(field);
    written.set(headers, out.bytes);
    return out.bytes;
  };
}

class Writer {
  readonly bytes: Buffer;
  at = 0;
  constructor(size: number) {
    this.bytes = Buffer.allocUnsafe(size);
  }
  int8(value: number): this {
    this.at = this.bytes.writeInt8(value, this.at);
    return this;
  }
  int16(value: number): this {
    this.at = this.bytes.writeInt16BE(value, this.at);
    return this;
  }
  int32(value: number): this {
    this.at = this.bytes.writeInt32BE(value, this.at);
    return this;
  }
  int64(value: bigint): this {
    this.at = this.bytes.writeBigInt64BE(value, this.at);
    return this;
  }
  /** Zigzag, seven bits a byte. */
  varInt(value: number): this {
    let rest = ((value << 1) ^ (value >> 31)) >>> 0;
    for (; rest > 127; rest >>>= 7) this.bytes[this.at++] = (rest & 127) | 128;
    this.bytes[this.at++] = rest;
    return this;
  }
  raw(bytes: Buffer): this {
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
    return this;
  }
  field(bytes: Buffer | null): this {
    return bytes === null ? this.varInt(-1) : this.varInt(bytes.length).raw(bytes);
  }
  record({ key, value, headers, offset, size }: Row): void {
    this.varInt(size).int8(0).int8(0).varInt(offset).field(key).field(value).raw(headers);
  }
}

function sizeOfVarInt(value: number): number {
  let size = 1;
  for (let rest = ((value << 1) ^ (value >> 31)) >>> 0; rest > 127; rest >>>= 7) size += 1;
  return size;
}

/** Castagnoli's polynomial; eight tables, so that eight bytes are taken at a time ("slicing by 8", Kounavis and Berry 2005). */
const TABLES = new Int32Array(8 * 256);
for (let byte = 0; byte < 256; byte += 1) {
  let sum = byte;
  for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? (sum >>> 1) ^ 0x82f63b78 : sum >>> 1;
  TABLES[byte] = sum;
}
const entry = (table: number, byte: number): number => TABLES[table * 256 + byte] as number;
for (let at = 256; at < TABLES.length; at += 1) {
  const before = TABLES[at - 256] as number;
  TABLES[at] = (before >>> 8) ^ entry(0, before & 255);
}

/** CRC-32C of `bytes` from `from` to before `to`. */
export function crc32c(bytes: Buffer, from: number, to: number): number {
  let sum = -1;
  let at = from;
  const byByte = (end: number): void => {
    for (; at < end; at += 1) sum = (sum >>> 8) ^ entry(0, (sum ^ (bytes[at] as number)) & 255);
  };
  byByte(Math.min(to, from + (-(bytes.byteOffset + from) & 3)));
  const pairs = (to - at) >> 3;
  // A range too short for any may end before a word's border.
  const words = new Int32Array(bytes.buffer, pairs === 0 ? 0 : bytes.byteOffset + at, pairs * 2);
  for (let word = 0; word < words.length; word += 2) {
    const low = sum ^ (words[word] as number);
    const high = words[word + 1] as number;
    sum = entry(7, low & 255) ^ entry(6, (low >>> 8) & 255) ^ entry(5, (low >>> 16) & 255) ^ entry(4, low >>> 24)
      ^ entry(3, high & 255) ^ entry(2, (high >>> 8) & 255) ^ entry(1, (high >>> 16) & 255) ^ entry(0, high >>> 24);
  }
  at += words.length * 4;
  byByte(to);
  return ~sum >>> 0;
}
