// Which partition a key goes to, as all of Kafka's clients choose it: murmur2 of its bytes. kafkajs counts in BigInts: ten times the time.
import { Partitioners, type ICustomPartitioner } from 'kafkajs';

const MULTIPLIER = 0x5bd1e995;

/** As Kafka's `Utils.murmur2`, in whole numbers of 32 bits. */
function murmur2(bytes: Buffer): number {
  const { length } = bytes;
  const rest = length & ~3;
  let hash = 0x9747b28c ^ length;
  for (let at = 0; at < rest; at += 4) {
    const word = Math.imul(bytes.readInt32LE(at), MULTIPLIER);
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(word ^ (word >>> 24), MULTIPLIER);
  }
  if (rest < length) hash = Math.imul(hash ^ bytes.readUIntLE(rest, length - rest), MULTIPLIER);
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER);
  return hash ^ (hash >>> 15);
}

/** kafkajs's own choice for all but text keys. */
export const keyPartitioner: ICustomPartitioner = () => {
  const usual = Partitioners.DefaultPartitioner();
  return (args) => {
    const { key, partition } = args.message;
    if (typeof key !== 'string' || typeof partition === 'number') return usual(args);
    return (murmur2(Buffer.from(key)) & 0x7fffffff) % args.partitionMetadata.length;
  };
};
