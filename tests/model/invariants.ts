// What must hold whatever happened: told by the store alone, not by the code that wrote it. Statistics are worked out anew.
import type { ChannelEntry, Dataset, Digest, SnapshotManifest, Verdict } from '../../core/contracts/index.ts';
import type { NodeKind } from '../../core/contracts/lineage.ts';
import { nodesOf, traceUp } from '../../core/lineage/trace.ts';
import { inUse, must } from './moments.ts';
import type { World } from './world.ts';

/** At any moment: one live adapter, a history without a gap, and nothing live that is not proven. */
export async function checkChannel(world: World): Promise<void> {
  const history = await world.store.channelHistory(world.channel);
  history.forEach((entry, index) => {
    must(entry.generation === index, `generation ${index} follows ${index - 1} once`);
    must(entry.previous === (history[index - 1]?.live ?? null), `generation ${index} says what it took the place of`);
  });
  const live = await world.store.channel(world.channel);
  must(live?.generation === history.length - 1, 'the newest entry is the live one');
  for (const entry of history) await checkProven(world, entry, history);
}

async function checkProven(world: World, entry: ChannelEntry, history: readonly ChannelEntry[]): Promise<void> {
  if (entry.action === 'created') return must(entry.generation === 0 && entry.live === null, 'a channel begins with the base model');
  if (entry.action === 'rolled_back') return must(history.some(({ generation, live }) => generation < entry.generation && live === entry.live), 'a rollback brings back what was live before');
  const verdict = entry.verdictDigest === null ? null : await world.store.verdict(entry.verdictDigest);
  if (!verdict) throw new Error('broken: a promotion has its verdict');
  must(verdict.decision === 'promote' && verdict.candidateDigest === entry.live, 'a promotion is of the adapter that its verdict promotes');
  must(verdict.currentGeneration === entry.generation - 1 && verdict.currentDigest === entry.previous, 'it was proven against what it took the place of');
  const { b, c, n } = await countsOf(world, verdict);
  must(b === verdict.b && c === verdict.c && n === verdict.n, 'the verdict’s counts are those of its outcomes');
  const { test, level } = verdict;
  must(test === 'e_process' ? eValue(b, c) >= (1 - 1e-6) / level : upperTail(b, b + c) <= level * (1 + 1e-9), 'the gain is proven at the level');
  // Who approved it was looked at when it went live; the entry names one of them.
  if (world.approval === 'automatic') return;
  const approval = entry.approvalDigest === null ? null : await world.store.approval(entry.approvalDigest);
  must(approval?.decision === 'approve' && approval.verdictDigest === entry.verdictDigest && approval.candidateDigest === entry.live, 'a promotion names an approval of exactly this');
}

/** P(Binomial(d, 1/2) ≥ b), summed. */
function upperTail(b: number, d: number): number {
  let [sum, term] = [0, 0.5 ** d];
  for (let k = 0; k <= d; k += 1) {
    if (k >= b) sum += term;
    term *= (d - k) / (k + 1);
  }
  return sum;
}

/** 2 ∫ over (1/2, 1) of (2θ)^b (2 − 2θ)^c dθ, by Simpson's rule. */
function eValue(b: number, c: number): number {
  const steps = 400;
  const f = (index: number): number => (1 + index / steps) ** b * (1 - index / steps) ** c;
  const weighed = Array.from({ length: steps + 1 }, (_, index) => f(index) * (index === 0 || index === steps ? 1 : index % 2 === 1 ? 4 : 2));
  return weighed.reduce((sum, each) => sum + each, 0) / (3 * steps);
}

