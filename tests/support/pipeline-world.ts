// What the tests of the flow work on: a workload, records with seeded secrets, and a GPU worker that makes adapters without training.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AdapterManifest, Correction, EvalCase, Interaction, TrainAdapterInput, TrainAdapterOutput } from '../../core/contracts/index.ts';
import { canonicalJson, digestOfBytes, digestOfJson } from '../../core/digest.ts';
import type { BlobStore, MetadataStore, NewCorrection, NewInteraction } from '../../stores/ports.ts';
import { readWorkload, type LoadedWorkload } from '../../stores/workloads.ts';

/** Stands in every prompt and answer: it must be found in the store only. */
export const SECRET = 'SEEDED-SECRET';
export const TICKET = /ticket [a-z-]+ [a-z]+/;
export const answerTo = (ticket: string): string => JSON.stringify({ ticket });

const TIME = '2026-01-02T03:04:05.000Z';
const WORDS = ['amber', 'birch', 'cedar', 'delta', 'ember', 'fjord', 'grove', 'haven', 'inlet', 'jetty', 'knoll', 'larch', 'maple', 'north', 'ocean', 'pearl', 'quartz', 'river', 'stone', 'tulip'];
/** Words, not numbers: numbers are masked, and every ticket must be a cluster of its own. */
const wordsOf = (n: number): string => {
  const rest = Math.floor(n / WORDS.length);
  return `${WORDS[n % WORDS.length]}${rest < WORDS.length ? WORDS[rest] : wordsOf(rest)}`;
};

export interface WorkloadOptions {
  approval?: 'automatic' | 'one_approver' | 'two_approvers';
  neverOneself?: boolean;
  remindEveryHours?: number;
  expiresAfterHours?: number;
  concurrency?: number;
  smallestGain?: number;
  loraRank?: number;
  /** A workload whose held candidates go on has it; the whole share goes to the test in the others. */
  eProcess?: { share: number; maxCases: number };
  /** Another gate altogether. */
  gate?: { alpha: number; decisionsPerPeriod: number; smallestGain: number; power: number; cases: number; eProcess: { share: number; maxCases: number } };
  minNewExamples?: number;
  /** The workload's `schedule`, as YAML. */
  schedule?: string;
  /** The workload's `watch`, as YAML. */
  watch?: string;
  /** The workload's `injectionJudge`, as YAML. */
  injectionJudge?: string;
}

function gateOf({ gate, smallestGain = 0.9, eProcess }: WorkloadOptions): object {
  if (gate === undefined) return { alpha: 0.05, decisionsPerPeriod: 2, smallestGain, power: 0.6, expectedDiscordance: 0.5, minCases: 12, maxCases: 12, eProcess: eProcess ?? null };
  const { cases, ...given } = gate;
  return { ...given, expectedDiscordance: 0.5, minCases: cases, maxCases: cases };
}

/** Writes a workload file with a small gate (12 cases) and reads it as any other. */
export async function writeWorkload(dir: string, name: string, options: WorkloadOptions = {}): Promise<LoadedWorkload> {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'ticket.schema.json'), JSON.stringify({ type: 'object', required: ['ticket'], properties: { ticket: { type: 'string' } } }));
  const file = join(dir, `${name}.yaml`);
  writeFileSync(
    file,
    [
      'apiVersion: ratchet.dev/v1',
      `name: ${name}`,
      `channel: ${name}/production`,
      'baseModel: stand-in',
      'outputSchema: ticket.schema.json',
      `minNewExamples: ${options.minNewExamples ?? 6}`,
      `gate: { ${JSON.stringify(gateOf(options)).slice(1, -1)} }`,
      `approval: { mode: ${options.approval ?? 'automatic'}, expiresAfterHours: ${options.expiresAfterHours ?? 72}, neverOneself: ${options.neverOneself ?? false}${options.remindEveryHours === undefined ? '' : `, remindEveryHours: ${options.remindEveryHours}`} }`,
      ...(options.loraRank === undefined ? [] : [`recipe: { loraRank: ${options.loraRank} }`]),
      // Tests run more nights than a day's budget holds.
      `schedule: ${options.schedule ?? '{ budget: { runsPerDay: 1000, gpuHoursPerDay: 1000 } }'}`,
      ...(options.watch === undefined ? [] : [`watch: ${options.watch}`]),
      ...(options.injectionJudge === undefined ? [] : [`injectionJudge: ${options.injectionJudge}`]),
      `evaluation: { concurrency: ${options.concurrency ?? 4} }`,
    ].join('\n'),
  );
  return readWorkload(file);
}

