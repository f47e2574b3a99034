// Promotions that wait for people, on the real Temporal server: whose signature counts, and what a raw update, a flood or a cancel does.
import { execFile } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { approvalSummary } from '../../activities/approval-summary.ts';
import { faultsOf, signStatement } from '../../core/approval/statement.ts';
import type { SignedStatement, WaitingPromotion } from '../../core/contracts/index.ts';
import { decide } from '../../workflows/decisions.ts';
import { state, type PromotionOutput } from '../../workflows/promotion.ts';
import { temporalBin } from '../../infra/dev/paths.ts';
import { homePaths } from '../../workers/config.ts';
import { warnUnlessCurrent } from '../../workers/temporal.ts';
import { scheduledSteps, signedBy, startWorld, type Approver, type World } from '../support/pipeline.ts';
import { SECRET, seed } from '../support/pipeline-world.ts';
import { ratchetIn, type Ended } from '../support/terminal.ts';

let world: World;
let people: { dana: Approver; erin: Approver; secondKeyOfErin: Approver };
beforeAll(async () => {
  world = await startWorld();
  // `dana` is who asks for the runs.
  people = { dana: await world.approver('dana'), erin: await world.approver('erin'), secondKeyOfErin: await world.approver('erin') };
}, 120_000);
afterAll(async () => {
  await world.stop();
});

interface Waiting {
  runId: string;
  waits: WaitingPromotion;
  result: () => Promise<PromotionOutput>;
  send: (signed: unknown) => Promise<unknown>;
}

/** A night that ended waiting for people. */
async function waitingNight(workload: string): Promise<Waiting> {
  const { run } = await world.night(workload);
  expect(run.status).toBe('awaiting_approval');
  const waits = await world.waiting(run.runId);
  const handle = world.client.workflow.getHandle(waits.promotionId);
  return { runId: run.runId, waits, result: () => handle.result() as Promise<PromotionOutput>, send: (signed) => handle.executeUpdate(decide, { args: [signed as SignedStatement] }) };
}

async function refusal(update: Promise<unknown>): Promise<string | null | undefined> {
  const error = await update.then(() => undefined, (reason: unknown) => reason);
  if (!(error instanceof WorkflowUpdateFailedError)) throw new Error('the update was not refused');
  return (error.cause as { type?: string } | undefined)?.type;
}

const liveOf = async (workload: string) => (await world.store.channel(`${workload}/production`)) ?? { generation: -1, live: null };

