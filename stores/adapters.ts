// Lays an adapter's blobs out as the immutable folder that the engine reads.
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, copyFile, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AdapterManifest, type Digest } from '../core/contracts/index.ts';
import { RatchetError } from '../core/errors.ts';
import type { BlobStore } from './ports.ts';

/** What vLLM and PEFT need to read an adapter. */
const REQUIRED_FILES = ['adapter_config.json', 'adapter_model.safetensors'] as const;

export interface AdapterFiles {
  /**
   * The folder `<dir>/<hex of the digest>` with the files that the manifest names, each checked against its digest, also when
   * the folder was there before: an engine may read it again at any time.
   * @throws NOT_FOUND without a manifest blob, BLOB_CORRUPT where bytes do not match their digest or the manifest is not one.
   */
  materialize: (adapter: Digest) => Promise<string>;
}

/** @param dir the `adapters` folder of RATCHET_HOME; engines must see it under the same path. */
export function createAdapterFiles(deps: { blobs: Pick<BlobStore, 'get' | 'path'>; dir: string }): AdapterFiles {
  const { blobs, dir } = deps;

  async function manifestOf(adapter: Digest): Promise<AdapterManifest> {
    const bytes = await blobs.get(adapter);
    let manifest: AdapterManifest;
    try {
      manifest = AdapterManifest.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    } catch {
      throw new RatchetError('BLOB_CORRUPT', `${adapter} is not an adapter manifest`);
    }
    const names = Object.keys(manifest.files);
    const strange = names.find((name) => name !== basename(name) || name.startsWith('.'));
    if (strange !== undefined) throw new RatchetError('BLOB_CORRUPT', `adapter ${adapter}: a file's name in the manifest leaves its folder`);
    const missing = REQUIRED_FILES.find((name) => !names.includes(name));
    if (missing !== undefined) throw new RatchetError('BLOB_CORRUPT', `adapter ${adapter}: its manifest names no ${missing}`);
    return manifest;
  }

  async function check(adapter: Digest, folder: string, files: AdapterManifest['files']): Promise<void> {
    for (const [name, digest] of Object.entries(files)) {
      const found = await digestOfFile(join(folder, name)).catch(() => null);
      if (found !== digest) {
        throw new RatchetError('BLOB_CORRUPT', `adapter ${adapter}: ${join(folder, name)} ${found === null ? 'cannot be read' : `is ${found}, the manifest says ${digest}`}`);
      }
    }
  }

  async function write(adapter: Digest, folder: string, files: AdapterManifest['files']): Promise<void> {
    await mkdir(dir, { recursive: true });
    const temporary = join(dir, `.${basename(folder)}.${randomUUID()}`);
    try {
      await mkdir(temporary);
      for (const [name, digest] of Object.entries(files)) {
        const path = join(temporary, name);
        await copyFile(blobs.path(digest), path).catch(() => {
          throw new RatchetError('NOT_FOUND', `adapter ${adapter}: the blob ${digest} of its file ${name} cannot be read`);
        });
        await syncToDisk(path);
        await chmod(path, 0o444);
      }
      await check(adapter, temporary, files);
      await syncToDisk(temporary);
      // Another process may have been first: its folder holds the same bytes.
      await rename(temporary, folder).catch(async (error: unknown) => {
        if (!(await exists(folder))) throw error;
      });
      await syncToDisk(dir);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  return {
    materialize: async (adapter) => {
      const { files } = await manifestOf(adapter);
      const folder = join(dir, adapter.slice('sha256:'.length));
      if (await exists(folder)) await check(adapter, folder, files);
      else await write(adapter, folder, files);
      return folder;
    },
  };
}

async function digestOfFile(path: string): Promise<Digest> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}

async function syncToDisk(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const exists = (folder: string): Promise<boolean> => readdir(folder).then(() => true, () => false);
