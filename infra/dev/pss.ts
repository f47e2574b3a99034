// Measures the memory of a process and everything under it as PSS: shared pages are counted once, split among their users.
import { readdirSync, readFileSync } from 'node:fs';

/** The process itself and all its living descendants. */
export function processTree(rootPid: number): number[] {
  const childrenOf = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const parent = parentOf(Number(entry));
    if (parent !== undefined) childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), Number(entry)]);
  }
  const tree: number[] = parentOf(rootPid) === undefined ? [] : [rootPid];
  for (let index = 0; index < tree.length; index += 1) tree.push(...(childrenOf.get(tree[index] ?? 0) ?? []));
  return tree;
}

/** Sum of the PSS of the trees under these processes, in bytes. A process that ends meanwhile counts as 0. */
export function pssBytes(...rootPids: number[]): number {
  const pids = new Set(rootPids.flatMap(processTree));
  let sumKib = 0;
  for (const pid of pids) {
    const line = readProc(`/proc/${pid}/smaps_rollup`)?.match(/^Pss:\s+(\d+) kB$/m);
    sumKib += Number(line?.[1] ?? 0);
  }
  return sumKib * 1024;
}

function parentOf(pid: number): number | undefined {
  // The command name stands in parentheses and may hold anything, so count from its end.
  const stat = readProc(`/proc/${pid}/stat`);
  const [state, parent] = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  return state === undefined || state === 'Z' || state === 'X' ? undefined : Number(parent);
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