describe('one approver', () => {
  test('promotes with a signature that counts, and with no other', async () => {
    await world.addWorkload('approved', { approval: 'one_approver' });
    const { runId, waits, send, result } = await waitingNight('approved');
    expect(await liveOf('approved')).toMatchObject({ generation: 0 });
    const good = signedBy(people.erin, waits);
    const stranger = await world.approver('mallory', { enrolled: false });
    const elsewhere = await world.approver('frank', { channels: ['other/production'] });
    const other = `sha256:${'0'.repeat(64)}`;

    // What the validator sees leaves no trace in history.
    for (const field of ['candidateDigest', 'datasetDigest', 'evaluationDigest', 'verdictDigest', 'policyDigest'] as const) {
      expect([field, await refusal(send(signStatement({ ...good.statement, [field]: other }, people.erin.privateKey)))]).toEqual([field, 'APPROVAL_VOID']);
    }
    expect(await refusal(send(signStatement({ ...good.statement, expectedGeneration: 7 }, people.erin.privateKey)))).toBe('APPROVAL_VOID');
    for (const raw of [{ by: 'dana', verdictDigest: waits.verdictDigest, candidateDigest: waits.candidateDigest }, null, 'approve', { ...good, signature: '' }, { ...good, more: 1 }]) expect(await refusal(send(raw))).toBe('APPROVAL_UNSIGNED');
    const { events } = JSON.parse(await world.historyJson(waits.promotionId)) as { events: { eventType: string }[] };
    expect(events.filter(({ eventType }) => /UPDATE/.test(eventType))).toEqual([]);
    expect(events.length).toBeLessThan(25);

    // What only the enrolled keys can tell is told by a step.
    expect(await refusal(send({ ...good, signature: signedBy(stranger, waits).signature }))).toBe('APPROVAL_UNSIGNED');
    expect(await refusal(send(signedBy(stranger, waits)))).toBe('APPROVER_UNKNOWN');
    expect(await refusal(send(signedBy(elsewhere, waits)))).toBe('APPROVER_UNKNOWN');
    expect(await refusal(send(signStatement({ ...good.statement, by: 'dana' }, people.erin.privateKey)))).toBe('APPROVER_UNKNOWN');
    expect(await liveOf('approved')).toMatchObject({ generation: 0 });
    const handle = world.client.workflow.getHandle(waits.promotionId);
    expect(await handle.query(state)).toMatchObject({ state: 'awaiting_approval', approvers: [], refused: 4 });
    await handle.signal('approve', 'me');
    await expect(handle.executeUpdate('approve', { args: [{ by: 'dana', verdictDigest: waits.verdictDigest, candidateDigest: waits.candidateDigest }] })).rejects.toThrow();

    const comment = 'looked at ten';
    await world.blobs.put(Buffer.from(comment));
    await send(signedBy(people.erin, waits, 'approve', { comment }));
    expect(await result()).toMatchObject({ status: 'promoted', generation: 1 });
    expect(await world.store.run(runId)).toMatchObject({ status: 'promoted' });
    const entry = await world.store.channel('approved/production');
    expect(entry).toMatchObject({ generation: 1, by: 'erin' });
    const kept = entry?.approvalDigest ? await world.store.approval(entry.approvalDigest) : null;
    expect(kept).toMatchObject({ by: 'erin', comment, decision: 'approve', verdictDigest: waits.verdictDigest });
    expect(faultsOf(kept)).toEqual([]);
    expect(await world.store.waitingPromotion(waits.promotionId)).toMatchObject({ ended: { as: 'promoted' } });
    expect(world.noticesOf('approved').map(({ type }) => type)).toEqual(['approval.waiting', 'approval.ended']);
    // The words of the comment are in the store alone.
    expect(await world.historyJson(waits.promotionId)).not.toContain(Buffer.from(comment).toString('base64').slice(0, 12));
  });

  test('is shown with both answers side by side', async () => {
    await world.addWorkload('shown', { approval: 'one_approver' });
    const { waits, send, result } = await waitingNight('shown');
    const summary = await approvalSummary({ store: world.store, blobs: world.blobs }, waits, 3);
    expect(summary.counts).toEqual({ fixes: 12, breaks: 0, bothPass: 0, bothFail: 0 });
    expect(summary.fixes).toHaveLength(3);
    expect(summary.fixes[0]).toMatchObject({ current: { text: 'I cannot say.', failureClasses: ['malformed_json'] }, candidate: { failureClasses: [] } });
    expect(summary.fixes[0]?.prompt).toMatch(/^\[user\] .*please file ticket shown/);
    expect(summary).toMatchObject({ provenance: { requestedBy: 'dana', baseModel: 'stand-in' }, approvals: { needed: 1, counting: [], mayDecide: ['dana', 'erin'] }, verdict: { b: 12, c: 0 } });
    await send(signedBy(people.erin, waits, 'reject'));
    expect(await result()).toMatchObject({ status: 'rejected', reason: 'rejected by erin' });
    expect(await liveOf('shown')).toMatchObject({ generation: 0 });
    expect(world.targetOf('shown').loaded()).toEqual([]);
  });

  test('expires, after reminders', async () => {
    await world.addWorkload('expired', { approval: 'one_approver', expiresAfterHours: 4 / 3600, remindEveryHours: 1.2 / 3600 });
    const { runId, waits, result } = await waitingNight('expired');
    expect(await result()).toMatchObject({ status: 'rejected' });
    expect((await world.store.run(runId))?.reason).toMatch(/^APPROVAL_EXPIRED: 0 of 1 approvals by /);
    expect(await liveOf('expired')).toMatchObject({ generation: 0 });
    expect(await world.store.waitingPromotion(waits.promotionId)).toMatchObject({ ended: { as: 'expired' } });
    expect(world.noticesOf('expired').map(({ type }) => type)).toEqual(['approval.waiting', 'approval.reminder', 'approval.reminder', 'approval.reminder', 'approval.ended']);
  });

  test('may be kept from deciding on what they asked for', async () => {
    await world.addWorkload('own', { approval: 'one_approver', neverOneself: true });
    const { waits, send, result } = await waitingNight('own');
    expect(await refusal(send(signedBy(people.dana, waits)))).toBe('APPROVER_BARRED');
    await send(signedBy(people.erin, waits));
    expect(await result()).toMatchObject({ status: 'promoted' });
  });

  test('signs for one promotion only: a newer candidate supersedes the older, and takes no signature made for it', async () => {
    const loaded = await world.addWorkload('newer', { approval: 'one_approver' });
    const first = await waitingNight('newer');
    const forFirst = signedBy(people.erin, first.waits);
    await seed(world.store, loaded, { corrected: 8, cases: 14, from: 100 });
    const second = await waitingNight('newer');
    expect(await first.result()).toMatchObject({ status: 'rejected', reason: expect.stringMatching(/^APPROVAL_SUPERSEDED: /) as string });
    expect(await world.store.run(first.runId)).toMatchObject({ status: 'rejected', reason: expect.stringMatching(/^APPROVAL_SUPERSEDED: /) as string });
    expect(await world.store.waitingPromotions({ channel: 'newer/production', limit: 10 })).toMatchObject([{ promotionId: second.waits.promotionId }]);
    expect(await refusal(second.send(forFirst))).toBe('APPROVAL_VOID');
    await second.send(signedBy(people.erin, second.waits));
    expect(await second.result()).toMatchObject({ status: 'promoted', generation: 1 });
    expect(world.targetOf('newer').loaded()).toEqual([second.waits.candidateDigest]);
  });

  test('finds the promotion void when the channel has moved on', async () => {
    await world.addWorkload('moved', { approval: 'one_approver' });
    const { runId, waits, send, result } = await waitingNight('moved');
    const swap = { channel: 'moved/production', expectedGeneration: 0, live: waits.candidateDigest, action: 'promoted' as const, by: 'another', reason: 'a test', verdictDigest: null, approvalDigest: null, time: new Date().toISOString() };
    await world.store.swapChannel(swap);
    expect(await refusal(send(signedBy(people.erin, waits)))).toBe('APPROVAL_VOID');
    expect(await result()).toMatchObject({ status: 'lost' });
    expect(await world.store.run(runId)).toMatchObject({ status: 'lost' });
    expect(await world.store.channelHistory('moved/production')).toHaveLength(2);
  });

  test('has no say once the key is revoked', async () => {
    await world.addWorkload('revoked', { approval: 'one_approver' });
    const grace = await world.approver('grace');
    const { waits, send, result } = await waitingNight('revoked');
    await world.store.revokeKey(grace.keyId, { by: 'admin', at: new Date().toISOString(), reason: 'laptop lost' });
    expect(await refusal(send(signedBy(grace, waits)))).toBe('APPROVER_UNKNOWN');
    await send(signedBy(people.erin, waits, 'reject'));
    await result();
  });
});

