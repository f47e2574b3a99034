// One record, from raw to kept: judged as it was said, redacted, judged again, named, and given its side of the split.
import type { Correction, Digest, Evidence, Finding, Interaction } from '../core/contracts/index.ts';
import { CLUSTER_FUNCTION, clusterIdOf, sideOf } from '../core/curate/cluster.ts';
import { drawCase } from '../core/curate/draw.ts';
import { detect, sameVerdict } from '../core/detect/index.ts';
import { digestOfBytes, keyedHash } from '../core/digest.ts';
import { mapRange, type OffsetMap, type Recogniser } from '../core/redact/index.ts';
import type { Keys } from '../stores/keys.ts';
import type { NewCorrection, NewInteraction } from '../stores/ports.ts';
import { createRedactors } from '../stores/redactors.ts';
import type { LoadedWorkload } from '../stores/workloads.ts';
import { canonicalText } from './parse.ts';

export interface Judge {
  interaction(raw: Interaction, loaded: LoadedWorkload): Omit<NewInteraction, 'hmac' | 'position'>;
  /** By itself: its interaction may come later. */
  correction(raw: Correction, tenant: string, loaded: LoadedWorkload): Omit<NewCorrection, 'hmac' | 'position'>;
  /** Where the two meet in the store, whichever came first: what only the interaction's words gave away is replaced. */
  meet(interaction: Interaction, correction: Correction, loaded: LoadedWorkload | undefined): Correction;
}

/**
 * Pure but for its cache of redactors: the same record with the same keys gives the same result, whenever it is replayed.
 * @param recogniser finds names and addresses for the workloads that ask for it
 */
export function createJudge(keys: Keys, recogniser?: Recogniser): Judge {
  const redactorOf = createRedactors(keys, recogniser);

  return {
    interaction(raw, { workload, outputSchema }) {
      const judged = (interaction: Interaction): Finding[] => {
        const { messages, tools, answer, finishReason } = interaction;
        return detect({ messages, tools, outputSchema: interaction.outputSchema ?? outputSchema, answer, finishReason }, workload.detectors);
      };
      const before = judged(raw);
      const redactor = redactorOf(raw.tenant, workload.redaction.names);
      const redacted = redactor.redactInteraction(raw);
      // Nothing replaced: what would be judged again is what was judged.
      const after = redacted.replaced === 0 ? before : judged(redacted.interaction);
      const changedVerdict = !sameVerdict(before, after);
      const interaction: Interaction = {
        ...redacted.interaction,
        ...optional('session', raw.session === undefined ? undefined : redactor.redactText(raw.session)),
        ...optional('subject', raw.subject === undefined ? undefined : keyedHash(keys.subject, raw.subject)),
        redaction: { version: redactor.version, replaced: redacted.replaced, changedVerdict, ...(redacted.values.length > 0 ? { values: redacted.values } : {}) },
      };
      const { digest, text } = named(interaction);
      const clusterId = clusterIdOf(interaction.messages);
      const { evalShare, caseShare, labelShare } = workload.collection;
      const side = sideOf(clusterId, keys.split, evalShare);
      return {
        digest,
        interaction,
        text,
        findings: before.map((finding) => placedIn(interaction.answer.text, finding, after, redacted.answerOffsets)),
        ledger: { clusterId, side, clusterFunction: CLUSTER_FUNCTION, keyId: keys.keyId },
        drawn: side === 'eval' && interaction.operation === undefined ? drawCase(interaction, digest, clusterId, keys.split, { caseShare, labelShare }) : null,
      };
    },

    correction(raw, tenant, { workload }) {
      const correction: Correction = { ...raw, answer: redactorOf(tenant, workload.redaction.names).redactAnswer(raw.answer, []) };
      return { digest: named(correction).digest, correction };
    },

    meet: ({ tenant, redaction }, correction, loaded) =>
      redaction?.values === undefined ? correction : { ...correction, answer: redactorOf(tenant, loaded?.workload.redaction.names ?? false).redactAnswer(correction.answer, redaction.values) },
  };
}

/**
 * A finding on the raw answer, as it is kept beside the redacted one: what was said decides, and its places are mapped.
 * Pointers and details come from the same finding on the redacted answer, since those of the raw one could quote a value;
 * where that has no such finding they are left out.
 */
function placedIn(stored: string, finding: Finding, after: readonly Finding[], offsets: OffsetMap): Finding {
  const twin = after.find((other) => other.class === finding.class && other.detector === finding.detector);
  const isTwin = twin?.evidence.length === finding.evidence.length && twin.evidence.every((evidence, index) => evidence.rule === finding.evidence[index]?.rule);
  return {
    ...finding,
    evidence: finding.evidence.map(({ rule, start, end, pointer }, index): Evidence => {
      const { start: _start, end: _end, ...kept } = isTwin ? (twin.evidence[index] as Evidence) : { rule };
      // Offsets beside a pointer count within the string it points at: only the finding on that string knows them.
      if (pointer !== undefined) return isTwin ? (twin.evidence[index] as Evidence) : { rule };
      if (start === undefined) return kept;
      const place = mapRange(offsets, start, end ?? start);
      return { ...kept, start: Math.min(place.start, stored.length), ...(end === undefined ? {} : { end: Math.min(place.end, stored.length) }) };
    }),
  };
}

const optional = (name: string, value: unknown): Record<string, unknown> => (value === undefined ? {} : { [name]: value });

/** The text that is kept, and its name. */
function named(document: unknown): { digest: Digest; text: string } {
  const text = canonicalText(document);
  return { digest: digestOfBytes(text), text };
}
