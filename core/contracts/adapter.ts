// LoRA weights and the manifest that names them.
import { z } from 'zod';
import { Digest, SchemaVersion } from './common.ts';
import { Recipe } from './workload.ts';

/** The adapter's digest is over RFC 8785 canonical JSON of this manifest; the weights are named in it. */
export const AdapterManifest = z.looseObject({
  schemaVersion: SchemaVersion,
  workload: z.string(),
  baseModel: z.string(),
  /** Digests of the base weights, the tokenizer and the chat template that the adapter was trained with. */
  baseDigest: Digest,
  tokenizerDigest: Digest,
  chatTemplateDigest: Digest,
  quantization: z.string(),
  datasetDigest: Digest,
  recipeDigest: Digest,
  recipe: Recipe,
  loraRank: z.int(),
  targetModules: z.array(z.string()),
  files: z.record(z.string(), Digest),
  training: z.looseObject({
    steps: z.int(),
    tokens: z.int(),
    examples: z.int(),
    firstLoss: z.number(),
    finalLoss: z.number(),
    trainer: z.string(),
  }),
});
export type AdapterManifest = z.infer<typeof AdapterManifest>;