describe('two approvers', () => {
  test('are two persons, not two keys', async () => {
    await world.addWorkload('twice', { approval: 'two_approvers' });
    const { waits, send, result } = await waitingNight('twice');
    expect(await send(signedBy(people.erin, waits))).toMatchObject({ approvers: ['erin'], needed: 2 });
    expect(await refusal(send(signedBy(people.secondKeyOfErin, waits)))).toBe('APPROVER_BARRED');
    expect(await liveOf('twice')).toMatchObject({ generation: 0 });
    await send(signedBy(people.dana, waits));
    expect(await result()).toMatchObject({ status: 'promoted' });
    expect(await world.store.channel('twice/production')).toMatchObject({ by: 'erin and dana' });
    const allowed = (await world.store.linksTo('twice/production@1')).filter(({ relation }) => relation === 'allowed');
    expect((await Promise.all(allowed.map(async ({ from }) => (await world.store.approval(from))?.by))).toSorted()).toEqual(['dana', 'erin']);
    expect(world.noticesOf('twice').map(({ type }) => type)).toEqual(['approval.waiting', 'approval.counted', 'approval.ended']);
  });

  test('can be asked for by a run, and one cannot be asked for where the workload wants two', async () => {
    await world.addWorkload('asked', { approval: 'two_approvers' });
    const { run } = await world.night('asked', { approval: 'automatic' });
    expect(run).toMatchObject({ status: 'awaiting_approval', approval: { mode: 'two_approvers' } });
    const waits = await world.waiting(run.runId);
    await world.client.workflow.getHandle(waits.promotionId).cancel();
    await expect(world.client.workflow.getHandle(waits.promotionId).result()).rejects.toThrow();
    expect(await world.store.run(run.runId)).toMatchObject({ status: 'cancelled' });
    expect(await world.store.waitingPromotion(waits.promotionId)).toMatchObject({ ended: { as: 'cancelled' } });
  });
});

