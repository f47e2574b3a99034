// Reads a file of outcomes (JSON lines, gzip or not), within bounds, and says where it is wrong without quoting it.
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { z } from 'zod';
import { FailureClass } from '../core/contracts/index.ts';
import { RatchetError } from '../core/errors.ts';
import type { OutcomeLine, OutcomeSet } from '../core/gate/compare.ts';

export const LIMITS = { lineBytes: 1 << 20, fileBytes: 1 << 30, cases: 200_000 } as const;
const MISTAKES_SHOWN = 10;

const Line = z.looseObject({
  caseId: z.union([z.string().min(1).max(1024), z.int()]).transform(String),
  correct: z.boolean(),
  failureClasses: z.array(FailureClass).max(64).optional(),
  latencyMs: z.number().min(0).optional(),
});

/** The file's bytes, unpacked where they begin as gzip does. Read once from the front: a pipe is as good as a file. */
async function* bytesOf(path: string): AsyncGenerator<Buffer> {
  const file = await open(path, 'r');
  const chunks = file.createReadStream()[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const first = await chunks.next();
  if (first.done) return;
  const all = async function* (): AsyncGenerator<Buffer> {
    yield first.value;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  };
  const gzip = first.value[0] === 0x1f && first.value[1] === 0x8b;
  try {
    if (gzip) yield* pipeToGunzip(all());
    else yield* all();
  } finally {
    await chunks.return?.();
  }
}

async function* pipeToGunzip(packed: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  const feeding = pipeline(packed, gunzip).catch((error: unknown) => void gunzip.destroy(error instanceof Error ? error : new Error('broken gzip')));
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
  } finally {
    gunzip.destroy();
    await feeding;
  }
}

/** Calls `each` for every line without its line break; a line or a file over its limit is an error. */
async function readLines(path: string, shown: string, each: (line: Buffer, number: number) => void): Promise<string> {
  const hash = createHash('sha256');
  let [bytes, number] = [0, 0];
  let rest: Buffer[] = [];
  let restBytes = 0;
  const fail = (message: string): never => {
    throw new RatchetError('REQUEST_INVALID', message);
  };
  for await (const chunk of bytesOf(path)) {
    bytes += chunk.length;
    if (bytes > LIMITS.fileBytes) fail(`${shown} is over ${LIMITS.fileBytes} bytes (uncompressed)`);
    hash.update(chunk);
    let start = 0;
    for (let end = chunk.indexOf(10, start); end >= 0; end = chunk.indexOf(10, start)) {
      const line = Buffer.concat([...rest, chunk.subarray(start, end)]);
      number += 1;
      if (line.length > LIMITS.lineBytes) fail(`${shown}:${number} is over ${LIMITS.lineBytes} bytes`);
      each(line, number);
      rest = [];
      restBytes = 0;
      start = end + 1;
    }
    rest.push(chunk.subarray(start));
    restBytes += chunk.length - start;
    if (restBytes > LIMITS.lineBytes) fail(`${shown}:${number + 1} is over ${LIMITS.lineBytes} bytes`);
  }
  if (restBytes > 0) each(Buffer.concat(rest), number + 1);
  return hash.digest('hex');
}

/**
 * Reads lines `{"caseId": string, "correct": boolean, …}`. Blank lines are passed over; unknown fields are kept out.
 * @param clusterField name of the field that holds a case's cluster (a string or a number), when cases hang together
 * @throws REQUEST_INVALID listing the first mistakes as `file:line what`, also for a case that comes twice
 */
export async function readOutcomes(file: string, clusterField?: string): Promise<OutcomeSet> {
  const path = resolve(file);
  const shown = relative(process.cwd(), path) || path;
  const lines = new Map<string, OutcomeLine>();
  const mistakes: string[] = [];
  let wrong = 0;
  const mistake = (number: number, what: string): void => {
    wrong += 1;
    if (mistakes.length < MISTAKES_SHOWN) mistakes.push(`  ${shown}:${number} ${what}`);
  };
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let digest: string;
  try {
    digest = await readLines(path, shown, (bytes, number) => {
      const parsed = parseLine(decoder, bytes, number, clusterField);
      if (parsed === null) return;
      if (typeof parsed === 'string') return mistake(number, parsed);
      const first = lines.get(parsed.caseId);
      if (first) return mistake(number, `the same caseId as line ${first.line}`);
      lines.set(parsed.caseId, parsed);
      if (lines.size > LIMITS.cases) throw new RatchetError('REQUEST_INVALID', `${shown} has over ${LIMITS.cases} cases`);
    });
  } catch (error) {
    if (error instanceof RatchetError) throw error;
    const code = (error as { code?: unknown }).code;
    throw new RatchetError('REQUEST_INVALID', `${shown} cannot be read${typeof code === 'string' ? ` (${code})` : ''}`, { cause: error });
  }
  if (wrong > 0) throw new RatchetError('REQUEST_INVALID', `${wrong} bad line(s):\n${mistakes.join('\n')}${wrong > mistakes.length ? `\n  and ${wrong - mistakes.length} more` : ''}`);
  if (lines.size === 0) throw new RatchetError('REQUEST_INVALID', `${shown} has no outcome: one JSON object per line is wanted, {"caseId": "…", "correct": true}`);
  return { name: shown, digest: `sha256:${digest}`, lines };
}

/** null for a blank line; a text says what is wrong with it. */
function parseLine(decoder: InstanceType<typeof TextDecoder>, bytes: Buffer, line: number, clusterField: string | undefined): OutcomeLine | string | null {
  let value: unknown;
  try {
    const text = decoder.decode(bytes).trim();
    if (text === '') return null;
    value = JSON.parse(text);
  } catch (error) {
    return error instanceof SyntaxError ? 'is not JSON' : 'is not UTF-8';
  }
  const parsed = Line.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const place = issue?.path.map(String).join('.') ?? '';
    return place === '' ? 'is not a JSON object' : `${place}: ${WANTED[place.split('.')[0] ?? ''] ?? 'is wrong'}`;
  }
  const { caseId, correct, failureClasses, latencyMs } = parsed.data;
  if (clusterField === undefined) return { caseId, correct, failureClasses, latencyMs, line };
  const cluster = own(value, clusterField);
  if (typeof cluster !== 'string' && typeof cluster !== 'number') return 'the field named by --cluster is missing, or neither text nor a number';
  if (typeof cluster === 'string' && cluster.length > 1024) return 'the field named by --cluster is longer than 1,024 characters';
  return { caseId, correct, failureClasses, latencyMs, cluster: typeof cluster === 'number' ? String(cluster) : cluster, line };
}

const WANTED: Readonly<Record<string, string>> = {
  caseId: 'text of 1 to 1,024 characters, or a whole number, is wanted',
  correct: 'true or false is wanted',
  failureClasses: `a list of failure classes is wanted: ${FailureClass.options.join(', ')}`,
  latencyMs: 'a number of milliseconds, 0 or more, is wanted',
};

const own = (value: unknown, name: string): unknown => (typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined);
