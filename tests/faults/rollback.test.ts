// The way back when everything else is away: no Temporal, no Kafka, no worker, no engine. Then Temporal is told.
import { afterAll, afterEach, expect, it } from 'vitest';
import { Client, Connection } from '@temporalio/client';
import { freePorts } from '../../infra/dev/ports.ts';
import { startTemporal, type TemporalServer } from '../../infra/dev/temporal.ts';
import { ensureSearchAttributes } from '../../infra/setup.ts';
import { Fleet, ratchet } from '../support/fleet.ts';
import { startStubEngine } from '../support/stub-engine.ts';

interface Done {
  generation: number;
  live: string | null;
  recorded: string;
  seconds: { toChannel: number; total: number };
}

const fleets: Fleet[] = [];
const servers: TemporalServer[] = [];
const fleetOf = async (name: string, address = '', history: readonly string[] = ['first', 'second']): Promise<Fleet> => {
  const fleet = new Fleet(name, address);
  fleets.push(fleet);
  return fleet.start(history);
};
afterEach(async () => {
  await Promise.all(fleets.splice(0).map((fleet) => fleet.stop()));
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
});

it('with nothing but the store takes seconds, and the gateway refuses rather than answer as another adapter', async () => {
  const fleet = await fleetOf('alone', '', ['first', 'second', 'third', 'fourth']);
  const [first, fourth] = [await fleet.adapter('first'), await fleet.adapter('fourth')];
  const ports = fleet.urls.map((url) => Number(new URL(url).port));
  await Promise.all(fleet.engines.map((engine) => engine.close()));

  const { status, stdout, stderr } = await fleet.ratchet('--json', 'rollback', fleet.channel, '--to-generation', '1', '--reason', 'wrong since noon');
  expect([status, stderr]).toEqual([0, expect.stringContaining('!! Temporal does not answer')]);
  const done = JSON.parse(stdout) as Done;
  expect(done).toMatchObject({ generation: 5, live: first, rolledBack: fourth, recorded: 'later' });
  expect(done.seconds.total).toBeLessThan(10);
  const traffic = fleet.traffic();
  await fleet.until('requests are refused', () => traffic.answers.filter(({ generation }) => generation === 5).length > 5);
  expect(new Set(traffic.answers.map((answer) => answer.status))).toEqual(new Set([503]));

  // One that comes back with the adapter that was live before, and without the one that is now.
  const back = await startStubEngine(ports[0]);
  fleet.engines = [back];
  back.loaded.set(fourth, `/nowhere/${fourth.slice('sha256:'.length)}`);
  await fleet.until('it has the adapter', () => back.loaded.has(first));
  await fleet.until('it answers', () => traffic.answers.at(-1)?.status === 200);
  const answers = await traffic.end();
  expect(new Set(answers.filter((answer) => answer.status === 200).map(({ adapter }) => adapter))).toEqual(new Set([first]));
  expect(back.asked.every(({ model }) => model === first)).toBe(true);
});

it('takes nothing back that was never live here, and nothing twice', async () => {
  const fleet = await fleetOf('unproven');
  const never = await fleet.adapter('never');
  expect((await fleet.ratchet('rollback', fleet.channel, '--to', never, '--break-glass')).status).toBe(4);
  expect((await fleet.ratchet('rollback', fleet.channel, '--to-generation', '9', '--break-glass')).status).toBe(4);
  expect((await fleet.ratchet('rollback', fleet.channel, '--to', await fleet.adapter('second'), '--break-glass')).status).toBe(2);
  expect(await fleet.live()).toMatchObject({ generation: 2 });
  const { status, stdout, stderr } = await fleet.ratchet('rollback', fleet.channel, '--to', 'base', '--break-glass');
  expect([status, stdout]).toEqual([0, expect.stringContaining('the base model is live again')]);
  expect(stderr).toContain('break-glass: only the store was touched');
  expect(await fleet.live()).toEqual({ generation: 3, live: null });
});

it('waits for no engine that hangs', async () => {
  const fleet = await fleetOf('hanging', '', ['first', 'second', 'third']);
  for (const engine of fleet.engines) {
    engine.loaded.delete(await fleet.adapter('first'));
    engine.loadMs = 60_000;
  }
  const { status, stdout } = await fleet.ratchet('--json', 'rollback', fleet.channel, '--to', await fleet.adapter('first'));
  expect(status).toBe(0);
  expect((JSON.parse(stdout) as Done).seconds.total).toBeLessThan(10);
  expect(await fleet.live()).toMatchObject({ generation: 4, live: await fleet.adapter('first') });
});

it('is told to Temporal when that is back, once, and changes nothing any more', async () => {
  const [port = 0] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  const fleet = await fleetOf('told-later');
  const { status, stdout } = await ratchet({ ...fleet.env, TEMPORAL_ADDRESS: address }, '--json', 'rollback', fleet.channel, '--reason', 'wrong since noon');
  expect([status, (JSON.parse(stdout) as Done).recorded]).toEqual([0, 'later']);
  // The worker was there all the time and waits for Temporal.
  const worker = fleet.startWorker(undefined, { TEMPORAL_ADDRESS: address });
  const server = await startTemporal({ dir: `${fleet.dir}/temporal`, headless: true, port });
  servers.push(server);
  const connection = await Connection.connect({ address });
  await ensureSearchAttributes(connection, 'default');
  const { metrics } = await worker;
  await fleet.until('Temporal has heard of it', async () => (await fleet.store.rollbacksToRecord()).length === 0);
  expect(await metrics()).toContain('ratchet_rollbacks_recorded_total 1');
  const told: unknown = await new Client({ connection }).workflow.getHandle(`rollback/${fleet.channel}@3`).result();
  expect(told).toEqual({ schemaVersion: 1, generation: 3, live: await fleet.adapter('first'), rolledBack: await fleet.adapter('second') });
  expect(await fleet.store.channelHistory(fleet.channel)).toHaveLength(4);
  await connection.close();
});