describe('whoever reaches Temporal', () => {
  test('promotes nothing by starting a promotion that says it needs nobody', async () => {
    await world.addWorkload('raw', { approval: 'one_approver' });
    const { runId, waits, send, result } = await waitingNight('raw');
    const record = await world.store.run(runId);
    const run = { schemaVersion: 1, runId, workload: 'raw', settingsDigest: waits.verdictDigest };
    const { channel, candidateDigest, verdictDigest, expectedGeneration } = waits;
    const args = [{ schemaVersion: 1, run, channel, candidateDigest, verdictDigest, expectedGeneration, approval: { mode: 'automatic', expiresAfterHours: 1 } }];
    await expect(world.client.workflow.execute('promotion', { workflowId: 'promotion/forged', taskQueue: world.taskQueueOf('raw'), args })).rejects.toThrow();
    expect(await liveOf('raw')).toMatchObject({ generation: 0, live: null });
    expect(record).toMatchObject({ status: 'awaiting_approval' });
    await send(signedBy(people.erin, waits, 'reject'));
    await result();
  });

  test('makes it void by a flood of forged decisions, with an alarm, long before updates run out', async () => {
    await world.addWorkload('flood', { approval: 'one_approver' });
    const { runId, waits, send, result } = await waitingNight('flood');
    const stranger = await world.approver('eve', { enrolled: false });
    let checked = 0;
    for (let n = 0; n < 200; n += 1) {
      const code = await refusal(send(signedBy(stranger, waits))).catch(() => 'ended');
      if (code === 'APPROVER_UNKNOWN') checked += 1;
      else break;
    }
    expect(checked).toBe(30);
    expect(await result()).toMatchObject({ status: 'rejected', reason: expect.stringMatching(/^APPROVAL_VOID: 30 decisions/) as string });
    expect(await world.store.run(runId)).toMatchObject({ status: 'rejected' });
    expect(await liveOf('flood')).toMatchObject({ generation: 0 });
    expect(world.noticesOf('flood').at(-1)).toMatchObject({ type: 'approval.ended', data: { ended: { as: 'void' } } });
    expect((JSON.parse(await world.historyJson(waits.promotionId)) as { events: unknown[] }).events.length).toBeLessThan(500);
    expect(scheduledSteps(await world.historyJson(waits.promotionId))).toMatchObject({ checkDecision: 30 });
  });
});

describe('an approved promotion', () => {
  test.each([
    ['load', { failLoad: true }, 'ADAPTER_LOAD_FAILED'],
    ['smoke-test', { failSmoke: true }, 'SMOKE_TEST_FAILED'],
    ['isolation-check', { failIsolation: true }, 'ISOLATION_BROKEN'],
  ])('leaves the channel as it was after a failed %s', async (what, behaviour, code) => {
    const name = `failed-${what}`;
    await world.addWorkload(name, { approval: 'one_approver' });
    const { runId, waits, send, result } = await waitingNight(name);
    world.targetOf(name).behave(behaviour);
    await send(signedBy(people.erin, waits));
    await expect(result()).rejects.toThrow();
    const run = await world.untilRun(runId, 'failed');
    expect(run.reason).toMatch(new RegExp(`^${code}: `));
    expect(await world.store.channelHistory(`${name}/production`)).toHaveLength(1);
    expect(world.targetOf(name).loaded()).toEqual([]);
    expect(await world.store.openIntents()).toEqual([]);
    expect(await world.store.waitingPromotion(waits.promotionId)).toMatchObject({ ended: { as: 'failed' } });
  });
});