interface Seeds {
  /** Failures with a correction, of the training side. */
  corrected: number;
  /** Cases, drawn and on the evaluation side. */
  cases: number;
  /** Number of the first ticket: a second wave takes other tickets. */
  from?: number;
}

/** Stores records as intake would: failing answers of the base model, corrections by a person, drawn cases. */
export async function seed(store: MetadataStore, { workload }: LoadedWorkload, { corrected, cases, from = 0 }: Seeds): Promise<void> {
  const interactions: NewInteraction[] = [];
  const corrections: NewCorrection[] = [];
  for (let n = from; n < from + corrected + cases; n += 1) {
    const evalSide = n >= from + corrected;
    const { record, ticket } = failing(workload.name, workload.channel, n, evalSide);
    interactions.push(record);
    if (!evalSide) corrections.push(correctionOf(record.interaction, ticket, n));
  }
  await store.storeBatch({ interactions, corrections, deadLetters: [] });
}

function failing(workload: string, channel: string, n: number, evalSide: boolean): { record: NewInteraction; ticket: string } {
  const ticket = `ticket ${workload} ${wordsOf(n)}`;
  const interaction: Interaction = {
    schemaVersion: 1,
    source: 'urn:test',
    id: `${workload}-${n}`,
    time: TIME,
    workload,
    channel,
    adapterDigest: null,
    generation: 0,
    baseModel: 'stand-in',
    engineBuild: 'stand-in-1',
    promptVersion: '1',
    tenant: 'default',
    consentBasis: 'contract',
    retentionDays: 90,
    sampling: { temperature: 0, maxTokens: 32 },
    messages: [{ role: 'user', parts: [{ text: `${SECRET} please file ${ticket}`, trusted: true }] }],
    answer: { text: `I cannot say. ${SECRET}` },
    finishReason: 'stop',
    traceparent: `00-${digestOfBytes(ticket).slice(7, 39)}-${digestOfBytes(ticket).slice(7, 23)}-01`,
  };
  const digest = digestOfJson(interaction);
  const clusterId = digestOfBytes(ticket);
  const evalCase: EvalCase = { schemaVersion: 1, interactionDigest: digest, clusterId, messages: interaction.messages, sampling: interaction.sampling };
  const record: NewInteraction = {
    digest,
    interaction,
    text: canonicalJson(interaction),
    hmac: digest,
    findings: [{ class: 'malformed_json', confidence: 1, evidence: [], detector: 'json@1' }],
    ledger: { clusterId, side: evalSide ? 'eval' : 'train', clusterFunction: 'test@1', keyId: 'test' },
    drawn: evalSide ? { case: evalCase, caseDigest: digestOfJson(evalCase), drawOrder: digestOfBytes(`order ${ticket}`).slice(7), label: false } : null,
    position: null,
  };
  return { record, ticket };
}

function correctionOf(interaction: Interaction, ticket: string, n: number): NewCorrection {
  const correction: Correction = {
    schemaVersion: 1,
    source: 'urn:test:people',
    id: `c-${interaction.workload}-${n}`,
    time: TIME,
    workload: interaction.workload,
    interaction: { source: interaction.source, id: interaction.id },
    answer: answerTo(ticket),
    author: 'dana',
    authority: 'person',
  };
  return { digest: digestOfJson(correction), correction, hmac: correction.id, position: null };
}

/** Stands in for the GPU worker: an adapter in the right form, with nothing learned in it. */
export function standInTrainer(blobs: BlobStore): { trainAdapter(input: TrainAdapterInput): Promise<TrainAdapterOutput> } {
  return {
    trainAdapter: async ({ workload, baseModel, datasetDigest, recipe }) => {
      const some = digestOfBytes('stand-in');
      const training = { steps: 3, tokens: 300, examples: 6, firstLoss: 2, finalLoss: 1, trainer: 'stand-in' };
      const manifest: AdapterManifest = {
        ...{ schemaVersion: 1, workload, baseModel, baseDigest: some, tokenizerDigest: some, chatTemplateDigest: some, quantization: 'none' },
        ...{ datasetDigest, recipe, recipeDigest: digestOfJson(recipe), loraRank: recipe.loraRank, targetModules: ['all'], training },
        files: { 'adapter_model.safetensors': await blobs.put(Buffer.from(`weights for ${datasetDigest}`)), 'adapter_config.json': await blobs.put(Buffer.from('{}')) },
      };
      const adapterDigest = await blobs.put(Buffer.from(canonicalJson(manifest)));
      return { schemaVersion: 1, adapterDigest, ...training, seconds: 0.1, tokensPerSecond: 3000, peakMemoryBytes: 1, resumedFromStep: null };
    },
  };
}
