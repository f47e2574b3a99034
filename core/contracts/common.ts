// The small shapes that every other contract is built from.
import { z } from 'zod';

/** `sha256:` and 64 lower-case hex digits: the name of any content. */
export const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hex digits');
export type Digest = z.infer<typeof Digest>;

export const SchemaVersion = z.literal(1);

/** RFC 3339 instant in UTC, as `Date.prototype.toISOString` writes it. */
export const Instant = z.iso.datetime({ offset: true });

export const FAILURE_CLASSES = [
  'malformed_json',
  'schema_violation',
  'tool_call_invalid',
  'injection_followed',
  'policy_violation',
  'persona_break',
  'refusal',
  'truncated',
  'semantic_error',
  'schema_invalid',
  'undetermined',
] as const;
export const FailureClass = z.enum(FAILURE_CLASSES);
export type FailureClass = z.infer<typeof FailureClass>;

/** A channel's name, `<workload>/<slot>`: it is also the `model` that clients ask the gateway for. */
export const ChannelName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}\/[a-z0-9][a-z0-9-]{0,62}$/, 'must look like tickets/production');
export const WorkloadName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lower-case letters, digits and dashes');

/** Any JSON value; `z.json()` would walk it twice on the hot path. */
export const Json = z.unknown();
export const JsonObject = z.record(z.string(), z.unknown());

/** Who did something, always a named person or a named part of the system. */
export const Actor = z.string().min(1).max(200);