/** Counts from the outcomes themselves: of one evaluation, or of all looks up to this one. */
async function countsOf(world: World, verdict: Verdict): Promise<{ n: number; b: number; c: number }> {
  const evaluations = [await evaluationIdOf(world, verdict)];
  if (verdict.eProcess) {
    const held = (await world.store.heldCandidates(world.channel)).find(({ heldVerdictDigest }) => heldVerdictDigest === verdict.eProcess?.heldVerdictDigest);
    must(held !== undefined && held.looks.length === verdict.eProcess.looks, 'an e-process knows its looks');
    evaluations.splice(0, 1, ...(held?.looks ?? []).map(({ evaluationId }) => evaluationId));
  }
  const passed = new Map<Digest, { current?: boolean; candidate?: boolean }>();
  for (const id of evaluations) {
    for (const { caseDigest, arm, pass, adapterDigest } of await world.store.outcomes(id)) {
      must(adapterDigest === (arm === 'candidate' ? verdict.candidateDigest : verdict.currentDigest), 'an outcome is of the adapter that the verdict is about');
      const pair = passed.get(caseDigest) ?? {};
      must(pair[arm] === undefined, 'an e-process counts a case once');
      passed.set(caseDigest, { ...pair, [arm]: pass });
    }
  }
  const pairs = [...passed.values()];
  return { n: pairs.length, b: pairs.filter(({ current, candidate }) => candidate && !current).length, c: pairs.filter(({ current, candidate }) => current && !candidate).length };
}

async function evaluationIdOf(world: World, { evaluationDigest }: Verdict): Promise<string> {
  const found = (await world.store.document(evaluationDigest))?.document as { evaluationId: string } | undefined;
  if (!found) throw new Error('broken: a verdict has its evaluation');
  return found.evaluationId;
}

/** Every verdict that counts: of a decision, and of a look at a held candidate. */
async function standing(world: World): Promise<{ digest: Digest; verdict: Verdict; decidedBy: string; part: 'test' | 'e_process' }[]> {
  const verdictOf = async (digest: Digest): Promise<Verdict> => {
    const verdict = await world.store.verdict(digest);
    if (!verdict) throw new Error('broken: a verdict that counts is kept');
    return verdict;
  };
  const decisions = await world.store.decisions(world.channel);
  const decided = decisions.flatMap(({ runId, verdictDigest }) => (verdictDigest === null ? [] : [{ digest: verdictDigest, decidedBy: runId, part: 'test' as const }]));
  const looks = (await world.store.heldCandidates(world.channel)).flatMap((held) => {
    const decidedBy = decisions.find(({ verdictDigest }) => verdictDigest === held.heldVerdictDigest)?.runId;
    must(decidedBy !== undefined, 'a held candidate has its decision');
    return held.looks.map(({ verdictDigest }) => ({ digest: verdictDigest, decidedBy: decidedBy ?? '', part: 'e_process' as const }));
  });
  return Promise.all([...decided, ...looks].map(async (each) => ({ ...each, verdict: await verdictOf(each.digest) })));
}

/** Alpha of a period: no more decisions than planned, each part of a share spent once, and no case in two verdicts. */
export async function checkGate(world: World): Promise<void> {
  const { alpha, decisionsPerPeriod } = world.gate;
  const decisions = await world.store.decisions(world.channel);
  for (const start of new Set(decisions.map(({ periodStart }) => periodStart))) must(decisions.filter(({ periodStart }) => periodStart === start).length <= decisionsPerPeriod, 'no more decisions than planned');
  const verdicts = await standing(world);
  const spent = new Map<string, number>();
  for (const { verdict, decidedBy, part } of verdicts) spent.set(`${decidedBy} ${part}`, verdict.level);
  for (const { runId } of decisions) must((spent.get(`${runId} test`) ?? 0) + (spent.get(`${runId} e_process`) ?? 0) <= alpha / decisionsPerPeriod + 1e-12, 'a decision spends at most its share');
  const promoted = (await world.store.channelHistory(world.channel)).filter(({ action }) => action === 'promoted').map(({ verdictDigest }) => verdictDigest);
  must(new Set(promoted).size === promoted.length, 'a verdict promotes once');
  for (const digest of promoted) must(verdicts.some((each) => each.digest === digest), 'what promotes is a verdict that counts');

  const retiredBy = new Map((await world.store.cases(world.workload)).map(({ caseDigest, retiredBy: by }) => [caseDigest, by]));
  const used = new Map<Digest, Digest>();
  for (const { digest, verdict } of verdicts) {
    for (const { caseDigest, arm } of await world.store.outcomes(await evaluationIdOf(world, verdict))) {
      if (arm === 'candidate') continue;
      must(used.get(caseDigest) === undefined, 'no case is in two verdicts');
      used.set(caseDigest, digest);
      must(retiredBy.get(caseDigest) === digest, 'a case that was used is retired by its verdict');
    }
  }
  const open = (await world.store.heldCandidates(world.channel)).filter(({ process }) => process.status === 'open');
  must(open.length <= 1, 'at most one candidate is held open');
}

