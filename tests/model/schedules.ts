// Random lives of a channel: nights, approvals, rollbacks, killed workers and an engine in trouble, in any order.
import fc from 'fast-check';
import { checkAtRest, checkChannel, checkGate } from './invariants.ts';
import type { Engine } from './engine.ts';
import { must } from './moments.ts';
import { APPROVERS, FORGERIES, type Approver, type Forgery } from './people.ts';
import { APPROVALS, CASES, INTRUSIONS, openWorld, type ApprovalMode, type Intrusion, type World } from './world.ts';

interface Traffic {
  corrected: number;
  cases: number;
}

export type Command =
  | { do: 'traffic'; traffic: Traffic }
  | { do: 'redeliver'; pick: number }
  | { do: 'night'; by: string | null; beside: boolean; traffic: Traffic | null }
  | { do: 'turns'; picks: number[] }
  | { do: 'finish' }
  | { do: 'kill' }
  | { do: 'killAfter'; call: string }
  | { do: 'stopBefore'; call: string }
  | { do: 'stall' }
  | { do: 'restart'; dead: boolean }
  | { do: 'terminate'; pick: number }
  | { do: 'decide'; pick: number; by: Approver; decision: 'approve' | 'reject' }
  | { do: 'forge'; pick: number; how: Forgery }
  | { do: 'revoke'; who: Approver }
  | { do: 'intrude'; pick: number; how: Intrusion }
  | { do: 'expire'; pick: number }
  | { do: 'rollback'; to: number | undefined; how: 'workflow' | 'by hand' | 'by hand, engine unseen' }
  | { do: 'engine'; trouble: keyof Engine; is: boolean }
  | { do: 'days'; days: number };

export interface Schedule {
  approval: ApprovalMode;
  luck: number;
  commands: Command[];
}

/** Calls before which others come in between, or after which a death leaves most behind. */
const CALLS = ['store.swapChannel', 'store.swapChannel', 'store.swapChannel', 'engine.checkIsolation', 'store.closeDecision', 'store.reserveDecision', 'store.endPromotion', 'store.keepLook', 'store.openIntent', 'store.closeIntent', 'store.putDocument', 'store.link', 'store.saveOutcomes', 'engine.load', 'engine.unload'];

const pick = fc.nat({ max: 40 });
const one = <T>(...of: T[]): fc.Arbitrary<T> => fc.constantFrom(...of);
const traffic = fc.oneof(
  { weight: 3, arbitrary: fc.record({ corrected: fc.integer({ min: 2, max: 3 }), cases: fc.integer({ min: CASES, max: CASES + 4 }) }) },
  { weight: 1, arbitrary: fc.record({ corrected: fc.integer({ min: 1, max: 3 }), cases: fc.integer({ min: 2, max: CASES }) }) },
);
const who = one(...APPROVERS);
const call = one(...CALLS);

const finish = fc.constant({ do: 'finish' } as const);
// After a day with little traffic a night is skipped or waits. Who asks for a night wants a new candidate.
const night = fc.record({ do: one('night' as const), by: one(null, null, null, 'dana', 'erin'), beside: one(false, false, false, false, false, true), traffic: fc.option(traffic, { nil: null, freq: 6 }) });
const approve = fc.record({ do: one('decide' as const), pick, by: who, decision: one('approve' as const) });
const forgery = fc.record({ do: one('forge' as const), pick, how: one(...FORGERIES) });
const revoke = fc.record({ do: one('revoke' as const), who });
const intrude = fc.record({ do: one('intrude' as const), pick: one(0, 0, 0, 1, 2), how: one(...INTRUSIONS) });
const terminate = fc.record({ do: one('terminate' as const), pick });
const rollBack = fc.record({ do: one('rollback' as const), to: fc.option(pick, { nil: undefined, freq: 2 }), how: one('workflow' as const, 'workflow' as const, 'by hand' as const, 'by hand, engine unseen' as const) });
const [kill, stall] = [fc.constant({ do: 'kill' } as const), fc.constant({ do: 'stall' } as const)];
const restart = fc.record({ do: one('restart' as const), dead: fc.boolean() });
const days = fc.record({ do: one('days' as const), days: one(1, 4, 31) });
const anything: fc.Arbitrary<Command> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: one('traffic' as const), traffic }) },
  { weight: 1, arbitrary: fc.record({ do: one('redeliver' as const), pick }) },
  { weight: 2, arbitrary: night },
  { weight: 4, arbitrary: fc.record({ do: one('turns' as const), picks: fc.array(pick, { minLength: 1, maxLength: 60, size: 'max' }) }) },
  { weight: 4, arbitrary: finish },
  { weight: 4, arbitrary: fc.record({ do: one('killAfter' as const), call }) },
  { weight: 2, arbitrary: stall },
  { weight: 2, arbitrary: restart },
  { weight: 1, arbitrary: terminate },
  { weight: 2, arbitrary: fc.record({ do: one('decide' as const), pick, by: who, decision: one('approve' as const, 'reject' as const) }) },
  { weight: 2, arbitrary: intrude },
  { weight: 1, arbitrary: fc.record({ do: one('expire' as const), pick }) },
  { weight: 4, arbitrary: rollBack },
  { weight: 2, arbitrary: fc.record({ do: one('engine' as const), trouble: one('away' as const, 'failLoad' as const, 'failSmoke' as const, 'failIsolation' as const), is: one(false, false, true) }) },
  { weight: 1, arbitrary: days },
);
/** A worker begins beside another one that still runs a step of a workflow that is gone. */
const beside = fc.constant({ do: 'restart', dead: false } as const);
/** Somebody acts while a call is about to be made, and perhaps another one. */
const somebody = fc.oneof({ weight: 3, arbitrary: rollBack }, stall, stall, kill, restart, terminate, revoke, intrude, night);
const meanwhile = fc.tuple(fc.record({ do: one('stopBefore' as const), call }), fc.oneof({ weight: 2, arbitrary: fc.array(somebody, { minLength: 1, maxLength: 2 }) }, fc.tuple(terminate, fc.oneof(beside, beside, intrude)))).map(([stop, acts]): Command[] => [stop, ...acts]);
/** What happens while a promotion waits. */
const waiting = fc.oneof(forgery, forgery, revoke, days, restart, intrude, rollBack, night, fc.record({ do: one('expire' as const), pick }));
/** Scenes follow each other; left to chance alone, few candidates would come as far as a promotion. */
const scene: fc.Arbitrary<Command[]> = fc.oneof(
  { weight: 10, arbitrary: fc.tuple(night, fc.oneof(fc.constant([]), fc.constant([]), meanwhile), finish).map(([first, between, last]) => [first, ...between, last]) },
  { weight: 5, arbitrary: fc.tuple(fc.array(approve, { minLength: 1, maxLength: 3 }), fc.oneof(fc.constant([]), meanwhile), finish).map(([decisions, between, last]) => [...decisions, ...between, last]) },
  { weight: 3, arbitrary: fc.tuple(approve, finish, waiting, fc.array(approve, { maxLength: 2 }), finish).map(([first, counted, between, more, last]) => [first, counted, between, ...more, last]) },
  { weight: 2, arbitrary: fc.tuple(waiting, finish).map((both) => [...both]) },
  { weight: 2, arbitrary: meanwhile },
  { weight: 6, arbitrary: anything.map((each) => [each]) },
);

