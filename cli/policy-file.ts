// Reads a gate policy: the `gate:` part of a workload file, alone or with its key, or a whole workload file.
import { readFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { GatePolicy } from '../core/contracts/index.ts';
import { RatchetError } from '../core/errors.ts';
import { placeOf, readWorkload } from '../stores/workloads.ts';

const MAX_BYTES = 1 << 20;

/** @throws WORKLOAD_INVALID listing all mistakes as `file:line:column message` */
export async function readPolicy(file: string): Promise<GatePolicy> {
  const path = resolve(file);
  const shown = relative(process.cwd(), path) || path;
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    throw new RatchetError('WORKLOAD_INVALID', `${shown} cannot be read: is the path right?`);
  }
  if (text.length > MAX_BYTES) throw new RatchetError('WORKLOAD_INVALID', `${shown} is over ${MAX_BYTES} bytes`);
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
  const [broken] = document.errors;
  if (broken) {
    const { line, col } = counter.linePos(broken.pos[0]);
    throw new RatchetError('WORKLOAD_INVALID', `1 mistake(s):\n  ${shown}:${line}:${col} ${broken.message}`);
  }
  if (document.has('apiVersion')) return (await readWorkload(file)).workload.gate;
  const keyed = document.has('gate');
  const whole: unknown = document.toJS({ maxAliasCount: 100 });
  const parsed = GatePolicy.safeParse(keyed ? (whole as { gate: unknown }).gate : whole);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.flatMap((issue) => {
    const at = keyed ? ['gate', ...issue.path] : issue.path;
    const where = at.map(String).join('.');
    const unknown = issue.code === 'unrecognized_keys' ? issue.keys : [undefined];
    return unknown.map((key) => {
      const { line, column } = placeOf(document, counter, at, key);
      return `  ${shown}:${line}:${column} ${key === undefined ? `${where || 'file'}: ${issue.message}` : `${where ? `${where}.` : ''}${key}: no such setting`}`;
    });
  });
  throw new RatchetError('WORKLOAD_INVALID', `${lines.length} mistake(s):\n${lines.join('\n')}`);
}
