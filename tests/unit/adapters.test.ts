// The immutable folder of an adapter: every byte checked, whole or not there.
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { digestOfBytes } from '../../core/digest.ts';
import { createAdapterFiles } from '../../stores/adapters.ts';
import { openBlobStore } from '../../stores/blobs.ts';
import type { BlobStore } from '../../stores/ports.ts';
import { putManifest } from '../support/adapter.ts';

let home: string;
let blobs: BlobStore;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'ratchet-adapters-'));
  blobs = await openBlobStore(join(home, 'blobs'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const adapters = () => createAdapterFiles({ blobs, dir: join(home, 'adapters') });
const bytes = (text: string): Buffer => Buffer.from(text);
const putAdapter = async () => putManifest(blobs, { 'adapter_config.json': await blobs.put(bytes('{}')), 'adapter_model.safetensors': await blobs.put(bytes('weights')) });

test('the files are laid out under the digest, read-only, also when many ask at once', async () => {
  const adapter = await putAdapter();
  const folders = await Promise.all(Array.from({ length: 8 }, () => adapters().materialize(adapter)));
  expect(new Set(folders)).toEqual(new Set([join(home, 'adapters', adapter.slice(7))]));
  expect(readFileSync(join(folders[0] ?? '', 'adapter_model.safetensors'), 'utf8')).toBe('weights');
  expect(readdirSync(join(home, 'adapters'))).toEqual([adapter.slice(7)]);
});

test('a changed file is found, in the blobs and in the folder', async () => {
  const adapter = await putAdapter();
  const folder = await adapters().materialize(adapter);
  const file = join(folder, 'adapter_model.safetensors');
  chmodSync(file, 0o644);
  writeFileSync(file, 'WEIGHTS');
  await expect(adapters().materialize(adapter)).rejects.toMatchObject({ code: 'BLOB_CORRUPT' });

  rmSync(folder, { recursive: true });
  const blob = blobs.path(digestOfBytes('weights'));
  chmodSync(blob, 0o644);
  writeFileSync(blob, 'WEIGHTS');
  await expect(adapters().materialize(adapter)).rejects.toMatchObject({ code: 'BLOB_CORRUPT' });
  expect(readdirSync(join(home, 'adapters'))).toEqual([]);
});

test('a missing manifest, a missing blob, and a manifest that is none or leaves its folder are refused', async () => {
  await expect(adapters().materialize(digestOfBytes('nothing'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  const gone = await putManifest(blobs, { 'adapter_config.json': digestOfBytes('gone'), 'adapter_model.safetensors': digestOfBytes('gone') });
  await expect(adapters().materialize(gone)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  const escaping = await putManifest(blobs, { '../escape': await blobs.put(bytes('x')) });
  const incomplete = await putManifest(blobs, { 'adapter_config.json': await blobs.put(bytes('{}')) });
  for (const adapter of [await blobs.put(bytes('not a manifest')), escaping, incomplete]) {
    await expect(adapters().materialize(adapter)).rejects.toMatchObject({ code: 'BLOB_CORRUPT' });
  }
});
