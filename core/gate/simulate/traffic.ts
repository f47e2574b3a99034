// Made-up traffic through the real selection: clusters, sides, the keyed draw, draw order and retirement.
import type { Digest, Interaction } from '../../contracts/index.ts';
import { clusterIdOf, sideOf } from '../../curate/cluster.ts';
import { drawCase } from '../../curate/draw.ts';
import { digestOfBytes } from '../../digest.ts';
import { RatchetError } from '../../errors.ts';
import { seededRandom, type Random } from '../random.ts';

export interface SelectedCase {
  caseDigest: Digest;
  clusterId: Digest;
  /** Chosen for labelling by the keyed hash. */
  label: boolean;
  /** Interactions of its cluster that had arrived when the decision came. */
  clusterSize: number;
}

export interface TrafficShape {
  decisions: number;
  casesPerDecision: number;
  /** Mean number of interactions of one template. */
  clusterMean: number;
  seed: number;
}

const SHARES = { caseShare: 0.9, labelShare: 0.25 };
const EVAL_SHARE = 0.8;
/** Fresh cases waiting when a decision comes, over those that it takes: so that the draw order matters. */
const WAITING = 1.25;
/** A template that comes back is one of the latest so many. */
const RECENT = 50;
const SYLLABLES = ['ba', 'de', 'fi', 'go', 'hu', 'ka', 'le', 'mi', 'no', 'pu', 'ra', 'se', 'ti', 'vo', 'wu', 'za'];

/** A word per number, of letters only: what is masked in a prompt must not tell two templates apart. */
function nameOf(cluster: number): string {
  let name = '';
  for (let rest = cluster + 1; rest > 0; rest = Math.floor(rest / SYLLABLES.length)) name += SYLLABLES[rest % SYLLABLES.length] ?? '';
  return name;
}

function interactionOf(index: number, cluster: number, random: Random): Interaction {
  return {
    schemaVersion: 1,
    source: '/simulation',
    id: `i-${index}`,
    time: '2026-01-01T00:00:00.000Z',
    workload: 'simulation',
    channel: 'simulation/production',
    adapterDigest: null,
    generation: 0,
    baseModel: 'simulated',
    engineBuild: 'simulated',
    promptVersion: '1',
    tenant: 'simulation',
    consentBasis: 'contract',
    retentionDays: 1,
    messages: [{ role: 'user', parts: [{ text: `Please ${nameOf(cluster)} order ${1000 + random.below(9000)} of 2026-03-${10 + random.below(20)}.`, trusted: true }] }],
    answer: { text: '' },
    finishReason: 'stop',
    sampling: {},
  };
}

/**
 * The cases of each decision, in the order of the keyed hash. Which cases these are does not depend on any answer, so
 * one selection serves all repetitions.
 * @throws INTERNAL when the selection gives a cluster or a case twice: every number of the simulation would be wrong
 */
export function selectCases({ decisions, casesPerDecision, clusterMean, seed }: TrafficShape): SelectedCase[][] {
  const random = seededRandom(seed, 1);
  const key = `simulation ${seed}`;
  const sides = new Map<Digest, 'train' | 'eval'>();
  const sizes = new Map<Digest, number>();
  const pool = new Map<Digest, { caseDigest: Digest; drawOrder: string; label: boolean }>();
  const retired = new Set<Digest>();
  let [interactions, clusters] = [0, 0];

  const arrive = (): void => {
    const isNew = clusters === 0 || random.uniform() < 1 / clusterMean;
    const cluster = isNew ? clusters++ : clusters - 1 - random.below(Math.min(clusters, RECENT));
    const interaction = interactionOf(interactions++, cluster, random);
    const clusterId = clusterIdOf(interaction.messages);
    const side = sides.get(clusterId) ?? sideOf(clusterId, key, EVAL_SHARE);
    sides.set(clusterId, side);
    if (side !== 'eval') return;
    const drawn = drawCase(interaction, digestOfBytes(interaction.id), clusterId, key, SHARES);
    if (drawn === null) return;
    sizes.set(clusterId, (sizes.get(clusterId) ?? 0) + 1);
    // A cluster gives one case for life.
    if (!pool.has(clusterId) && !retired.has(clusterId)) pool.set(clusterId, { caseDigest: drawn.caseDigest, drawOrder: drawn.drawOrder, label: drawn.label });
  };

  const seen = new Set<Digest>();
  return Array.from({ length: decisions }, () => {
    while (pool.size < casesPerDecision * WAITING) arrive();
    const ordered = [...pool].sort(([, x], [, y]) => (x.drawOrder < y.drawOrder ? -1 : 1)).slice(0, casesPerDecision);
    return ordered.map(([clusterId, { caseDigest, label }]) => {
      pool.delete(clusterId);
      retired.add(clusterId);
      if (seen.has(clusterId) || seen.has(caseDigest)) throw new RatchetError('INTERNAL', 'the selection gave a case or a cluster twice');
      seen.add(clusterId).add(caseDigest);
      return { caseDigest, clusterId, label, clusterSize: sizes.get(clusterId) ?? 1 };
    });
  });
}
