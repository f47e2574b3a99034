// The one table of error codes. A code is used verbatim as Temporal failure type in both languages.
// docs/reference/errors.md and gpu-worker/ratchet_gpu/errors.json are generated from it.

interface ErrorRow {
  readonly retryable: boolean;
  readonly means: string;
  readonly next: string;
}

export const ERROR_CODES = {
  CONFIG_INVALID: { retryable: false, means: 'A setting or flag is missing or wrong.', next: 'Correct the settings that the message lists; `ratchet doctor` checks them.' },
  WORKLOAD_INVALID: { retryable: false, means: 'A workload file has mistakes.', next: 'Correct each place that the message lists; `ratchet workload check FILE` checks it again.' },
  NOT_FOUND: { retryable: false, means: 'Nothing is kept under that id.', next: 'List what is there with the matching `ls` command.' },
  AMBIGUOUS_ID: { retryable: false, means: 'More than one thing starts with that id.', next: 'Give more of its digits.' },
  RECORD_NOT_JSON: { retryable: false, means: 'A record is not JSON.', next: 'Correct the producer; the raw record is still in Kafka at the offset given.' },
  RECORD_CONTRACT: { retryable: false, means: 'A record breaks the contract.', next: 'Compare it with docs/reference/contracts; the raw record is still in Kafka.' },
  RECORD_TOO_BIG: { retryable: false, means: 'A record is over the size limit.', next: 'Send smaller records or raise RATCHET_MAX_RECORD_BYTES.' },
  RECORD_TOO_DEEP: { retryable: false, means: 'A record nests deeper than allowed.', next: 'Correct the producer.' },
  RECORD_VERSION_UNKNOWN: { retryable: false, means: 'A record has a major version that this build does not know.', next: 'Upgrade ingest, then replay the dead letter.' },
  IDENTITY_CONFLICT: { retryable: false, means: 'An identity (source and id) came again with other content.', next: 'Correct the producer: ids must be unique per source.' },
  CHANNEL_CONFLICT: { retryable: false, means: 'The channel moved on: another change won.', next: 'Look at `ratchet trace CHANNEL`; start a new run against the adapter now live.' },
  APPROVAL_VOID: { retryable: false, means: 'The approval names other digests than those that wait.', next: 'Read the candidate again and approve its exact evaluation.' },
  APPROVAL_EXPIRED: { retryable: false, means: 'Nobody approved in time.', next: 'Start a new run.' },
  APPROVAL_SUPERSEDED: { retryable: false, means: 'A newer candidate of the same channel took the place of this one.', next: 'Decide on the newer one: `ratchet approvals ls`.' },
  APPROVAL_UNSIGNED: { retryable: false, means: 'A decision carries no signature that fits it, or too few that count.', next: 'Decide with `ratchet approvals approve` and your own key; nothing was changed.' },
  APPROVER_UNKNOWN: { retryable: false, means: 'The key of a decision is not enrolled, was revoked, or may not decide in this channel.', next: 'Have it enrolled: `ratchet key enrol FILE.pub --as NAME --channel CHANNEL`; `ratchet key ls` lists those that are.' },
  APPROVER_BARRED: { retryable: false, means: 'This person may not approve this candidate.', next: 'Somebody else has to: `ratchet approvals show RUN` lists who may.' },
  APPROVER_KEY_MISSING: { retryable: false, means: 'There is no key here to sign with.', next: 'Make one with `ratchet key new`, then have it enrolled: `ratchet key enrol FILE.pub --as NAME --channel CHANNEL`.' },
  WEBHOOK_UNAVAILABLE: { retryable: true, means: 'The webhook did not take a message.', next: 'Check RATCHET_WEBHOOK_URL and what listens there; it is tried again.' },
  WEBHOOK_FORBIDDEN: { retryable: false, means: 'The webhook leads to a private, loopback or otherwise reserved address.', next: 'Correct RATCHET_WEBHOOK_URL, or set RATCHET_WEBHOOK_ALLOW_PRIVATE=true if it is meant to.' },
  GATE_BUDGET_SPENT: { retryable: false, means: 'No decision is left in this period of the gate policy.', next: 'Wait for the next period; a change of policy takes effect then.' },
  DATASET_INVALID: { retryable: false, means: 'A dataset cannot be trained on.', next: 'See the message; `ratchet dataset show` prints its counts.' },
  RECIPE_INVALID: { retryable: false, means: 'A recipe cannot be run on this worker or served by these replicas.', next: 'Correct the recipe in the workload file.' },
  BASE_MODEL_MISSING: { retryable: false, means: 'The base model is not where the worker looks for it.', next: 'Run `npm run setup`, or set RATCHET_MODELS.' },
  TRAINING_DIVERGED: { retryable: false, means: 'The loss on the failure rows did not fall, or is not a number.', next: 'Lower the learning rate or look at the dataset; nothing was promoted.' },
  TRAINER_DIED: { retryable: true, means: 'The trainer process ended without an adapter.', next: 'It is tried again from the last checkpoint; see trainer.log in the run directory.' },
  RUN_DIRECTORY_LOCKED: { retryable: true, means: 'Another trainer still works in the run directory.', next: 'It is tried again; end the other trainer if it hangs.' },
  BLOB_CORRUPT: { retryable: false, means: 'Stored bytes do not match their digest.', next: 'Restore the blob from a backup; nothing that depends on it is used.' },
  STORE_UNAVAILABLE: { retryable: true, means: 'The metadata or blob store did not answer.', next: 'Check the disk and RATCHET_HOME.' },
  KAFKA_UNAVAILABLE: { retryable: true, means: 'Kafka did not answer.', next: 'Check KAFKA_BROKERS and that the brokers run; it is tried again.' },
  TEMPORAL_UNAVAILABLE: { retryable: true, means: 'Temporal did not answer.', next: 'Check TEMPORAL_ADDRESS and that the server runs; it is tried again.' },
  SERVING_UNAVAILABLE: { retryable: true, means: 'A vLLM replica did not answer.', next: 'Check VLLM_REPLICAS and that each replica runs; it is tried again.' },
  ADAPTER_LOAD_FAILED: { retryable: false, means: 'A replica refused to load an adapter.', next: 'See the message; the channel is as it was.' },
  ADAPTER_NOT_SERVED: { retryable: true, means: 'A replica does not serve the adapter that it should.', next: 'It is loaded again before traffic returns to the replica.' },
  SMOKE_TEST_FAILED: { retryable: false, means: 'The adapter did not answer the smoke test.', next: 'The channel is as it was; look at the report of the run.' },
  ISOLATION_BROKEN: { retryable: false, means: 'A replica mixes adapters up: answers alone and in a mixed batch differ.', next: 'Serve with the Ratchet vLLM plugin (CPU) or another engine version; nothing is evaluated or promoted on that replica.' },
  EVALUATION_INCOMPLETE: { retryable: true, means: 'An evaluation lacks answers.', next: 'It goes on where it stopped.' },
  JUDGE_UNAVAILABLE: { retryable: true, means: 'The judge model of a suite or workload gave no verdict.', next: 'Check JUDGE_URL, JUDGE_API_KEY and that the engine serves the model. The verdict stands without it, or holds where the judge is required; rows of injections stay unconfirmed.' },
  JUDGE_MISMATCH: { retryable: false, means: 'The judge engine is not the one that is pinned.', next: 'Serve the pinned model, or change `judge` in the suite file, or `injectionJudge` in the workload file: that makes another judge, and keeps nothing of the former one.' },
  UNAUTHORIZED: { retryable: false, means: 'The caller gave no valid token.', next: 'Send the token in the Authorization header.' },
  REQUEST_INVALID: { retryable: false, means: 'A request cannot be understood.', next: 'See the message for the field.' },
  INTERNAL: { retryable: true, means: 'Something that should not happen did.', next: 'Report it with the code and the log line.' },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERROR_CODES;

/**
 * An error a person can act on. `message` says what happened and where; it must never carry a value
 * from a record (prompt, answer, header), only places: file, line, JSON pointer, topic, offset, digest.
 */
export class RatchetError extends Error {
  override readonly name = 'RatchetError';
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }
  get next(): string {
    return ERROR_CODES[this.code].next;
  }
}

/** The error's own words if it is ours, else only its class: foreign messages may quote records. */
export function safeMessage(error: unknown): string {
  if (error instanceof RatchetError) return `${error.code}: ${error.message}`;
  if (error instanceof Error) {
    const code = (error as { code?: unknown }).code;
    return typeof code === 'string' ? `${error.name} (${code})` : error.name;
  }
  return 'unknown error';
}

export function assertNever(value: never): never {
  throw new RatchetError('INTERNAL', `unexpected case ${typeof value}`);
}
