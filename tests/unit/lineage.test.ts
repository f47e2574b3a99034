// Traces: both directions, shared things and cycles, bounds, and the text a person reads.
import { describe, expect, test } from 'vitest';
import type { LineageLink, NodeKind } from '../../core/contracts/lineage.ts';
import { nodesOf, renderTrace, traceDown, traceUp, type TraceNode } from '../../core/lineage/trace.ts';

/** 'failure:f1 -taught-> example:e1' */
function parse(text: string): LineageLink {
  const [, fromKind, from, relation, toKind, to] = /^(\w+):(\S+) -(\w+)-> (\w+):(\S+)$/.exec(text) ?? [];
  if (!fromKind || !from || !relation || !toKind || !to) throw new Error(text);
  return { fromKind: fromKind as NodeKind, from, relation, toKind: toKind as NodeKind, to };
}

const graph = (...texts: string[]) => {
  const links = texts.map(parse);
  const asked: string[] = [];
  const by = (end: 'from' | 'to') => async (id: string) => {
    asked.push(id);
    return links.filter((link) => link[end] === id);
  };
  return { linksFrom: by('from'), linksTo: by('to'), asked };
};

const LOOP = [
  'failure:f1 -taught-> example:e1',
  'correction:c1 -became-> example:e1',
  'failure:f2 -taught-> example:e2',
  'example:e1 -in-> dataset:d1',
  'example:e2 -in-> dataset:d1',
  'dataset:d1 -used_by-> run:r1',
  'run:r1 -produced-> adapter:a1',
  'adapter:a1 -judged_by-> verdict:v1',
  'verdict:v1 -promoted_as-> channel_entry:tickets/production@1',
];

const size = (node: TraceNode): number => 1 + node.children.reduce((sum, child) => sum + size(child), 0);

describe('walks', () => {
  test('down: from a failure to the channel generation that learned from it', async () => {
    const { linksFrom } = graph(...LOOP);
    expect(renderTrace(await traceDown({ kind: 'failure', id: 'f1' }, linksFrom))).toBe(
      [
        'failure f1',
        '└─ taught: example e1',
        '   └─ in: dataset d1',
        '      └─ used by: run r1',
        '         └─ produced: adapter a1',
        '            └─ judged by: verdict v1',
        '               └─ promoted as: channel entry tickets/production@1',
      ].join('\n'),
    );
  });

  test('up: from a channel generation to every row behind it', async () => {
    const { linksTo, asked } = graph(...LOOP);
    const text = renderTrace(await traceUp({ kind: 'channel_entry', id: 'tickets/production@1' }, linksTo));
    for (const id of ['v1', 'a1', 'r1', 'd1', 'e1', 'e2', 'f1', 'f2', 'c1']) expect(text).toContain(` ${id}`);
    expect(new Set(asked).size).toBe(asked.length);
  });

  test('the order of the links does not matter', async () => {
    const start = { kind: 'channel_entry', id: 'tickets/production@1' } as const;
    expect(await traceUp(start, graph(...LOOP.toReversed()).linksTo)).toEqual(await traceUp(start, graph(...LOOP, ...LOOP).linksTo));
  });

  test('a thing reached twice is drawn out once, nearest to the root', async () => {
    const { linksFrom } = graph('run:r1 -produced-> adapter:a1', 'run:r1 -evaluated_in-> evaluation:x1', 'adapter:a1 -evaluated_in-> evaluation:x1', 'evaluation:x1 -weighed_in-> verdict:v1');
    const tree = await traceDown({ kind: 'run', id: 'r1' }, linksFrom);
    expect(nodesOf(tree).map((node) => node.id)).toEqual(['r1', 'x1', 'a1', 'v1']);
    expect(renderTrace(tree)).toBe(
      ['run r1', '├─ evaluated in: evaluation x1', '│  └─ weighed in: verdict v1', '└─ produced: adapter a1', '   └─ evaluated in: evaluation x1 (drawn out elsewhere)'].join('\n'),
    );
  });

  test('cycles end', async () => {
    const { linksFrom } = graph('run:r1 -produced-> adapter:a1', 'adapter:a1 -warm_start_of-> run:r1');
    expect(renderTrace(await traceDown({ kind: 'run', id: 'r1' }, linksFrom))).toContain('warm start of: run r1 (drawn out elsewhere)');
  });

  test('one id under two kinds is two things', async () => {
    const { linksFrom } = graph('run:x -produced-> adapter:a1', 'report:x -sent_as-> report:y');
    expect(size(await traceDown({ kind: 'run', id: 'x' }, linksFrom))).toBe(2);
  });
});

describe('bounds', () => {
  const wide = graph(...Array.from({ length: 40 }, (_, index) => `example:e${String(index).padStart(2, '0')} -in-> dataset:d1`));

  test('a tree holds at most so many nodes and says where it was cut', async () => {
    const tree = await traceUp({ kind: 'dataset', id: 'd1' }, wide.linksTo, { maxNodes: 10 });
    expect(size(tree)).toBe(10);
    expect(tree.cut).toBe('limit');
    expect(renderTrace(tree)).toMatch(/^dataset d1 \(more, not shown\)/);
  });

  test('a walk goes at most so deep', async () => {
    const tree = await traceDown({ kind: 'failure', id: 'f1' }, graph(...LOOP).linksFrom, { maxDepth: 2 });
    expect(renderTrace(tree)).toBe('failure f1\n└─ taught: example e1\n   └─ in: dataset d1 (more, not shown)');
  });

  test('many alike are counted, not listed', async () => {
    const text = renderTrace(await traceUp({ kind: 'dataset', id: 'd1' }, wide.linksTo), { maxSiblings: 2 });
    expect(text).toBe('dataset d1\n├─ in: example e00\n├─ in: example e01\n└─ in: … 38 more of kind example');
  });
});
