// Records the histories that tests/replay replays: `node tests/histories/record.ts [NAME …]`. Run it when a workflow gets a new shape on purpose;
// with names it writes these alone, and what was recorded before goes on being replayed.
import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { approve } from '../../workflows/promotion.ts';
import { startWorld } from '../support/pipeline.ts';
import { storeDrawn } from '../support/watched-traffic.ts';
import { watchId } from '../../workflows/watch-channel.ts';

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

  await world.addWorkload('skipped', { corrected: 2, cases: 3 });
  await keep('night-skipped', (await world.night('skipped')).handle.workflowId);

  await world.addWorkload('rejected');
  world.targetOf('rejected').behave({ right: { base: 1, adapter: 0 } });
  await keep('night-rejected', (await world.night('rejected')).handle.workflowId);

  await world.addWorkload('approved', { approval: 'one_approver' });
  const waiting = await world.night('approved');
  const verdict = await world.store.verdict(waiting.run.verdictDigest ?? `sha256:${'0'.repeat(64)}`);
  if (!verdict || !waiting.run.verdictDigest) throw new Error('the night left no verdict');
  const promotion = world.client.workflow.getHandle(`promotion/${waiting.handle.workflowId}`);
  await promotion.executeUpdate(approve, { args: [{ by: 'dana', verdictDigest: waiting.run.verdictDigest, candidateDigest: verdict.candidateDigest }] });
  await promotion.result();
  await keep('night-awaiting-approval', waiting.handle.workflowId);
  await keep('promotion-approved', promotion.workflowId);

  await world.addWorkload('expired', { approval: 'one_approver', expiresAfterHours: 0.0005 });
  const expired = await world.night('expired');
  await world.client.workflow.getHandle(`promotion/${expired.handle.workflowId}`).result();
  await keep('promotion-expired', `promotion/${expired.handle.workflowId}`);

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
