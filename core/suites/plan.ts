// Whether a suite has enough cases for the guards that are set on it: said beforehand, so that an undecided guard surprises nobody.
import type { GatePolicy, Guard } from '../contracts/index.ts';
import { casesForGuard } from '../gate/plan.ts';
import type { Suite, SuiteItem } from './suite.ts';

export interface SuiteGuardPlan {
  id: string;
  /** Clusters with which a harmless candidate passes with the policy's power; null: more than can be planned for. */
  wanted: number | null;
  clusters: number;
}

/**
 * A guard on latency or length is no rate: it is left out. How often two harmless arms differ in a suite is not known
 * beforehand; as for guards on failure classes, a tenth of the discordance that the policy expects is taken.
 */
export function suiteGuardPlans(policy: Pick<GatePolicy, 'power' | 'expectedDiscordance'>, guards: readonly Guard[], { name }: Pick<Suite, 'name'>, items: readonly SuiteItem[]): SuiteGuardPlan[] {
  const clusters = new Set(items.map(({ cluster }) => cluster)).size;
  return guards
    .filter((guard) => guard.kind === 'suite' && guard.suite === name && guard.metric !== 'latency' && guard.metric !== 'length')
    .map(({ id, margin }) => ({ id, wanted: casesForGuard(margin, policy.expectedDiscordance / 10, policy.power), clusters }));
}
