// Which judge model is meant: what the engine at JUDGE_URL must be, and how it is asked.
import { z } from 'zod';

export const JudgePin = z.strictObject({
  /** Name of the model at JUDGE_URL. An engine that says another one answered is refused. */
  model: z.string().min(1).max(200),
  /** Of the weights, as you state it: a commit, a digest, a date. */
  revision: z.string().min(1).max(200),
  /** What the engine must say of itself besides: the model's `root` in /v1/models (vLLM), the `system_fingerprint` of every answer. */
  reports: z.strictObject({ root: z.string().min(1).optional(), fingerprint: z.string().min(1).optional() }).optional(),
  maxTokens: z.int().min(32).max(4_096).default(256),
  seed: z.int().default(17),
});
export type JudgePin = z.infer<typeof JudgePin>;
