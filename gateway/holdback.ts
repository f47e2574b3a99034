// Which arm a request is drawn into while a share of a channel's sessions is left on the former adapter.
import type { ChannelEntry, Digest, HoldbackMark } from '../core/contracts/index.ts';
import { keyedHash, keyedUnit } from '../core/digest.ts';
import type { RatchetHeaders } from './headers.ts';

export interface Drawn {
  /** What the interaction says of the draw; undefined while nothing is held back. */
  mark: HoldbackMark | undefined;
  /** Who is to answer; null: the base. */
  adapter: Digest | null;
}

/** The former adapter that still answers a share of the channel's sessions; undefined when none does (null: the base model). */
export const heldBack = ({ holdback }: ChannelEntry, nowMs: number): Digest | null | undefined =>
  holdback !== undefined && nowMs < Date.parse(holdback.until) ? holdback.digest : undefined;

/**
 * Draws by a keyed hash of the channel's generation and the session, or the request where it names none: a session stays on one
 * arm, a greater share keeps those that were held back, and nobody without the key can choose an arm.
 * Where no replica serves the former adapter the live one answers, and the mark still says how it was drawn: to leave such
 * answers out would make the arms differ in more than the adapter.
 * @param key of the hash; see `holdbackKey`
 */
export function drawArm(entry: ChannelEntry, { tenant, session, interaction }: Pick<RatchetHeaders, 'tenant' | 'session' | 'interaction'>, key: string, serves: (adapter: Digest | null) => boolean, nowMs: number): Drawn {
  const former = heldBack(entry, nowMs);
  if (former === undefined || entry.holdback === undefined) return { mark: undefined, adapter: entry.live };
  const { share } = entry.holdback;
  const unit = session === undefined ? `request ${interaction}` : `session ${session}`;
  const arm = keyedUnit(key, `${entry.channel} ${entry.generation} ${tenant} ${unit}`) < share ? 'holdback' : 'live';
  return { mark: { arm, share }, adapter: arm === 'holdback' && serves(former) ? former : entry.live };
}

/** The draw's own key: what the gateway hashes of callers otherwise tells nothing of it. */
export const holdbackKey = (subjectKey: string): string => keyedHash(subjectKey, 'ratchet holdback draw');
