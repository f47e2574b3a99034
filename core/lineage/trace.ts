// Walks lineage links from one thing to where it came from, or to what became of it, and prints the walk as a tree.
import type { LineageLink, NodeKind } from '../contracts/lineage.ts';

export interface TraceNode {
  kind: NodeKind;
  id: string;
  /** How this node is joined to the one above it, as the link says it; null at the root. */
  relation: string | null;
  children: TraceNode[];
  /** Why the walk ended here: `seen`, it is drawn out elsewhere in the tree; `limit`, too deep or the tree is full; null, nothing more is known. */
  cut: 'seen' | 'limit' | null;
}

export interface TraceBounds {
  /** Links between the root and the deepest node. */
  maxDepth: number;
  /** Nodes in the whole tree. */
  maxNodes: number;
}

type Fetch = (id: string) => Promise<readonly LineageLink[]>;
type Step = Pick<TraceNode, 'kind' | 'id' | 'relation'>;

const DEFAULT_BOUNDS: TraceBounds = { maxDepth: 32, maxNodes: 5_000 };

const keyOf = (node: Step): string => `${node.kind} ${node.id}`;
const byText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
const inOrder = (a: Step, b: Step): number => byText(a.relation ?? '', b.relation ?? '') || byText(a.kind, b.kind) || byText(a.id, b.id);

/**
 * Breadth first, so that a bound cuts the far ends and not whole branches, and everything is drawn out where it is
 * nearest to the root. Each thing is asked for once, whatever cycles the links hold.
 */
async function walk(root: Step, stepsFrom: (node: TraceNode) => Promise<Step[]>, bounds: TraceBounds): Promise<TraceNode> {
  const tree: TraceNode = { ...root, children: [], cut: null };
  const seen = new Set([keyOf(root)]);
  let nodes = 1;
  let level = [tree];
  for (let depth = 0; level.length > 0; depth += 1) {
    const next: TraceNode[] = [];
    for (const node of level) {
      const steps = await stepsFrom(node);
      if (steps.length > 0 && depth >= bounds.maxDepth) node.cut = 'limit';
      else {
        const unique = [...new Map(steps.map((step) => [`${step.relation ?? ''} ${keyOf(step)}`, step])).values()].sort(inOrder);
        for (const step of unique) {
          if (nodes >= bounds.maxNodes) {
            node.cut = 'limit';
            break;
          }
          const known = seen.has(keyOf(step));
          const child: TraceNode = { ...step, children: [], cut: known ? 'seen' : null };
          node.children.push(child);
          nodes += 1;
          if (known) continue;
          seen.add(keyOf(step));
          next.push(child);
        }
      }
    }
    level = next;
  }
  return tree;
}

/**
 * Where a thing came from: walks against the links.
 * @param linksTo all links whose `to` is the id
 */
export function traceUp(start: { kind: NodeKind; id: string }, linksTo: Fetch, bounds: Partial<TraceBounds> = {}): Promise<TraceNode> {
  const steps = async ({ kind, id }: TraceNode) => (await linksTo(id)).filter((link) => link.toKind === kind).map((link) => ({ kind: link.fromKind, id: link.from, relation: link.relation }));
  return walk({ kind: start.kind, id: start.id, relation: null }, steps, { ...DEFAULT_BOUNDS, ...bounds });
}

/**
 * What became of a thing: walks along the links.
 * @param linksFrom all links whose `from` is the id
 */
export function traceDown(start: { kind: NodeKind; id: string }, linksFrom: Fetch, bounds: Partial<TraceBounds> = {}): Promise<TraceNode> {
  const steps = async ({ kind, id }: TraceNode) => (await linksFrom(id)).filter((link) => link.fromKind === kind).map((link) => ({ kind: link.toKind, id: link.to, relation: link.relation }));
  return walk({ kind: start.kind, id: start.id, relation: null }, steps, { ...DEFAULT_BOUNDS, ...bounds });
}

/** Every node of the tree once, nearest to the root first. */
export function nodesOf(tree: TraceNode): TraceNode[] {
  const nodes: TraceNode[] = [];
  let level = [tree];
  while (level.length > 0) {
    nodes.push(...level.filter((node) => node.cut !== 'seen'));
    level = level.flatMap((node) => node.children);
  }
  return nodes;
}

const CUT_NOTES = { seen: ' (drawn out elsewhere)', limit: ' (more, not shown)' } as const;

const words = (name: string): string => name.replaceAll('_', ' ');
const relationOf = (node: TraceNode): string => (node.relation === null ? '' : `${words(node.relation)}: `);

/** Siblings that say the same of the same kind of thing: shown up to the limit, then counted. */
function groupsOf(children: readonly TraceNode[]): TraceNode[][] {
  const groups = new Map<string, TraceNode[]>();
  for (const child of children) {
    const key = `${child.relation ?? ''} ${child.kind}`;
    groups.set(key, [...(groups.get(key) ?? []), child]);
  }
  return [...groups.values()];
}

/**
 * The tree as indented text, one thing a line with its kind and full id.
 * @param options.maxSiblings things of one kind under one node that are written out; the rest is counted
 * @param options.notes what else is said of a thing, by its id; in one line
 */
export function renderTrace(tree: TraceNode, options: { maxSiblings?: number; notes?: ReadonlyMap<string, string> } = {}): string {
  const { maxSiblings = 5, notes } = options;
  const lines: string[] = [];
  const label = (node: TraceNode): string => `${relationOf(node)}${words(node.kind)} ${node.id}${notes?.has(node.id) ? `: ${notes.get(node.id)}` : ''}${node.cut === null ? '' : CUT_NOTES[node.cut]}`;
  const write = (node: TraceNode, indent: string): void => {
    const rows = groupsOf(node.children).flatMap((group): (TraceNode | string)[] => {
      const left = group.slice(maxSiblings);
      const first = group[0];
      return left.length === 0 || !first ? group : [...group.slice(0, maxSiblings), `${relationOf(first)}… ${left.length} more of kind ${words(first.kind)}`];
    });
    rows.forEach((row, index) => {
      const last = index === rows.length - 1;
      const branch = `${indent}${last ? '└─ ' : '├─ '}`;
      if (typeof row === 'string') lines.push(branch + row);
      else {
        lines.push(branch + label(row));
        write(row, `${indent}${last ? '   ' : '│  '}`);
      }
    });
  };
  lines.push(label(tree));
  write(tree, '');
  return lines.join('\n');
}
