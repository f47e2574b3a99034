// Checks the simulation's short cut by counts: the same answers as full outcome records through the gate's whole decision.
import type { Arm, FailureClass, GatePolicy, Outcome, Verdict } from '../../contracts/index.ts';
import { digestOfBytes } from '../../digest.ts';
import { RatchetError } from '../../errors.ts';
import { decide } from '../decide.ts';
import type { Ruling } from './gates.ts';
import { CANDIDATE_MALFORMED, CANDIDATE_PASSES, CURRENT_MALFORMED, CURRENT_PASSES } from './models.ts';
import type { Sample } from './sample.ts';

const ADAPTERS = { candidate: digestOfBytes('simulated candidate'), current: digestOfBytes('simulated current') };
const BITS = { candidate: { passes: CANDIDATE_PASSES, malformed: CANDIDATE_MALFORMED }, current: { passes: CURRENT_PASSES, malformed: CURRENT_MALFORMED } };

function outcomeOf(arm: Arm, mask: number, ids: Pick<Outcome, 'caseDigest' | 'clusterId'>): Outcome {
  const failureClasses: FailureClass[] = mask & BITS[arm].malformed ? ['malformed_json'] : [];
  return {
    schemaVersion: 1,
    evaluationId: 'simulation',
    ...ids,
    arm,
    adapterDigest: ADAPTERS[arm],
    engineBuild: 'simulated',
    answerDigest: ids.caseDigest,
    finishReason: 'stop',
    failureClasses,
    equalsTruth: null,
    pass: (mask & BITS[arm].passes) !== 0,
    latencyMs: 100,
    outputTokens: 1,
  };
}

/** The verdict of `decide` on the sample's cases. Cases of one cluster follow each other. */
function verdictOf(sample: Sample, policy: GatePolicy, level: number): Verdict {
  const outcomes: Outcome[] = [];
  const add = (mask: number, ids: Pick<Outcome, 'caseDigest' | 'clusterId'>): void => void outcomes.push(outcomeOf('current', mask, ids), outcomeOf('candidate', mask, ids));
  let at = 0;
  for (const { caseDigest, clusterId, clusterSize } of sample.cases) {
    for (let k = 0; k < (sample.clusters ? clusterSize : 1); k += 1, at += 1) add(sample.masks[at] ?? 0, { caseDigest: k === 0 ? caseDigest : digestOfBytes(`${caseDigest} ${k}`), clusterId });
  }
  return decide({
    runId: 'simulation',
    workload: 'simulation',
    channel: 'simulation/production',
    candidateDigest: ADAPTERS.candidate,
    currentDigest: ADAPTERS.current,
    currentGeneration: 1,
    datasetDigest: ADAPTERS.candidate,
    evaluationDigest: ADAPTERS.candidate,
    policy,
    policyDigest: ADAPTERS.candidate,
    plannedN: sample.n,
    level,
    decisionNumber: 1,
    outcomes,
    selfDisagreement: null,
    decidedAt: '2026-01-01T00:00:00.000Z',
  });
}

/** @throws INTERNAL where the records give another verdict than the counts: no number of the simulation could be trusted */
export function audit(sample: Sample, ruling: Ruling, policy: GatePolicy): void {
  const verdict = verdictOf(sample, policy, ruling.level);
  const same = verdict.decision === ruling.decision && verdict.b === sample.b && verdict.c === sample.c && verdict.pOneSided === ruling.p;
  if (!same) throw new RatchetError('INTERNAL', `the simulation judged by counts: ${ruling.decision} (b ${sample.b}, c ${sample.c}, p ${ruling.p}); by records: ${verdict.decision} (b ${verdict.b}, c ${verdict.c}, p ${verdict.pOneSided})`);
}
