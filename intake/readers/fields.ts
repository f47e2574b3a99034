// Takes fields out of a document of unknown shape; a wrong one is named by its JSON pointer, never by its value.
import type { Message, Tool, ToolCall } from '../../core/contracts/index.ts';
import { RatchetError } from '../../core/errors.ts';

export type JsonObject = Record<string, unknown>;

export const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

export const wrongAt = (pointer: string, what: string): RatchetError => new RatchetError('RECORD_CONTRACT', `${pointer} ${what}`);

export function objectAt(value: unknown, pointer: string): JsonObject {
  if (!isObject(value)) throw wrongAt(pointer, 'must be an object');
  return value;
}

export function arrayAt(value: unknown, pointer: string): unknown[] {
  if (!Array.isArray(value)) throw wrongAt(pointer, 'must be an array');
  return value;
}

export function stringAt(value: unknown, pointer: string): string {
  if (typeof value !== 'string') throw wrongAt(pointer, 'must be a string');
  return value;
}

export function stringsAt(value: unknown, pointer: string): string[] {
  return arrayAt(value, pointer).map((item, index) => stringAt(item, `${pointer}/${index}`));
}

export const optionalString = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

/** A number, also where it is written as a string, as JSON of 64-bit integers does. */
export function optionalNumber(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^-?\d{1,19}(?:\.\d{1,19})?$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

export function optionalInt(value: unknown): number | undefined {
  const number = optionalNumber(value);
  return number !== undefined && Number.isSafeInteger(number) ? number : undefined;
}

/** Leaves unset fields out. */
export const defined = <T extends object>(fields: T): T => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;

/** The text as it is; any other value as JSON. @throws RangeError where it nests too deep to be written */
export const asText = (value: unknown): string => (typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value));

/** A tool in either spelling in use: flat, or nested under `function`. */
export function toolAt(value: unknown, pointer: string): Tool {
  const outer = objectAt(value, pointer);
  const isNested = isObject(outer['function']);
  const tool = isNested ? (outer['function'] as JsonObject) : outer;
  const parameters = tool['parameters'] ?? tool['input_schema'];
  return defined({
    name: stringAt(tool['name'], `${pointer}${isNested ? '/function' : ''}/name`),
    description: optionalString(tool['description']),
    parameters: isObject(parameters) ? parameters : undefined,
  });
}

/** A call in either spelling: `{name, arguments}`, or nested under `function`. Arguments stay the text that the model wrote where the export kept it. */
export function toolCallAt(value: unknown, pointer: string): ToolCall {
  const outer = objectAt(value, pointer);
  const isNested = isObject(outer['function']);
  const call = isNested ? (outer['function'] as JsonObject) : outer;
  return defined({
    id: optionalString(outer['id']) ?? optionalString(outer['call_id']),
    name: stringAt(call['name'], `${pointer}${isNested ? '/function' : ''}/name`),
    arguments: asText(call['arguments'] ?? call['args'] ?? call['input']),
  });
}

/** Text of unknown origin is trusted by role: a tool's result is not, all else is. */
export const trustedByRole = (role: Message['role']): boolean => role !== 'tool';
