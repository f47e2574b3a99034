// The process's exit codes, one meaning each; docs/reference/cli.md lists them.
import { RatchetError, assertNever, type ErrorCode } from '../core/errors.ts';

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  requirements: 3,
  notFound: 4,
  conflict: 5,
  unavailable: 6,
  /** `detect --fail-on-found`: every line was judged, and some answers have failures. */
  found: 7,
  /** `demo --tour`: an act did not end as it was announced. */
  notAsAnnounced: 8,
  interrupted: 130,
} as const;

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof RatchetError)) return EXIT.failed;
  const code: ErrorCode = error.code;
  switch (code) {
    case 'CONFIG_INVALID':
    case 'WORKLOAD_INVALID':
    case 'REQUEST_INVALID':
    case 'AMBIGUOUS_ID':
      return EXIT.usage;
    case 'BASE_MODEL_MISSING':
    case 'APPROVER_KEY_MISSING':
      return EXIT.requirements;
    case 'NOT_FOUND':
      return EXIT.notFound;
    case 'CHANNEL_CONFLICT':
    case 'IDENTITY_CONFLICT':
    case 'APPROVAL_VOID':
    case 'APPROVAL_EXPIRED':
    case 'APPROVAL_SUPERSEDED':
    case 'APPROVER_BARRED':
    case 'GATE_BUDGET_SPENT':
      return EXIT.conflict;
    case 'KAFKA_UNAVAILABLE':
    case 'TEMPORAL_UNAVAILABLE':
    case 'SERVING_UNAVAILABLE':
    case 'STORE_UNAVAILABLE':
    case 'WEBHOOK_UNAVAILABLE':
    case 'JUDGE_UNAVAILABLE':
      return EXIT.unavailable;
    case 'RECORD_NOT_JSON':
    case 'RECORD_CONTRACT':
    case 'RECORD_TOO_BIG':
    case 'RECORD_TOO_DEEP':
    case 'RECORD_VERSION_UNKNOWN':
    case 'DATASET_INVALID':
    case 'RECIPE_INVALID':
    case 'TRAINING_DIVERGED':
    case 'TRAINER_DIED':
    case 'RUN_DIRECTORY_LOCKED':
    case 'BLOB_CORRUPT':
    case 'ADAPTER_LOAD_FAILED':
    case 'ADAPTER_NOT_SERVED':
    case 'SMOKE_TEST_FAILED':
    case 'ISOLATION_BROKEN':
    case 'EVALUATION_INCOMPLETE':
    case 'UNAUTHORIZED':
    case 'APPROVAL_UNSIGNED':
    case 'APPROVER_UNKNOWN':
    case 'WEBHOOK_FORBIDDEN':
    case 'JUDGE_MISMATCH':
    case 'INTERNAL':
      return EXIT.failed;
    default:
      return assertNever(code);
  }
}
