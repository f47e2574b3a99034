// What Ratchet needs of its stores and of the serving engine. One contract test suite runs against every implementation.
import type {
  AdapterManifest,
  Approval,
  ApproverKey,
  BlindTruth,
  ChannelEntry,
  Correction,
  Digest,
  EvalCase,
  Failure,
  FailureClass,
  Finding,
  Holdback,
  Interaction,
  InteractionRef,
  LedgerEntry,
  Outcome,
  RunRecord,
  RunRequest,
  ScheduleChange,
  Verdict,
  WaitingPromotion,
  WatchRecord,
} from '../core/contracts/index.ts';
import type { ClassCounts } from '../core/watch/judge.ts';
import type { LineageLink, NodeKind } from '../core/contracts/lineage.ts';
import type { HeldCandidate } from '../core/gate/held.ts';

/** One interaction ready to be kept: redacted, judged and drawn. `hmac` is the keyed HMAC of the raw record. */
export interface NewInteraction {
  digest: Digest;
  interaction: Interaction;
  /** Canonical JSON (RFC 8785) of the interaction: what `digest` was taken of, and what is kept. */
  text: string;
  hmac: string;
  findings: Finding[];
  ledger: LedgerEntry;
  /** Set when the keyed hash drew this eval-side interaction as a case; `label`: its cluster was chosen for labelling. */
  drawn: { case: EvalCase; caseDigest: Digest; drawOrder: string; label: boolean } | null;
  position: RecordPosition | null;
}

export interface NewCorrection {
  digest: Digest;
  correction: Correction;
  hmac: string;
  position: RecordPosition | null;
}

export interface RecordPosition {
  topic: string;
  partition: number;
  offset: string;
}

/** Nothing of the record itself: the raw bytes are still in Kafka. `reason` is an error code, `detail` a place. */
export interface DeadLetter {
  position: RecordPosition;
  reason: string;
  detail: string;
  hmac: string;
  at: string;
}

export interface IntakeBatch {
  interactions: NewInteraction[];
  corrections: NewCorrection[];
  deadLetters: DeadLetter[];
}

/** Where a correction and its interaction meet: the correction with that one's surrogates in its answer. Pure. */
export type MeetCorrection = (interaction: Interaction, correction: Correction) => Correction;

/** A dead letter as the store has it. `replayed`: its record was judged again and is kept now. */
export interface DeadLetterRow {
  id: number;
  letter: DeadLetter;
  state: 'open' | 'replayed';
  replays: number;
  lastReplay: { at: string; by: string } | null;
}

/** What judging one record gave. */
export type Rejudged = { interaction: NewInteraction } | { correction: NewCorrection } | { deadLetter: DeadLetter };

/** `dead_letter` and `conflict`: it stays open, with the new reason. `settled`: somebody else has replayed it. */
export type ReplayOutcome = 'stored' | 'duplicate' | 'conflict' | 'dead_letter' | 'settled';

export interface BatchResult {
  stored: number;
  duplicates: number;
  conflicts: number;
  deadLetters: number;
}

export interface StoredInteraction {
  seq: number;
  digest: Digest;
  interaction: Interaction;
  findings: Finding[];
  clusterId: Digest;
  side: 'train' | 'eval';
}

export interface FailureRow {
  /** Digest of the Failure document. */
  id: Digest;
  seq: number;
  failure: Failure;
  interactionRef: InteractionRef;
  time: string;
  corrected: boolean;
}

export interface CaseRow {
  caseDigest: Digest;
  case: EvalCase;
  /** Hex keyed hash: cases are used in this order. */
  drawOrder: string;
  label: boolean;
  truth: string | null;
  /** The verdict that used it up, if any. */
  retiredBy: Digest | null;
}

/** An answer depends on these, besides its question. */
export interface AnswerKey {
  /** null: the base model, which `samplingDigest` names. */
  adapterDigest: Digest | null;
  engineBuild: string;
  /** Over the sampling and the base model's digest. */
  samplingDigest: Digest;
}

export interface KeptAnswer extends AnswerKey {
  questionDigest: Digest;
  /** The evaluation in which it was asked. */
  askedIn: string;
  /** The answer as a blob (see activities/suites.ts). */
  answerDigest: Digest;
  latencyMs: number;
  outputTokens: number;
}

/** What a judge found in an answer to a case. Only verdicts that could be read are kept. */
export interface KeptJudgement {
  judgeDigest: Digest;
  /** Over what was asked, with the case's words for the judge. */
  caseDigest: Digest;
  answerDigest: Digest;
  passed: boolean;
  /** The judge's reason as a blob: it may quote the answer. */
  reasonDigest: Digest;
  askedIn: string;
}

