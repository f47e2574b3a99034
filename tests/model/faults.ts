// Faults that the model test must find. Each takes one safeguard out of the source, as it is read into a process of its own
// (run.ts): nothing in production code knows of them. Text that is no longer found fails the test: then the fault is to be planted anew.

/** The promise that the fault breaks. */
export type Kind = 'never two live' | 'never an unproven live' | 'never a lost record' | 'always explainable';

export interface Fault {
  name: string;
  kind: Kind;
  /** From the repository's root. */
  file: string;
  from: string;
  to: string;
  /** Found within few schedules: tried in every run of the tests. */
  quick?: true;
}

export const FAULTS: readonly Fault[] = [
  {
    name: 'the swap compares no generations',
    kind: 'never two live',
    file: 'stores/sqlite/channel.ts',
    from: 'if (before.generation !== expectedGeneration) {',
    to: 'expectedGeneration = before.generation; if (false) {',
  },
  {
    name: 'a promotion that was given up may still swap',
    kind: 'never two live',
    file: 'stores/sqlite/channel.ts',
    from: "state = 'open'\", intentId) === undefined) {",
    to: "state = 'open'\", intentId) === null) {",
  },
  {
    name: 'a rollback changes whatever is live',
    kind: 'never two live',
    file: 'activities/rollback.ts',
    from: 'const { channel, by, reason, expectedGeneration, byHand } = input;',
    to: 'const { channel, by, reason, byHand } = input; const expectedGeneration = (await deps.store.channel(channel))?.generation ?? 0;',
  },
  {
    name: 'any former adapter is taken off the engine',
    kind: 'never two live',
    quick: true,
    file: 'activities/serve.ts',
    from: 'return [live, ...former.slice(0, keepLoaded)].filter(',
    to: 'return [live].filter(',
  },
  {
    name: 'a promotion under way is not in use',
    kind: 'never two live',
    file: 'activities/serve.ts',
    from: 'new Set((await deps.store.openIntents()).map(({ candidate }) => candidate))',
    to: 'new Set<Digest>()',
  },
  {
    name: 'an adapter is taken off without another look',
    kind: 'never two live',
    file: 'activities/serve.ts',
    from: 'if (await used()) return [];',
    to: '',
  },
  {
    name: 'a promotion looks at no verdict and no signature',
    kind: 'never an unproven live',
    file: 'activities/promote.ts',
    from: 'const { verdict: { reason }, by, approvalDigest, approvedBy } = await assertAllowed(deps, input);',
    to: "const { reason, by, approvalDigest, approvedBy } = { ...input, reason: 'as it was told', approvedBy: [] };",
  },
  {
    name: 'any verdict promotes',
    kind: 'never an unproven live',
    file: 'activities/approval.ts',
    from: "if (decision !== 'promote') throw",
    to: 'if (false) throw',
  },
  {
    name: 'a verdict promotes another candidate',
    kind: 'never an unproven live',
    file: 'activities/approval.ts',
    from: 'if (verdict.candidateDigest !== candidateDigest || verdict.channel !== channel || verdict.currentGeneration !== expectedGeneration) {',
    to: 'if (false) {',
  },
  {
    name: 'a signature is not checked',
    kind: 'never an unproven live',
    file: 'core/approval/statement.ts',
    from: 'verify(null, statementBytes(statement), key, bytes)',
    to: 'true',
  },
  {
    name: 'a key that is revoked during a promotion counts',
    kind: 'never an unproven live',
    file: 'stores/sqlite/channel.ts',
    from: 'if (revoked !== undefined) throw',
    to: 'if (false) throw',
  },
  {
    name: 'people approve their own',
    kind: 'never an unproven live',
    file: 'activities/approval.ts',
    from: 'neverOneself: fixed.neverOneself || (current?.neverOneself ?? false)',
    to: 'neverOneself: false',
  },
  {
    name: 'an approval after the time is up counts',
    kind: 'never an unproven live',
    file: 'core/approval/rules.ts',
    from: 'if (nowMs > Date.parse(promotion.expiresAt)) throw',
    to: 'if (false) throw',
  },
  {
    name: 'every decision has the whole alpha',
    kind: 'never an unproven live',
    quick: true,
    file: 'core/gate/levels.ts',
    from: 'const share = policy.alpha / policy.decisionsPerPeriod;',
    to: 'const share = policy.alpha;',
  },
  {
    name: 'a case is used again',
    kind: 'never an unproven live',
    file: 'stores/sqlite/gate.ts',
    from: "database.run('UPDATE cases SET retired_by = ? WHERE case_digest = ? AND retired_by IS NULL', verdictDigest, digest);",
    to: 'continue;',
  },
  {
    name: 'the current adapter is named after the evaluation',
    kind: 'never an unproven live',
    file: 'activities/evaluate.ts',
    from: 'return { schemaVersion: 1, evaluationId, evaluationDigest, currentDigest, currentGeneration, answers:',
    to: 'return { schemaVersion: 1, evaluationId, evaluationDigest, currentDigest, currentGeneration: (await deps.store.channel(settings.workload.channel))?.generation ?? 0, answers:',
  },
  {
    name: 'an e-process promotes at a tenth of the evidence',
    kind: 'never an unproven live',
    file: 'core/gate/e-process.ts',
    from: '=> -Math.log(level);',
    to: '=> -Math.log(10 * level);',
  },
  {
    name: 'nobody looks whether adapters are mixed up',
    kind: 'never an unproven live',
    file: 'activities/promote.ts',
    from: '  await assertIsolated(deps, [candidateDigest,',
    to: '  void (async (..._: unknown[]) => undefined)(deps, [candidateDigest,',
  },
  {
    name: 'a snapshot misses what came last',
    kind: 'never a lost record',
    quick: true,
    file: 'stores/sqlite/reading.ts',
    from: 'WHERE workload = ? AND seq <= ? AND ${which}',
    to: 'WHERE workload = ? AND seq < ? AND ${which}',
  },
  {
    name: 'a correction that comes again is another one',
    kind: 'never a lost record',
    file: 'stores/sqlite/batch-writer.ts',
    from: "if (added === 0) return this.#known(this.#database.get<Kept>('SELECT digest, hmac FROM corrections",
    to: "if (added < 0) return this.#known(this.#database.get<Kept>('SELECT digest, hmac FROM corrections",
  },
  {
    name: 'two runs claim one request',
    kind: 'never a lost record',
    file: 'stores/sqlite/runs.ts',
    from: "database.run('UPDATE run_requests SET claimed_by = ? WHERE id = ?', runId, oldest.id);",
    to: '',
  },
  {
    name: 'a rollback by hand is not noted',
    kind: 'never a lost record',
    file: 'activities/rollback-record.ts',
    from: 'await deps.store.rollbackRecorded(channel, generation);',
    to: '',
  },
  {
    name: 'a promotion that is tried again calls itself lost',
    kind: 'always explainable',
    file: 'activities/promote.ts',
    from: "entry.action === 'promoted' && entry.verdictDigest === verdictDigest && entry.live === candidateDigest",
    to: 'entry.generation < 0',
  },
  {
    name: 'a workflow says who approved',
    kind: 'always explainable',
    file: 'activities/promote.ts',
    from: "live, action: 'promoted', by, reason, verdictDigest, approvalDigest, time",
    to: "live, action: 'promoted', by: input.by, reason, verdictDigest, approvalDigest: input.approvalDigest, time",
  },
  {
    name: 'a run that waited keeps its first report',
    kind: 'always explainable',
    quick: true,
    file: 'workflows/promotion.ts',
    from: 'await finishRun({ schemaVersion: 1, run, status: ended.output.status, reason: ended.output.reason, cost: null });',
    to: '',
  },
];

/** @throws where the source has no such place, or more than one */
export function withFault({ name, file, from, to }: Fault, source: string): string {
  const places = source.split(from).length - 1;
  if (places !== 1) throw new Error(`the fault "${name}" is planted in one place of ${file}, not in ${places}: ${from}`);
  return source.replace(from, () => to);
}
