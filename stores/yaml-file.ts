// A YAML file that a person wrote: every mistake in it with its line and column.
import { readFile, stat } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { LineCounter, isMap, isNode, isScalar, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';
import { RatchetError } from '../core/errors.ts';

const MAX_BYTES = 2 * 1024 * 1024;
/** One missing bracket may cause hundreds. */
const MAX_SYNTAX_ERRORS = 10;

export interface Mistake {
  shown: string;
  line: number;
  column: number;
  message: string;
}

export interface YamlFile {
  path: string;
  /** As messages name it. */
  shown: string;
  /** The document as written, before any default is filled in. */
  asWritten: unknown;
  mistakeAt(path: readonly PropertyKey[], message: string, unknownKey?: string): Mistake;
}

/** Mistakes with their places, for those who gather the mistakes of several files. */
export class WorkloadMistakes extends RatchetError {
  readonly mistakes: readonly Mistake[];
  constructor(mistakes: readonly Mistake[], lines: readonly string[]) {
    super('WORKLOAD_INVALID', `${lines.length} mistake(s):\n${lines.join('\n')}`);
    this.mistakes = mistakes;
  }
}

/** @throws WORKLOAD_INVALID with one line for each mistake, in the order of the files and lines */
export function failWith(mistakes: readonly Mistake[]): never {
  const order = [...new Set(mistakes.map(({ shown }) => shown))];
  const lines = mistakes
    .toSorted((a, b) => order.indexOf(a.shown) - order.indexOf(b.shown) || a.line - b.line || a.column - b.column)
    .map(({ shown, line, column, message }) => `  ${shown}:${line}:${column} ${message}`);
  throw new WorkloadMistakes(mistakes, lines);
}

/** Line and column of the deepest node that exists on the path; for an unknown key, of the key itself. */
function placeOf(document: Document, counter: LineCounter, path: readonly PropertyKey[], unknownKey?: string): { line: number; column: number } {
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

/**
 * @param unreadable what to say when the file cannot be read
 * @throws WORKLOAD_INVALID for a file that is not there, too big, or no YAML
 */
export async function readYaml(file: string, unreadable: (shown: string) => string): Promise<YamlFile> {
  const path = resolve(file);
  const shown = relative(process.cwd(), path) || path;
  let text: string;
  try {
    if ((await stat(path)).size > MAX_BYTES) throw new RatchetError('WORKLOAD_INVALID', `${shown} is larger than ${MAX_BYTES} bytes`);
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw error instanceof RatchetError ? error : new RatchetError('WORKLOAD_INVALID', unreadable(shown));
  }
  const counter = new LineCounter();
  try {
    const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
    if (document.errors.length > 0) {
      failWith(document.errors.slice(0, MAX_SYNTAX_ERRORS).map((error) => {
        const { line, col } = counter.linePos(error.pos[0]);
        return { shown, line, column: col, message: error.message };
      }));
    }
    const asWritten = document.toJS({ maxAliasCount: 100 }) as unknown;
    return { path, shown, asWritten, mistakeAt: (at, message, unknownKey) => ({ shown, ...placeOf(document, counter, at, unknownKey), message }) };
  } catch (error) {
    // Aliases that are unknown or multiply without bound.
    if (error instanceof ReferenceError) failWith([{ shown, line: 1, column: 1, message: 'an alias (*name) is not defined, or aliases are repeated too often' }]);
    throw error;
  }
}

/** The document as the contract reads it, or every place where it does not fit. */
export function parseWith<T extends z.ZodType>(file: YamlFile, contract: T): { value: z.output<T>; mistakes: [] } | { value: null; mistakes: Mistake[] } {
  const parsed = contract.safeParse(file.asWritten);
  if (parsed.success) return { value: parsed.data, mistakes: [] };
  return { value: null, mistakes: mistakesOf(parsed.error, 'file').map(({ path, message, unknownKey }) => file.mistakeAt(path, message, unknownKey)) };
}

/**
 * What a contract finds wrong, in words for who wrote the document: each unknown key by itself.
 * @param whole what the document is called where it is wrong as a whole
 */
export function mistakesOf({ issues }: z.ZodError, whole: string): { path: PropertyKey[]; message: string; unknownKey?: string }[] {
  return issues.flatMap((issue) => {
    const { path } = issue;
    const where = path.map(String).join('.');
    if (issue.code === 'unrecognized_keys') return issue.keys.map((unknownKey) => ({ path, message: `${where ? `${where}.` : ''}${unknownKey}: no such setting`, unknownKey }));
    return [{ path, message: `${where || whole}: ${issue.message}` }];
  });
}
