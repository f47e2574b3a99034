// Reads a workload file and lists every mistake in it with its line and column.
import { readFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { LineCounter, isMap, isNode, isScalar, parseDocument, type Document } from 'yaml';
import { Workload, type Digest } from '../core/contracts/index.ts';
import { digestOfJson } from '../core/digest.ts';
import { RatchetError } from '../core/errors.ts';

export interface LoadedWorkload {
  workload: Workload;
  /** Over the document as written (with the output schema it names), never over a re-parsed one with defaults filled in. */
  digest: Digest;
  outputSchema?: Record<string, unknown>;
  file: string;
}

interface Mistake {
  line: number;
  column: number;
  message: string;
}

/** Line and column of the deepest node that exists on the path; for an unknown key, of the key itself. */
export function placeOf(document: Document, counter: LineCounter, path: readonly PropertyKey[], unknownKey?: string): { line: number; column: number } {
  for (let length = path.length; length >= 0; length -= 1) {
    const keys = path.slice(0, length).map((key) => (typeof key === 'symbol' ? String(key) : key));
    const node = length === 0 ? document.contents : document.getIn(keys, true);
    if (!isNode(node) || !node.range) continue;
    let offset = node.range[0];
    if (unknownKey !== undefined && isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === unknownKey);
      if (pair && isScalar(pair.key) && pair.key.range) offset = pair.key.range[0];
    }
    const { line, col } = counter.linePos(offset);
    return { line, column: col };
  }
  return { line: 1, column: 1 };
}

function mistakesOf(document: Document, counter: LineCounter): { workload: Workload | null; mistakes: Mistake[] } {
  const parsed = Workload.safeParse(document.toJS({ maxAliasCount: 100 }));
  if (parsed.success) return { workload: parsed.data, mistakes: [] };
  const mistakes = parsed.error.issues.flatMap((issue): Mistake[] => {
    const where = issue.path.map(String).join('.');
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ ...placeOf(document, counter, issue.path, key), message: `${where ? `${where}.` : ''}${key}: no such setting` }));
    }
    return [{ ...placeOf(document, counter, issue.path), message: `${where || 'file'}: ${issue.message}` }];
  });
  return { workload: null, mistakes };
}

/**
 * Reads and checks one workload file.
 * @throws WORKLOAD_INVALID listing all mistakes as `file:line:column message`, or that the file cannot be read.
 */
export async function readWorkload(file: string): Promise<LoadedWorkload> {
  const path = resolve(file);
  const shown = relative(process.cwd(), path) || path;
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    throw new RatchetError('WORKLOAD_INVALID', `${shown} cannot be read: is the path right? RATCHET_WORKLOADS names the files`);
  }
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
  const fail = (mistakes: Mistake[]): never => {
    const lines = mistakes.toSorted((a, b) => a.line - b.line || a.column - b.column).map((m) => `  ${shown}:${m.line}:${m.column} ${m.message}`);
    throw new RatchetError('WORKLOAD_INVALID', `${lines.length} mistake(s):\n${lines.join('\n')}`);
  };
  if (document.errors.length > 0) {
    fail(document.errors.map((error) => {
      const { line, col } = counter.linePos(error.pos[0]);
      return { line, column: col, message: error.message };
    }));
  }
  const { workload, mistakes } = mistakesOf(document, counter);
  if (!workload) return fail(mistakes);

  const asWritten: unknown = document.toJS({ maxAliasCount: 100 });
  if (workload.outputSchema === undefined) return { workload, digest: digestOfJson(asWritten), file: path };
  const at = placeOf(document, counter, ['outputSchema']);
  let outputSchema: unknown;
  try {
    outputSchema = JSON.parse(await readFile(resolve(dirname(path), workload.outputSchema), 'utf8'));
  } catch (error) {
    return fail([{ ...at, message: `outputSchema: ${workload.outputSchema} ${error instanceof SyntaxError ? 'is not JSON' : 'cannot be read'}` }]);
  }
  if (typeof outputSchema !== 'object' || outputSchema === null || Array.isArray(outputSchema)) {
    return fail([{ ...at, message: `outputSchema: ${workload.outputSchema} is not a JSON object` }]);
  }
  return { workload, digest: digestOfJson({ workload: asWritten, outputSchema }), outputSchema: outputSchema as Record<string, unknown>, file: path };
}

/** Reads all files; the names of workloads and channels must differ. */
export async function readWorkloads(files: readonly string[]): Promise<Map<string, LoadedWorkload>> {
  const byName = new Map<string, LoadedWorkload>();
  for (const file of files) {
    const loaded = await readWorkload(file);
    for (const other of byName.values()) {
      if (other.workload.name === loaded.workload.name || other.workload.channel === loaded.workload.channel) {
        throw new RatchetError('WORKLOAD_INVALID', `${loaded.file} and ${other.file} have the same name or channel`);
      }
    }
    byName.set(loaded.workload.name, loaded);
  }
  return byName;
}
