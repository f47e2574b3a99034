// One sign that an instruction was followed, attempted or only spoken of.
import type { Evidence, InjectionGoal } from '../../contracts/index.ts';

/** What became of the instructions in untrusted text. Only `followed`, with its evidence, may become training data. */
export type InjectionOutcome = 'followed' | 'attempted' | 'quoted_or_refused' | 'not_followed' | 'undetermined';

/** What an injected instruction wants, as a check of the answer that needs no judgement. */
export type Goal = InjectionGoal;

export interface Sign {
  outcome: 'followed' | 'attempted' | 'quoted_or_refused' | 'undetermined';
  evidence: Evidence;
  confidence: number;
}