describe('from the terminal', () => {
  const ratchet = (keyDir: string, ...args: string[]): Promise<Ended> => ratchetIn(world, 'terminal', args, { RATCHET_KEY_DIR: join(world.dir, keyDir), RATCHET_ACTOR: 'heidi' });

  test('a person makes a key, has it enrolled, reads what would change, signs, and an auditor checks it with openssl', async () => {
    await world.addWorkload('terminal', { approval: 'two_approvers' });
    const { runId, waits, send, result } = await waitingNight('terminal');
    expect(await ratchet('keys', 'approve', runId)).toMatchObject({ status: 3, stderr: expect.stringMatching(/^ratchet: APPROVER_KEY_MISSING[\s\S]*ratchet key new/) as string });
    expect(await ratchet('keys', 'key', 'new')).toMatchObject({ status: 0 });
    expect(statSync(join(world.dir, 'keys', 'heidi.key')).mode & 0o777).toBe(0o600);
    expect(await ratchet('keys', 'approve', runId)).toMatchObject({ status: 1, stderr: expect.stringMatching(/^ratchet: APPROVER_UNKNOWN[\s\S]*ratchet key enrol/) as string });
    expect(await ratchet('keys', 'key', 'enrol', join(world.dir, 'keys', 'heidi.pub'), '--as', 'heidi', '--channel', 'terminal/production')).toMatchObject({ status: 0 });

    const listed = await ratchet('keys', '--json', 'approvals', 'ls', '--channel', 'terminal/production');
    expect(JSON.parse(listed.stdout)).toMatchObject([{ runId, state: 'waits', approvers: [], needed: 2, requestedBy: 'dana' }]);
    const shown = (await ratchet('keys', 'approvals', 'show', runId, '--limit', '1')).stdout;
    for (const text of ['What it fixes: 12 case(s), 1 shown', 'What it breaks: 0 case(s)', 'current (malformed_json)', 'I cannot say.', 'candidate (no failure found)', 'two different persons', 'may decide']) expect(shown).toContain(text);

    expect((await ratchet('keys', 'approvals', 'approve', runId, '--comment', 'read all twelve')).stdout).toMatch(/approvals +1 of 2: another person is needed/);
    expect(await ratchet('keys', 'approve', runId)).toMatchObject({ status: 5, stderr: expect.stringMatching(/APPROVER_BARRED/) as string });
    await send(signedBy(people.erin, waits));
    expect(await result()).toMatchObject({ status: 'promoted' });
    expect(await world.store.channel('terminal/production')).toMatchObject({ by: 'heidi and erin' });
    expect(await ratchet('keys', 'reject', runId)).toMatchObject({ status: 5, stderr: expect.stringMatching(/APPROVAL_VOID/) as string });

    const approvals = (await world.store.linksFrom(waits.verdictDigest)).filter(({ relation }) => relation === 'decided_by').map(({ to }) => to);
    const documents = await Promise.all(approvals.map(async (digest) => ({ digest, by: (await world.store.approval(digest))?.by })));
    const audit = join(world.dir, 'audit');
    const verified = await ratchet('keys', '--json', 'approvals', 'verify', documents.find(({ by }) => by === 'heidi')?.digest ?? '', '--write', audit);
    expect(JSON.parse(verified.stdout)).toMatchObject({ valid: true, faults: [], approval: { by: 'heidi', comment: 'read all twelve' }, key: { name: 'heidi', enrolledBy: 'heidi' } });
    const openssl = await promisify(execFile)('openssl', ['pkeyutl', '-verify', '-pubin', '-inkey', join(audit, 'key.pem'), '-rawin', '-in', join(audit, 'statement.json'), '-sigfile', join(audit, 'signature.bin')]);
    expect(openssl.stdout).toContain('Signature Verified Successfully');
    const tampered = readFileSync(join(audit, 'approval.json'), 'utf8').replace('read all twelve', 'read them all');
    writeFileSync(join(audit, 'tampered.json'), tampered);
    expect(await ratchet('keys', 'approvals', 'verify', '--file', join(audit, 'tampered.json'))).toMatchObject({ status: 1, stdout: expect.stringContaining('NOT valid') as string });
  });
});

