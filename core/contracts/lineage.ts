// How things follow from each other: the links that `ratchet trace` walks.

/** Kinds of things that a lineage link joins. */
export type NodeKind =
  | 'interaction' | 'failure' | 'correction' | 'example' | 'dataset' | 'manifest' | 'workload' | 'run' | 'adapter'
  | 'evaluation' | 'verdict' | 'approval' | 'channel_entry' | 'request' | 'report' | 'reestimate' | 'watch' | 'judgement';

/**
 * Points the way things flow, the earlier thing first: `{ from: example, relation: 'in', to: dataset }`. Along the links lies
 * what became of a thing, against them where it came from.
 */
export interface LineageLink {
  fromKind: NodeKind;
  from: string;
  relation: string;
  toKind: NodeKind;
  to: string;
}
