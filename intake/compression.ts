// How compressed batches are opened: gzip and zstd by Node itself, and never into more memory than a limit.
import { promisify } from 'node:util';
import { gzip, unzip, zstdCompress, zstdDecompress, type ZlibOptions, type ZstdOptions } from 'node:zlib';
import kafkajs from 'kafkajs';

/** Far above what a broker's default of 1 MB per batch expands to, unless it was made to. */
const MAX_BATCH_BYTES = 64 * 1024 * 1024;
// A CommonJS module, whose names Node finds only in part.
const { CompressionCodecs, CompressionTypes } = kafkajs;
const bounded = { maxOutputLength: MAX_BATCH_BYTES };

const codec = (compress: (bytes: Buffer) => Promise<Buffer>, decompress: (bytes: Buffer) => Promise<Buffer>) => () => ({
  compress: (encoder: { buffer: Buffer }) => compress(encoder.buffer),
  decompress,
});

/** kafkajs keeps its codecs in one table of the process. It has no zstd of its own, and its gzip has no limit. */
export function registerCodecs(): void {
  CompressionCodecs[CompressionTypes.GZIP] = codec(promisify(gzip), (bytes) => promisify<Buffer, ZlibOptions, Buffer>(unzip)(bytes, bounded));
  CompressionCodecs[CompressionTypes.ZSTD] = codec(promisify(zstdCompress), (bytes) => promisify<Buffer, ZstdOptions, Buffer>(zstdDecompress)(bytes, bounded));
}
