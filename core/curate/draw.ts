// Draws evaluation cases blind: by a keyed hash of identity, never by what was answered.
import type { Digest, EvalCase, Interaction } from '../contracts/index.ts';
import { digestOfJson, keyedHash, keyedUnit } from '../digest.ts';

export interface DrawnCase {
  case: EvalCase;
  caseDigest: Digest;
  /** Hex keyed hash: cases are used in this order. */
  drawOrder: string;
  /** Its cluster was chosen for labelling. */
  label: boolean;
}

/**
 * The case that this interaction becomes, or null when the hash leaves it out. Only for interactions whose cluster the
 * ledger has on the eval side. The answer does not enter: neither the draw nor the case depends on it. (The digest names
 * the whole interaction, but nobody without the key can steer the draw by it, and it takes no part in the draw.)
 * @param shares.caseShare share of eval-side traffic drawn, 0 to 1
 * @param shares.labelShare share of clusters whose cases a person is asked to label, 0 to 1
 */
export function drawCase(
  interaction: Interaction,
  interactionDigest: Digest,
  clusterId: Digest,
  splitKey: string,
  shares: { caseShare: number; labelShare: number },
): DrawnCase | null {
  const identity = `${interaction.source}\n${interaction.id}`;
  if (keyedUnit(splitKey, `pool:${identity}`) >= shares.caseShare) return null;
  const drawn: EvalCase = {
    schemaVersion: 1,
    interactionDigest,
    clusterId,
    messages: interaction.messages,
    ...(interaction.tools && { tools: interaction.tools }),
    ...(interaction.outputSchema && { outputSchema: interaction.outputSchema }),
    ...(interaction.responseFormat && { responseFormat: interaction.responseFormat }),
    sampling: interaction.sampling,
  };
  return {
    case: drawn,
    caseDigest: digestOfJson(drawn),
    drawOrder: keyedHash(splitKey, `case:${identity}`),
    label: keyedUnit(splitKey, `label:${clusterId}`) < shares.labelShare,
  };
}
