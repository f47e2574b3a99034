// The gate's ledger: how many decisions a channel may take in a period, and which runs took them.
import type { Digest } from '../../core/contracts/index.ts';
import { RatchetError } from '../../core/errors.ts';
import type { HeldCandidate } from '../../core/gate/held.ts';
import type { GateDecision, MetadataStore } from '../ports.ts';
import { pack, unpack } from './body.ts';
import type { Database } from './database.ts';

const DAY_MS = 86_400_000;

interface Period {
  start: string;
  days: number;
  policy_digest: Digest;
  decisions: number;
}

const DECISION = `SELECT d.run_id AS runId, d.channel, d.number AS decisionNumber, p.decisions AS decisionsPerPeriod, p.policy_digest AS policyDigest,
  d.period_start AS periodStart, d.at, d.verdict_digest AS verdictDigest
  FROM gate_decisions AS d JOIN gate_periods AS p ON p.channel = d.channel AND p.start = d.period_start`;

const endOf = (period: Period): number => Date.parse(period.start) + period.days * DAY_MS;

export function gateQueries(database: Database): Pick<MetadataStore, 'reserveDecision' | 'closeDecision' | 'decisions' | 'heldCandidates' | 'keepLook' | 'endHeld'> {
  const decisionOf = (runId: string): GateDecision | undefined => {
    const row = database.get<GateDecision>(`${DECISION} WHERE d.run_id = ?`, runId);
    return row && { ...row };
  };

  /** The period in which `at` falls. Periods follow each other without a gap from the channel's first decision on. */
  const periodAt = (channel: string, at: string, policy: { policyDigest: Digest; decisionsPerPeriod: number; periodDays: number }): Period => {
    const last = database.get<Period>('SELECT start, days, policy_digest, decisions FROM gate_periods WHERE channel = ? ORDER BY start DESC LIMIT 1', channel);
    if (last && Date.parse(at) < endOf(last)) return last;
    const periodMs = policy.periodDays * DAY_MS;
    const begin = last ? endOf(last) + Math.floor((Date.parse(at) - endOf(last)) / periodMs) * periodMs : Date.parse(at);
    const start = new Date(begin).toISOString();
    database.run('INSERT INTO gate_periods VALUES (?, ?, ?, ?, ?)', channel, start, policy.periodDays, policy.policyDigest, policy.decisionsPerPeriod);
    return { start, days: policy.periodDays, policy_digest: policy.policyDigest, decisions: policy.decisionsPerPeriod };
  };

  const retire = (cases: readonly Digest[], verdictDigest: Digest): void => {
    for (const digest of cases) {
      database.run('UPDATE cases SET retired_by = ? WHERE case_digest = ? AND retired_by IS NULL', verdictDigest, digest);
      const by = database.get<{ retired_by: string }>('SELECT retired_by FROM cases WHERE case_digest = ?', digest)?.retired_by;
      if (by !== undefined && by !== verdictDigest) throw new RatchetError('REQUEST_INVALID', `case ${digest} was used by the verdict ${by}: no verdict may use it again`);
    }
  };

  const heldOf = (verdictDigest: Digest): HeldCandidate | undefined => {
    const row = database.get<{ body: Uint8Array }>('SELECT body FROM gate_held WHERE verdict_digest = ?', verdictDigest);
    // Ours alone: written by `pack` below.
    return row && (unpack(row.body) as HeldCandidate);
  };
  const openHeld = (channel: string, held: HeldCandidate): void => {
    if (heldOf(held.heldVerdictDigest)) return;
    const open = database.get<{ verdict_digest: string }>("SELECT verdict_digest FROM gate_held WHERE channel = ? AND status = 'open'", channel);
    if (open) throw new RatchetError('REQUEST_INVALID', `${channel}: the candidate held by the verdict ${open.verdict_digest} still has an open e-process`);
    database.run('INSERT INTO gate_held VALUES (?, ?, ?, ?, ?)', held.heldVerdictDigest, channel, held.openedAt, held.process.status, pack(held));
  };
  const writeHeld = (held: HeldCandidate): void => {
    database.run('UPDATE gate_held SET status = ?, body = ? WHERE verdict_digest = ?', held.process.status, pack(held), held.heldVerdictDigest);
  };

  return {
    async reserveDecision({ channel, runId, at, ...policy }) {
      return database.write(() => {
        const taken = decisionOf(runId);
        if (taken) return taken;
        const period = periodAt(channel, at, policy);
        const used = database.get<{ n: number }>('SELECT count(*) AS n FROM gate_decisions WHERE channel = ? AND period_start = ?', channel, period.start)?.n ?? 0;
        if (used >= period.decisions) {
          throw new RatchetError('GATE_BUDGET_SPENT', `${channel}: all ${period.decisions} decision(s) of the period are taken; the next period begins ${new Date(endOf(period)).toISOString()}`);
        }
        database.run('INSERT INTO gate_decisions (run_id, channel, period_start, number, at) VALUES (?, ?, ?, ?, ?)', runId, channel, period.start, used + 1, at);
        return { runId, channel, decisionNumber: used + 1, decisionsPerPeriod: period.decisions, policyDigest: period.policy_digest, periodStart: period.start, at, verdictDigest: null };
      });
    },

    /** Idempotent; another verdict for the same decision is refused. */
    async closeDecision(runId, verdictDigest, { cases, held } = { cases: [], held: null }) {
      database.write(() => {
        const taken = decisionOf(runId);
        if (!taken) throw new RatchetError('NOT_FOUND', `run ${runId} took no decision`);
        if (taken.verdictDigest === verdictDigest) return;
        if (taken.verdictDigest !== null) throw new RatchetError('REQUEST_INVALID', `the decision of run ${runId} has the verdict ${taken.verdictDigest} already`);
        database.run('UPDATE gate_decisions SET verdict_digest = ? WHERE run_id = ?', verdictDigest, runId);
        retire(cases, verdictDigest);
        if (held) openHeld(taken.channel, held);
      });
    },

    async heldCandidates(channel) {
      return database.all<{ body: Uint8Array }>('SELECT body FROM gate_held WHERE channel = ? ORDER BY opened_at, verdict_digest', channel).map(({ body }) => unpack(body) as HeldCandidate);
    },

    async keepLook(held, cases) {
      database.write(() => {
        const look = held.looks.at(-1);
        const kept = heldOf(held.heldVerdictDigest);
        if (!kept || !look) throw new RatchetError('NOT_FOUND', `no candidate is held by the verdict ${held.heldVerdictDigest}`);
        if (kept.looks.some(({ runId }) => runId === look.runId)) return;
        if (kept.process.status !== 'open') throw new RatchetError('REQUEST_INVALID', `the e-process of ${held.process.candidateDigest} has ended: ${kept.process.status}`);
        if (kept.looks.length !== held.looks.length - 1) throw new RatchetError('REQUEST_INVALID', `another look at ${held.process.candidateDigest} came between`);
        writeHeld(held);
        retire(cases, look.verdictDigest);
      });
    },

    async endHeld(heldVerdictDigest, process, at) {
      database.write(() => {
        const kept = heldOf(heldVerdictDigest);
        if (!kept) throw new RatchetError('NOT_FOUND', `no candidate is held by the verdict ${heldVerdictDigest}`);
        if (kept.process.status === 'open') writeHeld({ ...kept, process, endedAt: at });
      });
    },

    async decisions(channel) {
      return database.all<GateDecision>(`${DECISION} WHERE d.channel = ? ORDER BY d.period_start, d.number`, channel).map((row) => ({ ...row }));
    },
  };
}
