// Random lives of a channel: nights, approvals, rollbacks, killed workers and an engine in trouble, in any order.
import fc from 'fast-check';
import { checkAtRest, checkChannel, checkGate } from './invariants.ts';
import { CASES, openWorld, type Engine, type World } from './world.ts';

interface Traffic {
  corrected: number;
  cases: number;
}

export type Command =
  | { do: 'traffic'; traffic: Traffic }
  | { do: 'night'; newCandidate: boolean; traffic: Traffic | null }
  | { do: 'turns'; picks: number[] }
  | { do: 'finish' }
  | { do: 'kill' }
  | { do: 'killAfter'; call: string }
  | { do: 'terminate' }
  | { do: 'decide'; pick: number; decision: 'approve' | 'reject' }
  | { do: 'expire'; pick: number }
  | { do: 'rollback'; to: number | undefined }
  | { do: 'engine'; trouble: keyof Engine; is: boolean }
  | { do: 'days'; days: number };

export interface Schedule {
  approval: 'automatic' | 'one_approver';
  luck: number;
  commands: Command[];
}

/** Writes after which a death leaves most behind. */
const CALLS = ['store.swapChannel', 'store.swapChannel', 'store.closeDecision', 'store.reserveDecision', 'store.keepLook', 'store.openIntent', 'store.closeIntent', 'store.putDocument', 'store.link', 'store.saveOutcomes', 'engine.load', 'engine.unload'];

const pick = fc.nat({ max: 40 });
const traffic = fc.record({ corrected: fc.integer({ min: 1, max: 3 }), cases: fc.integer({ min: 2, max: CASES + 4 }) });
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('traffic' as const), traffic }) },
  // After a day with little traffic a night is skipped or waits.
  { weight: 10, arbitrary: fc.record({ do: fc.constant('night' as const), newCandidate: fc.constantFrom(false, false, false, true), traffic: fc.option(traffic, { nil: null, freq: 4 }) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('turns' as const), picks: fc.array(pick, { minLength: 1, maxLength: 60, size: 'max' }) }) },
  { weight: 10, arbitrary: fc.constant({ do: 'finish' as const }) },
  { weight: 3, arbitrary: fc.constant({ do: 'kill' as const }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('killAfter' as const), call: fc.constantFrom(...CALLS) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'terminate' as const }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('decide' as const), pick, decision: fc.constantFrom('approve' as const, 'approve' as const, 'approve' as const, 'reject' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('expire' as const), pick }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('rollback' as const), to: fc.option(pick, { nil: undefined, freq: 2 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('engine' as const), trouble: fc.constantFrom('away' as const, 'failLoad' as const, 'failSmoke' as const, 'failIsolation' as const), is: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('days' as const), days: fc.constantFrom(1, 10, 31) }) },
);

export const schedule: fc.Arbitrary<Schedule> = fc.record({ approval: fc.constantFrom('automatic' as const, 'one_approver' as const), luck: fc.nat(), commands: fc.array(command, { minLength: 1, maxLength: 30, size: 'max' }) });

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
    for (const each of commands) {
      await act(world, each, seen);
      await checkChannel(world);
    }
    await checkGate(world);
    await world.drain();
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
      return world.night(each.newCandidate);
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
    case 'terminate':
      return world.terminateNight();
    case 'decide':
      return world.decide(each.pick, each.decision);
    case 'expire':
      return world.inProcess.fireTimer(each.pick);
    case 'rollback':
      return world.rollBack(each.to);
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
  seen.nights += world.nightIds.length;
  seen.promoted += history.filter(({ action }) => action === 'promoted').length;
  seen.rolledBack += history.filter(({ action }) => action === 'rolled_back').length;
  for (const { verdictDigest } of history) if (verdictDigest !== null && (await world.store.verdict(verdictDigest))?.test === 'e_process') seen.byEProcess += 1;
  for (const { status } of await world.store.runs({ limit: 1_000 })) {
    seen.held += Number(status === 'held');
    seen.rejected += Number(status === 'rejected');
    seen.lost += Number(status === 'lost');
  }
}
