// Whether an answer keeps the workload's rules: phrases that must not and phrases that must be there.
import type { DetectorSettings, Evidence, PolicyRule } from '../contracts/index.ts';
import type { AnswerString } from './answer-text.ts';

export const POLICY_DETECTOR = 'policy@1';

interface CompiledRule {
  rule: PolicyRule;
  forbid: RegExp[];
  require: RegExp[];
}

const compiledRules = new WeakMap<DetectorSettings, CompiledRule[]>();

/** Whole words, any case, any white space between them: "no refund" is not in "no refunds". */
function phrasePattern(phrase: string): RegExp {
  const words = phrase.trim().split(/\s+/).map((word) => word.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&'));
  const body = words.join('\\s+');
  return new RegExp(`${/^[\p{L}\p{N}]/u.test(phrase.trim()) ? '(?<![\\p{L}\\p{N}])' : ''}${body}${/[\p{L}\p{N}]$/u.test(phrase.trim()) ? '(?![\\p{L}\\p{N}])' : ''}`, 'iu');
}

function rulesOf(settings: DetectorSettings): CompiledRule[] {
  let compiled = compiledRules.get(settings);
  if (!compiled) {
    compiled = settings.rules.map((rule) => ({ rule, forbid: rule.forbid.map(phrasePattern), require: rule.require.map(phrasePattern) }));
    compiledRules.set(settings, compiled);
  }
  return compiled;
}

export interface PolicyVerdict {
  policy_violation: Evidence[];
  persona_break: Evidence[];
}

/**
 * Evidence names the rule and the number of its phrase, never the phrase.
 * @param strings what the answer says
 * @param whole the answer is there in full; without it nothing can be missing
 */
export function judgePolicy(strings: readonly AnswerString[], settings: DetectorSettings, whole: boolean): PolicyVerdict {
  const verdict: PolicyVerdict = { policy_violation: [], persona_break: [] };
  for (const { rule, forbid, require } of rulesOf(settings)) {
    forbid.forEach((pattern, index) => {
      for (const { text, pointer } of strings) {
        const found = pattern.exec(text);
        if (!found) continue;
        const place = pointer === undefined ? { start: found.index, end: found.index + found[0].length } : { pointer };
        verdict[rule.class].push({ rule: rule.id, detail: `forbidden phrase ${index + 1}`, ...place });
        break;
      }
    });
    if (!whole) continue;
    require.forEach((pattern, index) => {
      if (!strings.some(({ text }) => pattern.test(text))) verdict[rule.class].push({ rule: rule.id, detail: `required phrase ${index + 1} is missing` });
    });
  }
  return verdict;
}