export interface GateDecision {
  runId: string;
  channel: string;
  decisionNumber: number;
  decisionsPerPeriod: number;
  /** The policy that governs the period in which the decision falls. */
  policyDigest: Digest;
  periodStart: string;
  at: string;
  verdictDigest: Digest | null;
}

export type { LineageLink, NodeKind } from '../core/contracts/lineage.ts';

export interface PromotionIntent {
  id: string;
  channel: string;
  candidate: Digest;
  expectedGeneration: number;
  state: 'open' | 'done' | 'failed';
  at: string;
}

/** Why a replica may answer or not. What the isolation check took out it puts back; what a person took out only a person. */
export interface ReplicaMark {
  replica: string;
  inTraffic: boolean;
  cause: 'isolation' | 'person';
  reason: string;
  by: string;
  at: string;
}

export interface ChannelSwap {
  channel: string;
  /** The promotion that this swap ends: it is refused when that was given up, turned down or superseded meanwhile. */
  intentId?: string;
  /** The keys that approved it: it is refused when one of them was revoked meanwhile. */
  approvedBy?: readonly Digest[];
  /** A person's change, made on the store itself: Temporal is to hear of it afterwards. */
  byHand?: boolean;
  expectedGeneration: number;
  live: Digest | null;
  action: ChannelEntry['action'];
  by: string;
  reason: string;
  verdictDigest: Digest | null;
  approvalDigest: Digest | null;
  time: string;
}

/** A share of a channel's sessions is left on a former adapter, or no longer: one that is over by its time has ended. */
export type HoldbackChange = Holdback & { channel: string; generation: number; by: string; reason: string; time: string };
/** What a caller of the gateway may do. The key itself is shown once, when it is made; only its hash is kept. */
export interface CallerKey {
  id: string;
  name: string;
  /** SHA-256 of the key, hex: it is 256 random bits, so nothing slower is needed. */
  hash: string;
  /** Whose its interactions are. */
  tenant: string;
  /** Whether the caller may name another tenant by header: an agent that serves several. */
  mayNameTenant: boolean;
  /** Null: no limit. */
  requestsPerMinute: number | null;
  tokensPerMinute: number | null;
  createdAt: string;
  createdBy: string;
  revokedAt: string | null;
  revokedBy: string | null;
}

export interface MetadataStore {
  // intake
  /** Keeps a batch in one transaction. Known identities with the same HMAC are duplicates; with another they become dead letters. */
  storeBatch(batch: IntakeBatch, meet?: MeetCorrection): Promise<BatchResult>;
  /** In the order in which they came. Default: those that are open. */
  deadLetters(query: { limit: number; afterId?: number; reason?: string; state?: 'open' | 'replayed' | 'all' }): Promise<DeadLetterRow[]>;
  deadLetter(id: number): Promise<DeadLetterRow | null>;
  /** Keeps what judging the letter's record again gave, and says so in the letter, in one transaction. */
  replayDeadLetter(id: number, rejudged: Rejudged, by: string, at: string, meet?: MeetCorrection): Promise<ReplayOutcome>;
  /** Open dead letters by reason, most first. Kept as totals, as the counts below: reading them does not count rows. */
  deadLetterTotals(): Promise<{ reason: string; open: number }[]>;
  /** `deadLetters`: open ones, of the whole store. */
  counts(workload: string): Promise<{ interactions: number; failing: number; corrections: number; parkedCorrections: number; cases: number; deadLetters: number; byClass: Partial<Record<FailureClass, number>> }>;
  /** Same counts by class, for interactions answered by one adapter (null: base). */
  countsByAdapter(workload: string): Promise<{ adapterDigest: Digest | null; generation: number; interactions: number; byClass: Partial<Record<FailureClass, number>> }[]>;

  // reading for a run
  /** Highest sequence number committed; sequence numbers follow commit order. */
  watermark(workload: string): Promise<number>;
  digestsUpTo(workload: string, watermark: number): Promise<{ interactions: Digest[]; corrections: Digest[] }>;
  interactions(digests: readonly Digest[]): Promise<StoredInteraction[]>;
  interactionByRef(ref: InteractionRef): Promise<StoredInteraction | null>;
  corrections(digests: readonly Digest[]): Promise<{ digest: Digest; correction: Correction }[]>;
  ledger(workload: string): Promise<LedgerEntry[]>;

