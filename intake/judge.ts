// One record, from raw to kept: judged as it was said, redacted, judged again, named, and given its side of the split.
import type { Correction, Digest, Finding, Interaction } from '../core/contracts/index.ts';
import { CLUSTER_FUNCTION, clusterIdOf, sideOf } from '../core/curate/cluster.ts';
import { drawCase } from '../core/curate/draw.ts';
import { detect, sameVerdict } from '../core/detect/index.ts';
import { canonicalJson, digestOfBytes, keyedHash } from '../core/digest.ts';
import { RatchetError } from '../core/errors.ts';
import { REDACTOR_VERSION, createRedactor, type Redactor } from '../core/redact/index.ts';
import { tenantKey, type Keys } from '../stores/keys.ts';
import type { NewCorrection, NewInteraction } from '../stores/ports.ts';
import type { LoadedWorkload } from '../stores/workloads.ts';

/** Tenants whose redactors are kept; more are made anew when they speak again. */
const MAX_REDACTORS = 1_000;

export interface Judge {
  interaction(raw: Interaction, loaded: LoadedWorkload): Omit<NewInteraction, 'hmac' | 'position'>;
  correction(raw: Correction, tenant: string): Omit<NewCorrection, 'hmac' | 'position'>;
}

/** Pure but for its cache of redactors: the same record with the same keys gives the same result, whenever it is replayed. */
export function createJudge(keys: Keys): Judge {
  const redactors = new Map<string, Redactor>();
  const redactorOf = (tenant: string): Redactor => {
    let redactor = redactors.get(tenant);
    if (redactor === undefined) {
      if (redactors.size >= MAX_REDACTORS) redactors.clear();
      redactor = createRedactor(tenantKey(keys, tenant));
      redactors.set(tenant, redactor);
    }
    return redactor;
  };

  return {
    interaction(raw, { workload, outputSchema }) {
      const judged = (interaction: Interaction): Finding[] => {
        const { messages, tools, answer, finishReason } = interaction;
        return detect({ messages, tools, outputSchema: interaction.outputSchema ?? outputSchema, answer, finishReason }, workload.detectors);
      };
      const before = judged(raw);
      const redactor = redactorOf(raw.tenant);
      const redacted = redactor.redactInteraction(raw);
      // Nothing replaced: what would be judged again is what was judged.
      const after = redacted.replaced === 0 ? before : judged(redacted.interaction);
      const changedVerdict = !sameVerdict(before, after);
      const interaction: Interaction = {
        ...redacted.interaction,
        ...optional('session', raw.session === undefined ? undefined : redactor.redactText(raw.session)),
        ...optional('subject', raw.subject === undefined ? undefined : keyedHash(keys.subject, raw.subject)),
        ...optional('attributes', redactJson(raw['attributes'], redactor)),
        redaction: { version: REDACTOR_VERSION, replaced: redacted.replaced, changedVerdict },
      };
      const { digest, text } = named(interaction);
      const clusterId = clusterIdOf(interaction.messages);
      const { evalShare, caseShare, labelShare } = workload.collection;
      const side = sideOf(clusterId, keys.split, evalShare);
      return {
        digest,
        interaction,
        text,
        // What was said decides; but offsets and details from the raw text would point at, or quote, what is no longer there.
        findings: changedVerdict ? before.map(withoutText) : after,
        ledger: { clusterId, side, clusterFunction: CLUSTER_FUNCTION, keyId: keys.keyId },
        drawn: side === 'eval' ? drawCase(interaction, digest, clusterId, keys.split, { caseShare, labelShare }) : null,
      };
    },

    correction(raw, tenant) {
      const correction: Correction = { ...raw, answer: redactorOf(tenant).redactText(raw.answer) };
      return { digest: named(correction).digest, correction };
    },
  };
}

const withoutText = (finding: Finding): Finding => ({ ...finding, evidence: finding.evidence.map(({ rule }) => ({ rule })) });

const optional = (name: string, value: unknown): Record<string, unknown> => (value === undefined ? {} : { [name]: value });

/** Every string and name of a value whose shape we do not know. Its depth was capped when the record was read. */
function redactJson(value: unknown, redactor: Redactor): unknown {
  if (typeof value === 'string') return redactor.redactText(value);
  if (Array.isArray(value)) return value.map((item) => redactJson(item, redactor));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [redactor.redactText(name), redactJson(item, redactor)]));
}

/** The text that is kept, and its name. Unknown attributes may carry what canonical JSON cannot, such as a number beyond a double. */
function named(document: unknown): { digest: Digest; text: string } {
  try {
    const text = canonicalJson(document);
    return { digest: digestOfBytes(text), text };
  } catch {
    throw new RatchetError('RECORD_CONTRACT', '/ carries a number or text that canonical JSON cannot');
  }
}
