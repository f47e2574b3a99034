// Records the histories that tests/replay replays: `node tests/histories/record.ts`. Run it when a workflow
// gets a new shape on purpose; names after it record those alone, and histories of former shapes stay as they are.
import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { approve } from '../../workflows/promotion.ts';
import { startWorld } from '../support/pipeline.ts';
import { seed } from '../support/pipeline-world.ts';

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
} finally {
  await world.stop();
}
