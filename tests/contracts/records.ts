// Small records for the store suites: whole by contract, told apart by a number.
import type { Correction, EvalCase, Finding, Interaction, Outcome, RunRecord, Verdict } from '../../core/contracts/index.ts';
import { GatePolicy } from '../../core/contracts/index.ts';
import { canonicalJson, digestOfBytes, digestOfJson } from '../../core/digest.ts';
import type { NewCorrection, NewInteraction } from '../../stores/ports.ts';

export const TIME = '2026-01-02T03:04:05.000Z';
export const SOURCE = '/agents/tickets';
export const digestNo = (n: number | string) => digestOfBytes(`test ${n}`);

export const interactionNo = (n: number, over: Partial<Interaction> = {}): Interaction => ({
  schemaVersion: 1,
  source: SOURCE,
  id: `i-${n}`,
  time: TIME,
  workload: 'tickets',
  channel: 'tickets/production',
  adapterDigest: null,
  generation: 0,
  baseModel: 'base',
  engineBuild: 'engine 1',
  promptVersion: '1',
  tenant: 'acme',
  consentBasis: 'contract',
  retentionDays: 30,
  sampling: {},
  messages: [{ role: 'user', parts: [{ text: `ticket ${n}`, trusted: true }] }],
  answer: { text: '{}' },
  finishReason: 'stop',
  ...over,
});

export const schemaViolation: Finding = { class: 'schema_violation', confidence: 1, evidence: [{ rule: 'required', pointer: '/a' }], detector: 'schema@1' };
export const undetermined: Finding = { class: 'undetermined', confidence: 1, evidence: [], detector: 'any@1' };

/** Cluster `c`, train side, found good; `over` changes what the store is told about it. */
export function newInteraction(n: number, over: Partial<NewInteraction> = {}, fields: Partial<Interaction> = {}): NewInteraction {
  const interaction = interactionNo(n, fields);
  return {
    digest: digestOfJson(interaction),
    interaction,
    text: canonicalJson(interaction),
    hmac: `hmac ${n}`,
    findings: [],
    ledger: { clusterId: digestNo(`cluster ${n}`), side: 'train', clusterFunction: 'masked@1', keyId: 'k1' },
    drawn: null,
    position: { topic: 'agent.interactions', partition: 0, offset: String(n) },
    ...over,
  };
}

/** Eval side and drawn as a case. */
export function drawnInteraction(n: number, cluster: number, drawOrder: string, label = false): NewInteraction {
  const item = newInteraction(n);
  const clusterId = digestNo(`cluster ${cluster}`);
  const evalCase: EvalCase = { schemaVersion: 1, interactionDigest: item.digest, clusterId, messages: item.interaction.messages, sampling: {} };
  return {
    ...item,
    ledger: { ...item.ledger, clusterId, side: 'eval' },
    drawn: { case: evalCase, caseDigest: digestOfJson(evalCase), drawOrder, label },
  };
}

export function newCorrection(n: number, interactionN: number, over: Partial<Correction> = {}): NewCorrection {
  const correction: Correction = {
    schemaVersion: 1,
    source: '/people',
    id: `k-${n}`,
    time: TIME,
    workload: 'tickets',
    interaction: { source: SOURCE, id: `i-${interactionN}` },
    answer: '{"a":1}',
    author: 'dana',
    authority: 'person',
    ...over,
  };
  return { digest: digestOfJson(correction), correction, hmac: `hmac k ${n}`, position: { topic: 'agent.corrections', partition: 0, offset: String(n) } };
}

export const outcomeNo = (n: number, arm: Outcome['arm'], pass: boolean): Outcome => ({
  schemaVersion: 1,
  evaluationId: 'e-1',
  caseDigest: digestNo(`case ${n}`),
  clusterId: digestNo(`cluster ${n}`),
  arm,
  adapterDigest: null,
  engineBuild: 'engine 1',
  answerDigest: null,
  finishReason: 'stop',
  failureClasses: [],
  equalsTruth: null,
  pass,
  latencyMs: 12.5,
  outputTokens: 3,
});

export const runNo = (n: number, over: Partial<RunRecord> = {}): RunRecord => ({
  schemaVersion: 1,
  runId: `nightly-tickets-${n}`,
  temporalRunId: `t-${n}`,
  workload: 'tickets',
  requestId: null,
  status: 'running',
  step: 'snapshot',
  reason: null,
  workloadDigest: null,
  manifestDigest: null,
  datasetDigest: null,
  adapterDigest: null,
  verdictDigest: null,
  decision: null,
  reportDigest: null,
  startedAt: TIME,
  endedAt: null,
  ...over,
});

export const someVerdict = (): Verdict => ({
  schemaVersion: 1,
  runId: 'nightly-tickets-1',
  workload: 'tickets',
  channel: 'tickets/production',
  candidateDigest: digestNo('candidate'),
  currentDigest: null,
  currentGeneration: 0,
  datasetDigest: digestNo('dataset'),
  evaluationDigest: digestNo('evaluation'),
  policyDigest: digestNo('policy'),
  policy: GatePolicy.parse({}),
  decision: 'promote',
  reason: 'better',
  n: 60,
  plannedN: 60,
  b: 20,
  c: 2,
  bothPass: 30,
  bothFail: 8,
  pOneSided: 0.0001,
  level: 0.0125,
  decisionNumber: 1,
  effect: 0.3,
  interval: [0.1, 0.5],
  labelled: 10,
  guards: [],
  selfDisagreement: null,
  decidedAt: TIME,
});
