// Content-addressed bytes in a folder: `<dir>/<first 2 hex digits>/<hex>`, whole or not there at all.
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Digest } from '../core/contracts/index.ts';
import { digestOfBytes } from '../core/digest.ts';
import { RatchetError } from '../core/errors.ts';
import type { BlobStore } from './ports.ts';

/** Opens the folder, creating it when missing. Throws STORE_UNAVAILABLE. */
export async function openBlobStore(dir: string): Promise<BlobStore> {
  const temporaryDir = join(dir, 'tmp');
  await orUnavailable(dir, () => mkdir(temporaryDir, { recursive: true }));

  const path = (digest: Digest): string => {
    const hex = Digest.parse(digest).slice('sha256:'.length);
    return join(dir, hex.slice(0, 2), hex);
  };
  const sizeOf = async (digest: Digest): Promise<number | undefined> => {
    try {
      return (await stat(path(digest))).size;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  };

  /** Fills a temporary file, then gives it its name; after a crash only temporary files can be incomplete. */
  const keep = (fill: (file: FileHandle) => Promise<Digest>): Promise<Digest> =>
    orUnavailable(dir, async () => {
      const temporary = join(temporaryDir, randomUUID());
      try {
        const file = await open(temporary, 'wx', 0o644);
        let digest: Digest;
        let size: number;
        try {
          digest = await fill(file);
          await file.sync();
          size = (await file.stat()).size;
        } finally {
          await file.close();
        }
        // A blob of another size was damaged since: it is replaced.
        if ((await sizeOf(digest)) === size) return digest;
        const target = path(digest);
        await mkdir(dirname(target), { recursive: true });
        await rename(temporary, target);
        await syncFolder(dirname(target));
        return digest;
      } finally {
        await rm(temporary, { force: true });
      }
    });

  return {
    async put(bytes) {
      const digest = digestOfBytes(bytes);
      if ((await orUnavailable(dir, () => sizeOf(digest))) === bytes.byteLength) return digest;
      return keep(async (file) => {
        await file.writeFile(bytes);
        return digest;
      });
    },

    putFile(source) {
      return keep(async (file) => {
        const hash = createHash('sha256');
        for await (const chunk of createReadStream(source) as AsyncIterable<Buffer>) {
          hash.update(chunk);
          await file.writeFile(chunk);
        }
        return `sha256:${hash.digest('hex')}`;
      });
    },

    async get(digest) {
      const bytes = await orUnavailable(dir, async () => {
        try {
          return await readFile(path(digest));
        } catch (error) {
          if (isMissing(error)) throw new RatchetError('NOT_FOUND', `no blob ${digest}`);
          throw error;
        }
      });
      if (digestOfBytes(bytes) !== digest) throw new RatchetError('BLOB_CORRUPT', `the blob kept as ${digest} is another`);
      return bytes;
    },

    has: (digest) => orUnavailable(dir, async () => (await sizeOf(digest)) !== undefined),
    path,
  };
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

async function orUnavailable<T>(dir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (error instanceof RatchetError || syscall === undefined) throw error;
    throw new RatchetError('STORE_UNAVAILABLE', `${dir}: ${syscall} failed with ${code}`, { cause: error });
  }
}

/** Without it, a power cut may forget the new name. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
