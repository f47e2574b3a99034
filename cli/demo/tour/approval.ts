// The acts of a person: decisions that count for nothing, the one that counts, and the promotion seen from outside.
import { generateKeyPairSync } from 'node:crypto';
import { keyIdOf, rawPublicKey } from '../../../core/approval/keys.ts';
import { signStatement, statementOf } from '../../../core/approval/statement.ts';
import type { SignedStatement } from '../../../core/contracts/index.ts';
import { RatchetError } from '../../../core/errors.ts';
import { decideOn, openedPromotion, sendDecision } from '../../decide.ts';
import type { OwnKey } from '../../approver-keys.ts';
import { short } from '../../output.ts';
import { describeNight, night, type Stage } from '../story.ts';
import type { Seen } from './acts.ts';
import { gpuSeconds } from './nights.ts';
import { ask, byAnswerer, correct, DAYS, day, messagesOf, right } from './traffic.ts';

/** Messages asked before and after the promotion. */
const ASKED_AGAIN = 20;

/** What a decision that nobody may make comes to: the code of its refusal. */
async function refusalOf(decision: Promise<unknown>): Promise<string> {
  try {
    await decision;
    return 'let in';
  } catch (error) {
    if (error instanceof RatchetError) return error.code;
    throw error;
  }
}

async function forge({ store, client, note, loaded }: Stage, runId: string, visitor: OwnKey): Promise<boolean> {
  const promotion = await openedPromotion(store, runId);
  const stranger = generateKeyPairSync('ed25519');
  const approve = { decision: 'approve', time: new Date().toISOString() } as const;
  const said = statementOf(promotion, { ...approve, keyId: visitor.keyId, by: visitor.name });
  const strangersOwn = statementOf(promotion, { ...approve, keyId: keyIdOf(rawPublicKey(stranger.publicKey)), by: visitor.name });
  const attempts: [string, SignedStatement][] = [
    [`a raw Update that says ${visitor.name} approves, with no signature`, { statement: said, signature: '' }],
    [`the same, signed by another key in ${visitor.name}'s name`, signStatement(said, stranger.privateKey)],
    ['a statement well signed, by a key that nobody enrolled', signStatement(strangersOwn, stranger.privateKey)],
  ];
  let nothing = true;
  for (const [what, signed] of attempts) {
    const code = await refusalOf(sendDecision(client, signed));
    const entry = await store.channel(loaded.workload.channel);
    note(`  ${what}: ${code}; ${loaded.workload.channel} is at generation ${entry?.generation ?? 0}, ${entry?.live ? short(entry.live) : 'the base model'} is live`);
    nothing &&= code !== 'let in' && entry?.generation === promotion.expectedGeneration;
  }
  return nothing;
}

/** @param visitor the enrolled person's key */
export async function approval(stage: Stage, visitor: OwnKey): Promise<Seen> {
  const messages = messagesOf(DAYS.third);
  await day(stage, messages);
  await correct(stage, right([...messagesOf(DAYS.first), ...messagesOf(DAYS.second), ...messages]), 'right-import');
  let nothing = false;
  const run = await night(stage, {
    reason: 'tour: the right import, to be approved',
    approve: true,
    decide: async (runId) => {
      stage.note(`  the candidate waits for a person. A person would read:\n    ratchet approvals show ${runId}`);
      nothing = await forge(stage, runId, visitor);
      const { statement, approvers, needed } = await decideOn(stage.context, runId, { decision: 'approve', key: visitor.name, comment: 'tour: the gains are the ones announced' });
      stage.note(`  signed by ${statement.by} with key ${short(statement.keyId)}, over the digests of adapter, dataset, evaluation, verdict and policy: ${approvers.length} of ${needed} approvals`);
    },
  });
  await describeNight(stage, run);
  stage.note(`  GPU worker: ${(await gpuSeconds(stage, run)).toFixed(0)} s of training`);
  stage.note(`  look at it: ratchet approvals show ${run.runId}\n              ratchet approvals ls --all`);
  const entry = await stage.store.channel(stage.loaded.workload.channel);
  const approved = run.status === 'promoted' && nothing && entry?.by === visitor.name;
  return { end: approved ? 'approved' : nothing ? run.status : 'let in unsigned', id: run.runId, reason: run.reason };
}

export async function promotion(stage: Stage): Promise<Seen> {
  const { store, loaded, note } = stage;
  const { channel } = loaded.workload;
  const messages = messagesOf({ ...DAYS.third, count: ASKED_AGAIN });
  const entry = await store.channel(channel);
  const [run] = (await store.runs({ workload: loaded.workload.name, limit: 10 })).filter(({ status }) => status === 'promoted');
  note(`  ${channel}: generation ${entry?.generation ?? 0}, ${entry?.live ? `adapter ${short(entry.live)}` : 'the base model'}, ${entry?.action} by ${entry?.by}, verdict ${short(entry?.verdictDigest)}`);
  const answers = await ask(stage, messages, { what: `${ASKED_AGAIN} messages of the day before the promotion`, prefix: 'again-' });
  note(`  before: the base model answered all of them (generation 0)\n  after: ${byAnswerer(messages, answers)}`);
  note(`  look at it: ratchet channel ${channel}\n              ratchet channel holdback ${channel}\n              ratchet trace ${channel}`);
  const served = answers.some(({ adapter }) => adapter !== null && adapter === entry?.live);
  return { end: served && entry?.action === 'promoted' ? 'promoted' : 'not served', id: run?.runId ?? '', reason: run?.reason ?? null };
}