  // failures, cases, labels, outcomes
  failures(query: { workload?: string; class?: FailureClass; limit: number; afterSeq?: number }): Promise<FailureRow[]>;
  failure(id: Digest): Promise<FailureRow | null>;
  /** All cases of the pool in draw order. */
  cases(workload: string): Promise<CaseRow[]>;
  nextToLabel(workload: string): Promise<CaseRow | null>;
  setTruth(truth: BlindTruth): Promise<void>;
  retireCases(caseDigests: readonly Digest[], verdictDigest: Digest): Promise<void>;
  /** Idempotent per (evaluationId, caseDigest, arm): the first answer counts. */
  saveOutcomes(outcomes: readonly Outcome[]): Promise<void>;
  outcomes(evaluationId: string): Promise<Outcome[]>;
  /** Keeps answers, for other evaluations once theirs is confirmed; the first confirmed one to a question of an adapter on an engine build with a sampling stays. */
  keepAnswers(answers: readonly KeptAnswer[]): Promise<void>;
  /** Those of the questions that this adapter has answered on this build with this sampling, in this evaluation or in a confirmed one. */
  keptAnswers(query: AnswerKey & { evaluationId: Digest; questionDigests: readonly Digest[] }): Promise<KeptAnswer[]>;
  /** The replicas that answered in it have passed the isolation check since. */
  confirmEvaluation(evaluationId: Digest): Promise<void>;

  /** The first verdict of a judge on an answer stays. */
  keepJudgements(judgements: readonly KeptJudgement[]): Promise<void>;
  /** Those of the answers that this judge has judged. */
  keptJudgements(judgeDigest: Digest, answers: readonly Pick<KeptJudgement, 'caseDigest' | 'answerDigest'>[]): Promise<KeptJudgement[]>;

  // documents: small immutable JSON, named by digest
  putDocument(kind: NodeKind, document: unknown): Promise<Digest>;
  document(digest: Digest): Promise<{ kind: NodeKind; document: unknown } | null>;
  documents(kind: NodeKind, limit: number): Promise<{ digest: Digest; document: unknown }[]>;
  adapter(digest: Digest): Promise<AdapterManifest | null>;
  verdict(digest: Digest): Promise<Verdict | null>;
  approval(digest: Digest): Promise<Approval | null>;

  // lineage
  link(links: readonly LineageLink[]): Promise<void>;
  linksFrom(id: string): Promise<LineageLink[]>;
  linksTo(id: string): Promise<LineageLink[]>;
  /** Every id of any kind that starts with this text (digest, run id, channel entry); at most `limit`. */
  findIds(prefix: string, limit: number): Promise<{ kind: NodeKind; id: string }[]>;

  // runs
  createRequest(request: RunRequest): Promise<void>;
  /** The oldest unclaimed request of the workload, now claimed by this run; the same answer when asked again by the same run. */
  claimRequest(workload: string, runId: string): Promise<RunRequest | null>;
  saveRun(run: RunRecord): Promise<void>;
  run(runId: string): Promise<RunRecord | null>;
  runs(query: { workload?: string; limit: number }): Promise<RunRecord[]>;

  // the gate's ledger
  /** Takes one of the period's decisions for this run (idempotent per run). Throws GATE_BUDGET_SPENT. */
  reserveDecision(input: { channel: string; runId: string; policyDigest: Digest; decisionsPerPeriod: number; periodDays: number; at: string }): Promise<GateDecision>;
  /**
   * Gives the decision its verdict, retires the cases that it used and opens the e-process of a held candidate, in one transaction.
   * The same again changes nothing. Throws REQUEST_INVALID for another verdict, or a case that another verdict has used.
   */
  closeDecision(runId: string, verdictDigest: Digest, used?: { cases: readonly Digest[]; held: HeldCandidate | null }): Promise<void>;
  decisions(channel: string): Promise<GateDecision[]>;
  /** Every candidate of the channel that was held with an e-process, oldest first; at most one is open. */
  heldCandidates(channel: string): Promise<HeldCandidate[]>;
  /**
   * Keeps the candidate with its newest look, and retires the look's cases, in one transaction. A look that is kept already
   * changes nothing. Throws REQUEST_INVALID when the process has ended, another look came between, or a case was used.
   */
  keepLook(held: HeldCandidate, cases: readonly Digest[]): Promise<void>;
  /** Ends an open process without a look; one that has ended stays as it is. */
  endHeld(heldVerdictDigest: Digest, process: HeldCandidate['process'], at: string): Promise<void>;

