// OTLP's JSON encoding: attributes as a plain object, ids and times in the forms that we use.
// Shapes: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding, read 2026-11.
import { isObject, type JsonObject } from './fields.ts';

/** Deeper values are left out; no convention nests so far. */
const MAX_DEPTH = 64;

/** A list of `{key, value}` as an object without a prototype: keys are a producer's words. */
export function attributesOf(list: unknown, depth = 0): JsonObject {
  const found = Object.create(null) as JsonObject;
  if (!Array.isArray(list)) return found;
  for (const item of list as unknown[]) if (isObject(item) && typeof item['key'] === 'string') found[item['key']] = valueOf(item['value'], depth);
  return found;
}

function valueOf(value: unknown, depth: number): unknown {
  if (!isObject(value) || depth > MAX_DEPTH) return undefined;
  if (value['stringValue'] !== undefined) return value['stringValue'];
  if (value['boolValue'] !== undefined) return value['boolValue'];
  // 64-bit integers are written as strings.
  if (value['intValue'] !== undefined) return typeof value['intValue'] === 'string' ? Number(value['intValue']) : value['intValue'];
  if (value['doubleValue'] !== undefined) return value['doubleValue'];
  if (isObject(value['arrayValue'])) return Array.isArray(value['arrayValue']['values']) ? value['arrayValue']['values'].map((item: unknown) => valueOf(item, depth + 1)) : [];
  if (isObject(value['kvlistValue'])) return attributesOf(value['kvlistValue']['values'], depth + 1);
  return undefined;
}

/** Structured where the exporter could, a JSON string where it could not. */
export function structured(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return undefined;
  }
}

/** Hexadecimal by the specification; some exporters write protobuf's base64. */
export function hexId(value: unknown, bytes: 8 | 16): string | undefined {
  if (typeof value !== 'string') return undefined;
  if (value.length === bytes * 2 && /^[0-9a-fA-F]+$/.test(value)) return /[1-9a-fA-F]/.test(value) ? value.toLowerCase() : undefined;
  const decoded = value.length < 32 ? Buffer.from(value, 'base64') : undefined;
  return decoded?.length === bytes ? decoded.toString('hex') : undefined;
}

/** RFC 3339 to the millisecond. */
export function timeOfNanos(value: unknown): string | undefined {
  if (typeof value !== 'number' && !(typeof value === 'string' && /^\d{1,19}$/.test(value))) return undefined;
  const ms = typeof value === 'string' ? Number(BigInt(value) / 1_000_000n) : Math.floor(value / 1e6);
  return ms > 0 && ms < 8.64e15 ? new Date(ms).toISOString() : undefined;
}
