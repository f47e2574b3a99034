// Records the histories that tests/replay replays: `node tests/histories/record.ts [NAME …]`. Run it when a workflow gets a new
// shape on purpose; with names it writes these alone. Those named `unsigned-promotion-*` are of promotions before decisions were signed: they stay as they are.
import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { decide } from '../../workflows/decisions.ts';
import { watchId } from '../../workflows/watch-channel.ts';
import { signedBy, startWorld } from '../support/pipeline.ts';
import { seed } from '../support/pipeline-world.ts';
import { storeDrawn } from '../support/watched-traffic.ts';

const wanted = process.argv.slice(2);
const world = await startWorld();

/** Without what names the machine that recorded it. */
async function keep(name: string, workflowId: string): Promise<void> {
  if (wanted.length > 0 && !wanted.includes(name)) return;
  const history = JSON.parse(await world.historyJson(workflowId), (_key, value: unknown) => (typeof value === 'string' ? value.replaceAll(`${process.pid}@${hostname()}`, 'recorder') : value)) as unknown;
  writeFileSync(join(import.meta.dirname, `${name}.json`), `${JSON.stringify(history, null, 1)}\n`);
  console.log(`${name}.json: ${workflowId}`);
}

try {
  await world.addWorkload('promoted');
  const promoted = await world.night('promoted');
  await keep('night-promoted', promoted.handle.workflowId);
  await keep('promotion-automatic', `promotion/${promoted.handle.workflowId}`);

  await world.addWorkload('confirmed', { injectionJudge: '{ model: a-judge, revision: r1 }' });
  await keep('night-confirmed', (await world.night('confirmed')).handle.workflowId);

  await world.addWorkload('skipped', { corrected: 2, cases: 3 });
  await keep('night-skipped', (await world.night('skipped')).handle.workflowId);

  await world.addWorkload('rejected');
  world.targetOf('rejected').behave({ right: { base: 1, adapter: 0 } });
  await keep('night-rejected', (await world.night('rejected')).handle.workflowId);

  const goesOn = await world.addWorkload('goes-on', { smallestGain: 0.6, eProcess: { share: 0.5, maxCases: 24 } });
  world.targetOf('goes-on').behave({ right: { base: 0, adapter: 0.2 } });
  await world.night('goes-on');
  await keep('night-held-waits', (await world.night('goes-on')).handle.workflowId);
  await seed(world.store, goesOn, { corrected: 8, cases: 14, from: 100 });
  world.targetOf('goes-on').behave({ right: { base: 0, adapter: 1 } });
  await keep('night-held-promoted', (await world.night('goes-on')).handle.workflowId);

  const again = await world.addWorkload('again');
  await world.night('again');
  await seed(world.store, again, { corrected: 8, cases: 14, from: 100 });
  await keep('night-reestimated', (await world.night('again')).handle.workflowId);

  await world.addWorkload('approved', { approval: 'one_approver' });
  const waiting = await world.night('approved');
  const [dana, erin] = [await world.approver('dana'), await world.approver('erin')];
  const promotionOf = (nightId: string) => world.client.workflow.getHandle(`promotion/${nightId}`);
  const promotion = promotionOf(waiting.handle.workflowId);
  await promotion.executeUpdate(decide, { args: [signedBy(erin, await world.waiting(waiting.handle.workflowId))] });
  await promotion.result();
  await keep('night-awaiting-approval', waiting.handle.workflowId);
  await keep('promotion-approved', promotion.workflowId);

  // One signature that does not count, then two that do.
  await world.addWorkload('two', { approval: 'two_approvers' });
  const two = (await world.night('two')).handle.workflowId;
  const waits = await world.waiting(two);
  const stranger = await world.approver('mallory', { enrolled: false });
  await promotionOf(two).executeUpdate(decide, { args: [signedBy(stranger, waits)] }).catch(() => undefined);
  for (const person of [dana, erin]) await promotionOf(two).executeUpdate(decide, { args: [signedBy(person, waits)] });
  await promotionOf(two).result();
  await keep('promotion-two-approvers', promotionOf(two).workflowId);

  await world.addWorkload('rejected-by-person', { approval: 'one_approver' });
  const declined = (await world.night('rejected-by-person')).handle.workflowId;
  await promotionOf(declined).executeUpdate(decide, { args: [signedBy(erin, await world.waiting(declined), 'reject')] });
  await promotionOf(declined).result();
  await keep('promotion-rejected', promotionOf(declined).workflowId);

  await world.addWorkload('expired', { approval: 'one_approver', expiresAfterHours: 3 / 3600, remindEveryHours: 1 / 3600 });
  const expired = (await world.night('expired')).handle.workflowId;
  await promotionOf(expired).result();
  await keep('promotion-expired', promotionOf(expired).workflowId);

  const newer = await world.addWorkload('newer', { approval: 'one_approver' });
  const first = (await world.night('newer')).handle.workflowId;
  await world.waiting(first);
  await seed(world.store, newer, { corrected: 8, cases: 14, from: 100 });
  const second = (await world.night('newer')).handle.workflowId;
  await promotionOf(first).result();
  await keep('promotion-superseded', promotionOf(first).workflowId);
  await promotionOf(second).cancel();
  await promotionOf(second).result().catch(() => undefined);
  await keep('promotion-cancelled', promotionOf(second).workflowId);

  const soon = await world.addWorkload('soon', { schedule: '{ early: { failures: 15, withinMinutes: 30, lookEveryMinutes: 0.05 } }' });
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  await seed(world.store, soon, { corrected: 8, cases: 14, from: 100 });
  await keep('early-start', await world.untilEarlyStart('soon'));

  const watched = await world.addWorkload('watched', { watch: '{ share: 0.1, hours: 1, pollSeconds: 1 }' });
  const night = await world.night('watched');
  await keep('promotion-watched', `promotion/${night.handle.workflowId}`);
  const { channel } = watched.workload;
  while ((await world.store.channel(channel))?.holdback === undefined) await new Promise((resolve) => setTimeout(resolve, 100));
  await storeDrawn(world.store, watched, { count: 100, failing: 0 });
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  await storeDrawn(world.store, watched, { count: 1_000, failing: 4, from: 100 });
  await world.client.workflow.getHandle(watchId(channel, 1)).result();
  await keep('watch-rolled-back', watchId(channel, 1));
} finally {
  await world.stop();
}