/** At rest: nothing half done, nothing lost, and every generation and every verdict explained down to the rows that it rests on. */
export async function checkAtRest(world: World): Promise<void> {
  await checkChannel(world);
  await checkGate(world);
  const { store, records } = world;
  must((await store.openIntents()).length === 0, 'no promotion is left open');
  const used = await inUse(store, world.keepLoaded);
  must([...world.onEngine].every((adapter) => used.has(adapter)), 'nothing is left on the engine that nobody needs');
  must((await store.rollbacksToRecord()).length === 0, 'Temporal has heard of every rollback');
  const counts = await store.counts(world.workload);
  must(counts.interactions === records.interactions && counts.corrections === records.corrections && counts.parkedCorrections === 0 && counts.deadLetters === 0, 'no record is lost, and none is there twice');
  const history = await store.channelHistory(world.channel);
  for (const entry of history) if (entry.action === 'promoted') await checkExplained(world, 'channel_entry', `${entry.channel}@${entry.generation}`, [...WANTED, 'verdict', ...(world.approval === 'automatic' ? [] : ['approval' as const])], entry.live);
  for (const { digest, verdict } of await standing(world)) await checkExplained(world, 'verdict', digest, WANTED, verdict.candidateDigest);
  await checkRuns(world, history);
}

const WANTED: NodeKind[] = ['evaluation', 'adapter', 'run', 'dataset', 'example', 'interaction', 'correction'];

async function checkExplained(world: World, kind: NodeKind, id: string, wanted: readonly NodeKind[], adapter: Digest | null): Promise<void> {
  const nodes = nodesOf(await traceUp({ kind, id }, (to) => world.store.linksTo(to)));
  for (const each of wanted) must(nodes.some((node) => node.kind === each), `${kind} ${id} is explained down to its ${each}`);
  must(nodes.some((node) => node.kind === 'adapter' && node.id === adapter), `${kind} ${id} is explained by the adapter that it names`);
}

async function checkRuns(world: World, history: readonly ChannelEntry[]): Promise<void> {
  const { store, inProcess, nights, intruded } = world;
  const claimed = new Set<string>();
  for (const { id, interactions, corrections } of nights) {
    const run = await store.run(id);
    if (run?.requestId) {
      must(!claimed.has(run.requestId), 'a request is claimed by one run');
      claimed.add(run.requestId);
    }
    if (run?.manifestDigest) {
      const manifest = JSON.parse(Buffer.from(await world.blobs.get(run.manifestDigest)).toString('utf8')) as SnapshotManifest;
      must(manifest.interactions.length >= interactions && manifest.corrections.length >= corrections, 'a night looks at every record that was kept when it began');
    }
    if (run?.datasetDigest) {
      const dataset = (await store.document(run.datasetDigest))?.document as Dataset | undefined;
      must((dataset?.exampleDigests.length ?? 0) >= corrections, 'every correction is learned from');
    }
    // A night or a promotion that was ended from outside leaves its record as it stood.
    const ended = [id, `promotion/${id}`].map((workflowId) => inProcess.executions.find((each) => each.id === workflowId));
    if (ended.some((execution) => execution?.terminated) || intruded.has(id)) continue;
    must(run !== null && run.status !== 'running' && run.status !== 'awaiting_approval', `run ${id} has ended and says how`);
    must(run.reason !== null && run.reportDigest !== null, `run ${id} says why, in a report`);
    must((run.status === 'promoted') === history.some(({ action, verdictDigest }) => action === 'promoted' && verdictDigest !== null && verdictDigest === run.verdictDigest), `run ${id} is promoted if the channel says so`);
    const report = (await store.document(run.reportDigest))?.document as { run: { status: string; verdictDigest: Digest | null } } | undefined;
    must(report?.run.status === run.status && report.run.verdictDigest === run.verdictDigest, `the report of run ${id} says what became of it`);
  }
}
