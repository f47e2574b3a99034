// What an interaction can teach: the correction that counts as its right answer, and whether its own answer was good.
import type { Correction, Digest, FailureClass, Finding, Interaction, Workload } from '../contracts/index.ts';
import { sameAnswer } from './answers.ts';

export interface KeptCorrection {
  digest: Digest;
  correction: Correction;
}

/** Honest answers of the detectors that blame nobody: no failure, but no good answer either. */
const BLAMES_NOBODY: ReadonlySet<FailureClass> = new Set<FailureClass>(['schema_invalid', 'undetermined']);

/** `failure` with `target: null` has no acceptable correction yet. `neither` teaches nothing. */
export type Lesson =
  | { kind: 'failure'; classes: FailureClass[]; target: KeptCorrection | null }
  | { kind: 'good' }
  | { kind: 'neither' };

/** A person before any machine, then the latest, then by digest: the same choice whatever the order of arrival. */
function byPreference(a: KeptCorrection, b: KeptCorrection): number {
  const person = Number(b.correction.authority === 'person') - Number(a.correction.authority === 'person');
  const later = Date.parse(b.correction.time) - Date.parse(a.correction.time);
  return person || later || (a.digest < b.digest ? -1 : Number(a.digest > b.digest));
}

/**
 * @param corrections all corrections that name this interaction, in any order
 * @param checkTarget true when the answer passes the workload's detectors for this interaction
 */
export function lessonOf(
  interaction: Interaction,
  findings: readonly Finding[],
  corrections: readonly KeptCorrection[],
  workload: Workload,
  checkTarget: (interaction: Interaction, answer: string) => boolean,
): Lesson {
  const trusted = corrections.filter(({ correction }) => workload.trustedCorrections.includes(correction.authority)).sort(byPreference);
  const target = trusted.find(({ correction }) => correction.answer !== '' && checkTarget(interaction, correction.answer)) ?? null;
  const contradicts = ({ correction }: KeptCorrection) => !sameAnswer(correction.answer, interaction.answer.text);

  const classes = [...new Set(findings.map((finding) => finding.class))].filter((name) => !BLAMES_NOBODY.has(name)).sort();
  if (classes.length > 0) return { kind: 'failure', classes, target };
  // The detectors are content, but whoever may say so says otherwise. Where trusted sources disagree, the preferred one decides.
  if (target ? contradicts(target) : trusted.some(contradicts)) return { kind: 'failure', classes: ['semantic_error'], target };

  // A correction that still waits for review is enough doubt not to repeat the answer.
  const good = findings.length === 0 && interaction.finishReason === 'stop' && interaction.answer.text.trim() !== '' && !interaction.answer.toolCalls?.length && !corrections.some(contradicts);
  return { kind: good ? 'good' : 'neither' };
}