export const schedule: fc.Arbitrary<Schedule> = fc.record({ approval: one(...APPROVALS), luck: fc.nat(), commands: fc.array(scene, { minLength: 6, maxLength: 12, size: 'max' }).map((scenes) => scenes.flat()) });

/** What the schedules came to, to see that they are not all the same. */
export interface Seen {
  schedules: number;
  nights: number;
  promoted: number;
  byEProcess: number;
  held: number;
  rejected: number;
  rolledBack: number;
  kills: number;
  lost: number;
  turns: number;
}

export const nothingSeen = (): Seen => ({ schedules: 0, nights: 0, promoted: 0, byEProcess: 0, held: 0, rejected: 0, rolledBack: 0, kills: 0, lost: 0, turns: 0 });

/** Lives through the schedule and throws where something does not hold. */
export async function live({ approval, luck, commands }: Schedule, seen: Seen): Promise<void> {
  const world = await openWorld({ approval, luck: `luck ${luck}` });
  try {
    await world.traffic(3, CASES + 2);
    let checked = -1;
    for (const each of commands) {
      await act(world, each, seen);
      must(world.broken.length === 0, (world.broken[0] ?? '').replace('broken: ', ''));
      // Entries are only ever added; all are looked at again at rest.
      const { generation } = (await world.store.channel(world.channel)) ?? { generation: 0 };
      if (generation !== checked) await checkChannel(world);
      checked = generation;
    }
    await checkGate(world);
    await world.drain();
    must(world.broken.length === 0, (world.broken[0] ?? '').replace('broken: ', ''));
    await checkAtRest(world);
    await count(world, seen);
  } finally {
    await world.store.close();
  }
}

async function act(world: World, each: Command, seen: Seen): Promise<void> {
  switch (each.do) {
    case 'traffic':
      return world.traffic(each.traffic.corrected, each.traffic.cases);
    case 'night':
      if (each.traffic) await world.traffic(each.traffic.corrected, each.traffic.cases);
      return world.night(each);
    case 'turns':
      for (const number of each.picks) seen.turns += Number(await world.inProcess.step(number));
      return;
    case 'finish':
      // A promotion that waits for a person goes on waiting.
      for (let k = 0; k < 600 && (await world.inProcess.step(0)); k += 1) seen.turns += 1;
      return;
    case 'kill':
      seen.kills += 1;
      return world.inProcess.kill();
    case 'killAfter':
      seen.kills += 1;
      return world.inProcess.killAfter(each.call, 400);
    case 'redeliver':
      return world.redeliver(each.pick);
    case 'stall':
      return world.inProcess.stall();
    case 'restart':
      return world.restart(each.dead);
    case 'stopBefore':
      return world.inProcess.stopBefore(each.call, 400);
    case 'terminate':
      return world.terminate(each.pick);
    case 'decide':
      return world.decide(each.pick, each.by, each.decision);
    case 'forge':
      return world.forge(each.pick, each.how);
    case 'revoke':
      return world.revoke(each.who);
    case 'intrude':
      return world.intrude(each.pick, each.how);
    case 'expire':
      return world.inProcess.fireTimer(each.pick);
    case 'rollback':
      return each.how === 'workflow' ? world.rollBack(each.to) : world.rollBackByHand(each.to, each.how === 'by hand');
    case 'engine':
      world.engine[each.trouble] = each.is;
      return;
    case 'days':
      return world.days(each.days);
  }
}

async function count(world: World, seen: Seen): Promise<void> {
  const history = await world.store.channelHistory(world.channel);
  seen.schedules += 1;
  seen.nights += world.nights.length;
  seen.promoted += history.filter(({ action }) => action === 'promoted').length;
  seen.rolledBack += history.filter(({ action }) => action === 'rolled_back').length;
  for (const { verdictDigest } of history) if (verdictDigest !== null && (await world.store.verdict(verdictDigest))?.test === 'e_process') seen.byEProcess += 1;
  for (const { status } of await world.store.runs({ limit: 1_000 })) {
    seen.held += Number(status === 'held');
    seen.rejected += Number(status === 'rejected');
    seen.lost += Number(status === 'lost');
  }
}