describe('what was seeded into records', () => {
  test('is in no history and no trace', async () => {
    const texts = [readFileSync(homePaths(world.home).traces, 'utf8')];
    for await (const { workflowId } of world.client.workflow.list()) {
      const history = await world.historyJson(workflowId);
      texts.push(history, ...[...history.matchAll(/"data": "([^"]+)"/g)].map(([, data = '']) => Buffer.from(data, 'base64').toString('utf8')));
    }
    expect(texts.length).toBeGreaterThan(50);
    expect(texts.filter((text) => text.includes(SECRET))).toEqual([]);
  });
});

describe('builds of the pipeline worker', () => {
  /** By the command that a worker's warning names; nothing is said once its build is the current one. */
  const makeCurrent = async (buildId?: string): Promise<void> => {
    const taskQueue = world.taskQueueOf('builds');
    const warnings = async (): Promise<string[]> => {
      const said: string[] = [];
      const version = buildId === undefined ? undefined : { deploymentName: taskQueue, buildId };
      await warnUnlessCurrent(world.native, { ...world.config.temporal, taskQueue, version }, { warn: (_fields: object, words: string) => void said.push(words) });
      return said;
    };
    const command = /`temporal (.*?)`/.exec((await warnings())[0] ?? '')?.[1];
    const args = [...(command ?? '').split(' '), '--address', world.temporal.address, '--yes'];
    // A build is known once its worker has asked for work.
    await expect.poll(() => promisify(execFile)(temporalBin, args).then(() => '', (error: unknown) => String(error)), { timeout: 10_000 }).toBe('');
    await expect.poll(warnings, { timeout: 10_000 }).toEqual([]);
  };
  /** The builds that took the workflow on, in order; `none` of a worker without one. */
  const buildsOf = async (workflowId: string): Promise<string[]> => {
    const { events } = JSON.parse(await world.historyJson(workflowId)) as { events: { workflowTaskCompletedEventAttributes?: { deploymentVersion?: { buildId: string } | null } }[] };
    const builds = events.flatMap(({ workflowTaskCompletedEventAttributes: task }) => (task === undefined ? [] : [task.deploymentVersion?.buildId ?? 'none']));
    return builds.filter((build, index) => build !== builds[index - 1]);
  };

  test('a night ends on the build that began it, its promotion goes on with the current one, and without a build all is as before', async () => {
    await world.addWorkload('builds', { approval: 'one_approver', worker: false });
    const endA = await world.startWorker('builds', { gpuTaskQueue: 'builds-gpu', build: 'a' });
    await makeCurrent('a');
    const night = await world.startNight('builds');
    await expect.poll(async () => scheduledSteps(await world.historyJson(night.workflowId)), { timeout: 20_000 }).toHaveProperty('trainAdapter');

    await world.startWorker('builds', { gpuTaskQueue: 'builds-gpu', build: 'b' });
    await makeCurrent('b');
    const endTrainer = await world.startTrainer('builds-gpu');
    await night.result();
    expect(await buildsOf(night.workflowId)).toEqual(['a']);
    const waits = await world.waiting(night.workflowId);
    await endA();
    const promotion = world.client.workflow.getHandle(waits.promotionId);
    await promotion.executeUpdate(decide, { args: [signedBy(people.erin, waits)] });
    expect(await promotion.result()).toMatchObject({ status: 'promoted', generation: 1 });
    expect(await buildsOf(waits.promotionId)).toEqual(['a', 'b']);

    const second = await world.night('builds');
    expect([second.run.status, await buildsOf(second.run.runId)]).toEqual(['skipped', ['b']]);

    await world.startWorker('builds', { gpuTaskQueue: 'builds-gpu' });
    await makeCurrent();
    const third = await world.night('builds');
    expect([third.run.status, await buildsOf(third.run.runId)]).toEqual(['skipped', ['none']]);
    await endTrainer();
  });
});