  // the channel
  /** Creates it at generation 0 with the base model; no change when it exists. */
  ensureChannel(channel: string, time: string): Promise<ChannelEntry>;
  channel(channel: string): Promise<ChannelEntry | null>;
  channels(): Promise<ChannelEntry[]>;
  channelHistory(channel: string): Promise<ChannelEntry[]>;
  /** Compare-and-swap, the commit point of every promotion and rollback. Throws CHANNEL_CONFLICT, or APPROVAL_VOID where an approver's key was revoked. */
  swapChannel(swap: ChannelSwap): Promise<ChannelEntry>;
  /** Rollbacks by hand that Temporal has not heard of, oldest first. */
  rollbacksToRecord(): Promise<ChannelEntry[]>;
  rollbackRecorded(channel: string, generation: number): Promise<void>;
  openIntent(intent: Omit<PromotionIntent, 'state'>): Promise<PromotionIntent>;
  closeIntent(id: string, state: 'done' | 'failed'): Promise<void>;
  openIntents(): Promise<PromotionIntent[]>;

  // the fleet
  /** The last mark of every replica that has one; one without may answer. */
  replicaMarks(): Promise<ReplicaMark[]>;
  /** False when it changes nothing: it stands so already, or the isolation check would put back what a person took out. */
  markReplica(mark: ReplicaMark): Promise<boolean>;
  /** True for one caller only: nobody has claimed the replica's check at or after `notSince`. */
  claimReplicaCheck(replica: string, at: string, notSince: string): Promise<boolean>;

  // approvals
  /** Throws REQUEST_INVALID when the key was enrolled before, revoked or not: a key has one owner and one life. */
  enrolKey(key: ApproverKey): Promise<void>;
  /** Idempotent: the first revocation stands. */
  revokeKey(keyId: Digest, revoked: NonNullable<ApproverKey['revoked']>): Promise<ApproverKey>;
  approverKey(keyId: Digest): Promise<ApproverKey | null>;
  /** In the order of their enrolment. */
  approverKeys(): Promise<ApproverKey[]>;
  /** Idempotent: the same id gives the promotion as it was opened. `older`: those of the channel that began to wait before and still do. */
  openPromotion(promotion: WaitingPromotion): Promise<{ promotion: WaitingPromotion; older: WaitingPromotion[] }>;
  /** Idempotent: the first end stands, and is what comes back. */
  endPromotion(promotionId: string, ended: NonNullable<WaitingPromotion['ended']>): Promise<WaitingPromotion>;
  waitingPromotion(promotionId: string): Promise<WaitingPromotion | null>;
  /** Newest first. Default: those that wait; `ended`: the others too. */
  waitingPromotions(query: { channel?: string; ended?: boolean; limit: number }): Promise<WaitingPromotion[]>;
  // the watch after a promotion
  /** The last one set for a generation counts; entries carry it. Throws CHANNEL_CONFLICT when the channel is at another generation. */
  setHoldback(change: HoldbackChange): Promise<ChannelEntry>;
  /** Every change of one generation's holdback, oldest first. */
  holdbacks(channel: string, generation: number): Promise<HoldbackChange[]>;
  /** One for each generation: asked again it gives the watch as it stands. It counts what intake keeps from now on. */
  openWatch(record: WatchRecord): Promise<WatchRecord>;
  watch(channel: string, generation: number): Promise<WatchRecord | null>;
  /** Newest first. */
  watches(query: { channel?: string; limit: number }): Promise<WatchRecord[]>;
  /** Counts the next answers that intake has kept since the last call, `limit` at most, in a window of the watch; 0 read: there are none. Each is counted once, whoever asks. */
  countWatch(channel: string, generation: number, how: { limit: number; window: number }): Promise<{ read: number }>;
  /** Both arms by class, with what each caller brought (tenants among them where there are several). */
  watchCounts(channel: string, generation: number): Promise<ClassCounts[]>;
  /** What a person should know while the watch is open. */
  noteWatch(channel: string, generation: number, reason: string | null): Promise<WatchRecord>;
  /** The first end stays. */
  closeWatch(channel: string, generation: number, end: Pick<WatchRecord, 'status' | 'reason' | 'endedAt'>): Promise<WatchRecord>;
  // schedules
  /** Kept with all before it; the last one counts. */
  setSchedule(change: ScheduleChange): Promise<void>;
  /** Oldest first. */
  scheduleChanges(workload: string): Promise<ScheduleChange[]>;

  // callers of the gateway
  addCallerKey(key: CallerKey): Promise<void>;
  /** All that were ever made, revoked ones too, oldest first. */
  callerKeys(): Promise<CallerKey[]>;
  /** The first revocation counts. Throws NOT_FOUND. */
  revokeCallerKey(id: string, by: string, at: string): Promise<CallerKey>;

