// An adapter before any training exists: random weights in PEFT's format, put into a blob store with a manifest.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Recipe, type AdapterManifest, type Digest } from '../../core/contracts/index.ts';
import { canonicalJson, digestOfBytes } from '../../core/digest.ts';
import { demoModelDir, pythonBin, repositoryRoot } from '../../infra/dev/paths.ts';
import type { BlobStore } from '../../stores/ports.ts';

const SOME = digestOfBytes('made for a test');

/** Keeps the manifest that names these files. @returns the adapter's digest */
export async function putManifest(blobs: BlobStore, files: Record<string, Digest>): Promise<Digest> {
  const manifest: AdapterManifest = {
    schemaVersion: 1, workload: 'tickets', baseModel: 'smollm2-135m-instruct', baseDigest: SOME, tokenizerDigest: SOME, chatTemplateDigest: SOME, quantization: 'none',
    datasetDigest: SOME, recipeDigest: SOME, recipe: Recipe.parse({}), loraRank: 16, targetModules: ['all-linear'], files,
    training: { steps: 0, tokens: 0, examples: 0, firstLoss: 0, finalLoss: 0, trainer: 'random' },
  };
  return blobs.put(Buffer.from(canonicalJson(manifest)));
}

/** @param scale how far the adapter moves the model; 1 changes its answers clearly */
export async function putRandomAdapter(blobs: BlobStore, seed: number, scale = 1): Promise<Digest> {
  const dir = mkdtempSync(join(tmpdir(), 'ratchet-adapter-'));
  try {
    const script = join(repositoryRoot, 'tests', 'support', 'random_adapter.py');
    execFileSync(pythonBin, [script, '--model', demoModelDir, '--out', dir, '--seed', String(seed), '--scale', String(scale)]);
    const names = ['adapter_config.json', 'adapter_model.safetensors'];
    return await putManifest(blobs, Object.fromEntries(await Promise.all(names.map(async (name) => [name, await blobs.putFile(join(dir, name))] as const))));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