  close(): Promise<void>;
}

/** Content-addressed bytes: written to a temporary file, fsynced, renamed. */
export interface BlobStore {
  put(bytes: Uint8Array): Promise<Digest>;
  putFile(path: string): Promise<Digest>;
  /** Throws NOT_FOUND, or BLOB_CORRUPT when the bytes do not match. */
  get(digest: Digest): Promise<Uint8Array>;
  has(digest: Digest): Promise<boolean>;
  /** Where a local reader (vLLM, the trainer) finds the bytes. */
  path(digest: Digest): string;
}

export interface ChatRequest {
  /** null: the base model. */
  adapter: Digest | null;
  /** OpenAI chat messages. */
  messages: readonly unknown[];
  tools?: readonly unknown[];
  responseFormat?: unknown;
  temperature?: number;
  topP?: number;
  maxTokens?: number;
  seed?: number;
  logprobs?: boolean;
}

export interface ChatAnswer {
  text: string;
  toolCalls?: { name: string; arguments: string }[];
  finishReason: string;
  inputTokens: number;
  outputTokens: number;
  latencyMs: number;
}

export interface ReplicaState {
  url: string;
  healthy: boolean;
  engineBuild: string;
  /** Adapters by digest name with the path they were read from (`root` of /v1/models), which is the digest's own folder. */
  adapters: { digest: Digest; root: string }[];
  /** Names that it serves and that are neither the base nor an adapter from its own folder: nothing of ours put them there. */
  strangers?: string[];
}

export interface LoadOptions {
  /** Default: all. */
  replicas?: readonly string[];
  /** Hears of each replica that serves it. */
  onLoaded?: (replica: string) => void;
  signal?: AbortSignal;
}

/** The engine that serves, seen through its own API: what is evaluated is what is served. */
export interface ServingTarget {
  readonly replicas: readonly string[];
  readonly baseModel: string;
  /** Largest rank that every replica was started for. */
  readonly maxLoraRank: number;
  state(options?: { timeoutMs?: number }): Promise<ReplicaState[]>;
  /** Checks the files' digests, loads on the replicas under the digest and reads back. Idempotent. Every replica gets its turn; then the first failure is thrown. */
  load(adapter: Digest, options?: LoadOptions): Promise<void>;
  unload(adapter: Digest, options?: Pick<LoadOptions, 'replicas'>): Promise<void>;
  /** Throws ISOLATION_BROKEN when answers alone and in a mixed batch differ on any of the replicas. */
  checkIsolation(adapters: readonly Digest[], options?: Pick<LoadOptions, 'replicas'>): Promise<{ replica: string; prompts: number; arms: number; tokens?: number }[]>;
  /** Tokens that the replica has read and written since its start, by its own count; null when it does not count. */
  tokensServed?(replica: string): Promise<number | null>;
  chat(request: ChatRequest, options?: { replica?: string; timeoutMs?: number; signal?: AbortSignal }): Promise<ChatAnswer>;
  /** How probable the model finds a text, without any chat template: the sum over its tokens but the first, natural logarithm. */
  logprob(request: { adapter: Digest | null; text: string }, options?: { replica?: string; timeoutMs?: number; signal?: AbortSignal }): Promise<{ logprob: number; tokens: number; latencyMs: number }>;
}

export interface JudgeRequest {
  model: string;
  /** What the engine must say of itself; see SuiteJudge. */
  reports?: { root?: string | undefined; fingerprint?: string | undefined } | undefined;
  messages: readonly { role: 'system' | 'user'; content: string }[];
  responseFormat: unknown;
  maxTokens: number;
  seed: number;
}

/** A judge model behind an OpenAI-compatible API. */
export interface JudgeModel {
  /**
   * One answer at temperature 0; null where the engine cannot take this very question (too long for it, say).
   * Throws JUDGE_UNAVAILABLE after its own retries, JUDGE_MISMATCH when another model than the one asked for answered.
   */
  ask(request: JudgeRequest, options: { timeoutMs: number; signal?: AbortSignal }): Promise<string | null>;
}

/** A message to people or their tools. `id` is the same whenever the same message is tried again. */
export interface Notice {
  id: string;
  time: Date;
  /** JSON without a word of any prompt or answer. */
  body: string;
}

/** Throws WEBHOOK_UNAVAILABLE (tried again) or WEBHOOK_FORBIDDEN. */
export type Notifier = (notice: Notice, signal?: AbortSignal) => Promise<void>;
