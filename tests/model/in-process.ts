// Runs the real workflows and the real steps in one process, turn by turn: every call of a step and every call that a step
// makes to a store or an engine is a turn, and whoever drives decides which comes next and where a worker dies.
import { AsyncLocalStorage } from 'node:async_hooks';
import { ActivityFailure, ApplicationFailure, CancelledFailure, ChildWorkflowFailure, rootCause, TerminatedFailure, TimeoutFailure } from '@temporalio/common';

/** Tries of a step before its workflow hears of the failure. Deaths of a worker do not count: Temporal waits for the next one. */
const MAX_TRIES = 6;

type Fn = (...args: never[]) => unknown;
type Steps = Record<string, (input: unknown) => Promise<unknown>>;

/** One running workflow. */
export interface Execution {
  id: string;
  process: InProcess;
  handlers: Map<string, { handler: Fn; validator: Fn | undefined }>;
  /** Ended from outside, with no word to the workflow; a step of it that runs goes on, and nobody hears of it. */
  terminated: boolean;
  /** Rejects then: a parent that waits hears of it. */
  cut: PromiseWithResolvers<never>;
  result: Promise<unknown>;
  ended: 'running' | 'completed' | 'failed';
  output: unknown;
}

/** A try of a step in a worker. */
export interface Try {
  execution: Execution;
  /** The worker that took it: its number rises with every death. */
  worker: number;
  waiting: number;
  done: boolean;
  /** Takes it for dead, which it is not: it goes on beside the next try, and nobody hears of it. */
  giveUp: () => void;
  /** Calls that it has made, for who looks on. */
  calls: string[];
  /** What was so when it began, for who looks on. */
  atStart: unknown;
}

interface Turn {
  label: string;
  try: Try | null;
  go: () => void;
}

interface Waiter {
  holds: () => boolean;
  execution: Execution;
  resolve: (held: boolean) => void;
}

export interface Timer {
  execution: Execution;
  fire: () => void;
}

/** What a dead worker's code meets at its next call. */
export class Killed extends Error {}

export const executions = new AsyncLocalStorage<Execution>();
const tries = new AsyncLocalStorage<Try>();
export const currentTry = (): Try | undefined => tries.getStore();
const GIVEN_UP = Symbol('given up');

const current = (): Execution => {
  const execution = executions.getStore();
  if (!execution) throw new Error('called outside of a workflow');
  return execution;
};

export class InProcess {
  readonly turns: Turn[] = [];
  readonly timers: Timer[] = [];
  readonly executions: Execution[] = [];
  #waiters: Waiter[] = [];
  #running = new Set<Try>();
  #worker = 0;
  /** The next call that a step makes is its worker's last. */
  #dying = false;
  #steps: Steps = {};
  #look: () => Promise<unknown> = async () => null;

  /** @param look called when a try of a step begins: what it gives is kept with the try */
  serve(steps: object, look: () => Promise<unknown>): void {
    this.#steps = steps as Steps;
    this.#look = look;
  }

  /** Waits for its turn; only in a step's try that a living worker runs. */
  async turn(label: string, own: Try | null = tries.getStore() ?? null): Promise<void> {
    this.#assertAlive(own);
    if (own) own.waiting += 1;
    await new Promise<void>((go) => this.turns.push({ label, try: own, go }));
    if (own) own.waiting -= 1;
    this.#assertAlive(own);
  }

  #assertAlive(own: Try | null): void {
    if (own && own.worker !== this.#worker) throw new Killed('the worker was killed');
  }

  /** A port whose methods in `names` take a turn, and which a dead worker cannot use. */
  gated<Port extends object>(port: Port, names: ReadonlySet<string>, kind: string): Port {
    return new Proxy(port, {
      get: (real, name) => {
        const value: unknown = Reflect.get(real, name);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]): Promise<unknown> => {
          const own = tries.getStore() ?? null;
          if (names.has(String(name))) await this.turn(`${kind}.${String(name)}`, own);
          else this.#assertAlive(own);
          const output = await (value as (...given: unknown[]) => unknown).apply(real, args);
          if (own && this.#dying) {
            this.#dying = false;
            this.kill();
          }
          this.#assertAlive(own);
          return output;
        };
      },
    });
  }

  start(id: string, workflow: Fn, input: unknown): Execution {
    const execution: Execution = { id, process: this, handlers: new Map(), terminated: false, cut: Promise.withResolvers<never>(), result: Promise.resolve(), ended: 'running', output: undefined };
    execution.result = executions.run(execution, async () => {
      try {
        execution.output = await (workflow as (given: unknown) => Promise<unknown>)(input);
        execution.ended = 'completed';
        return execution.output;
      } catch (error) {
        execution.ended = 'failed';
        execution.output = error;
        throw new ChildWorkflowFailure(undefined, { workflowId: id, runId: id }, 'workflow', 'NON_RETRYABLE_FAILURE', error as Error);
      }
    });
    execution.result.catch(() => undefined);
    execution.cut.promise.catch(() => undefined);
    this.executions.push(execution);
    return execution;
  }

  terminate(execution: Execution): void {
    execution.terminated = true;
    const { id } = execution;
    execution.cut.reject(new ChildWorkflowFailure(undefined, { workflowId: id, runId: id }, 'workflow', 'NON_RETRYABLE_FAILURE', new TerminatedFailure('terminated')));
  }

  /** Sends an update; a workflow that refuses it, or has ended, gives an error. */
  async update(execution: Execution, name: string, args: unknown[]): Promise<unknown> {
    if (execution.ended !== 'running' || execution.terminated) throw new Error('the workflow has ended');
    const found = execution.handlers.get(name);
    if (!found) throw new Error(`no handler for ${name}`);
    return executions.run(execution, async () => {
      (found.validator as ((...given: unknown[]) => void) | undefined)?.(...args);
      return (found.handler as (...given: unknown[]) => unknown)(...args);
    });
  }

  /** Every step that runs now dies at its next call, and is tried again by the next worker. */
  kill(): void {
    this.#worker += 1;
  }

  /** No word from the steps that run now: each is tried again while the first try goes on somewhere. */
  stall(): void {
    for (const own of this.#running) own.giveUp();
  }

  /** Lets one waiting turn go on, and waits until everything waits again. */
  async step(pick: number): Promise<boolean> {
    if (this.turns.length === 0) return false;
    const [turn] = this.turns.splice(pick % this.turns.length, 1);
    turn?.go();
    await this.settle();
    return true;
  }

  /** Goes on in order until just after the next call of this name, and kills the worker there: what was kept is kept, and nobody heard of it. */
  async killAfter(label: string, atMost: number): Promise<void> {
    for (let k = 0; k < atMost && this.turns.length > 0; k += 1) {
      const [turn] = this.turns.splice(0, 1);
      if (turn?.label === label) {
        this.#dying = true;
        turn.go();
        await this.settle();
        this.#dying = false;
        return;
      }
      turn?.go();
      await this.settle();
    }
  }

  /** Goes on in order until the next call of this name is about to be made: it waits while others act. */
  async stopBefore(label: string, atMost: number): Promise<void> {
    for (let k = 0; k < atMost && this.turns.length > 0 && this.turns[0]?.label !== label; k += 1) await this.step(0);
    const [turn] = this.turns.splice(0, 1);
    // Last in order: what comes meanwhile is done first.
    if (turn) this.turns.push(turn);
  }

  async fireTimer(pick: number): Promise<void> {
    const [timer] = this.timers.splice(pick % Math.max(1, this.timers.length), 1);
    timer?.fire();
    await this.settle();
  }

  /** Until nothing moves: no try is under way other than waiting for a turn, and no condition has come true. */
  async settle(): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const met = this.#waiters.filter(({ holds, execution }) => !execution.terminated && holds());
      if (met.length > 0) {
        this.#waiters = this.#waiters.filter((waiter) => !met.includes(waiter));
        for (const { resolve } of met) resolve(true);
        continue;
      }
      if (![...this.#running].some((own) => !own.done && own.waiting === 0)) return;
    }
  }

  async callStep(execution: Execution, name: string, input: unknown): Promise<unknown> {
    for (let failed = 0; ; ) {
      // Waiting in the task queue: no worker has it yet, so none can die with it.
      await new Promise<void>((go) => this.turns.push({ label: name, try: null, go }));
      // A workflow that was ended never goes on.
      if (execution.terminated) return new Promise(() => undefined);
      const given = Promise.withResolvers<typeof GIVEN_UP>();
      const own: Try = { execution, worker: this.#worker, waiting: 0, done: false, giveUp: () => given.resolve(GIVEN_UP), calls: [], atStart: null };
      this.#running.add(own);
      try {
        const output = await Promise.race([this.#try(own, name, input), given.promise]);
        if (output === GIVEN_UP) continue;
        if (execution.terminated) return new Promise(() => undefined);
        this.#assertAlive(own);
        return structuredClone(output);
      } catch (error) {
        if (execution.terminated) return new Promise(() => undefined);
        const killed = error instanceof Killed || own.worker !== this.#worker;
        if (killed) continue;
        const cause = error instanceof ApplicationFailure ? error : ApplicationFailure.create({ message: (error as Error).message, type: 'INTERNAL' });
        failed += 1;
        if (cause.nonRetryable !== true && failed < MAX_TRIES) continue;
        throw new ActivityFailure('a step failed', name, name, 'NON_RETRYABLE_FAILURE', undefined, cause);
      }
    }
  }

  async #try(own: Try, name: string, input: unknown): Promise<unknown> {
    try {
      const step = this.#steps[name];
      if (!step) throw new Error(`no step ${name}`);
      own.atStart = await this.#look();
      return await tries.run(own, () => step(structuredClone(input)));
    } finally {
      own.done = true;
      this.#running.delete(own);
    }
  }

  waitFor(holds: () => boolean, execution: Execution, timed: boolean): Promise<boolean> {
    if (holds()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const waiter: Waiter = { holds, execution, resolve };
      this.#waiters.push(waiter);
      if (!timed) return;
      this.timers.push({
        execution,
        fire: () => {
          if (!this.#waiters.includes(waiter)) return;
          this.#waiters = this.#waiters.filter((other) => other !== waiter);
          resolve(false);
        },
      });
    });
  }
}

/** Stands in for `@temporalio/activity`. */
export const activityModule = {
  Context: {
    current: () => ({ heartbeat: () => undefined, cancellationSignal: new AbortController().signal, info: { attempt: 1, workflowExecution: { workflowId: tries.getStore()?.execution.id ?? '' } } }),
  },
};

interface Definition {
  name: string;
}

interface ChildOptions {
  workflowId: string;
  args: [unknown];
}

const define = (name: string): Definition => ({ name });
const startChild = async (workflow: Fn, { workflowId, args: [input] }: ChildOptions): Promise<{ result: () => Promise<unknown> }> => {
  const child = current().process.start(workflowId, workflow, structuredClone(input));
  return { result: () => Promise.race([child.result, child.cut.promise]) };
};

/** Stands in for `@temporalio/workflow`, as far as workflows of this project use it. */
export const workflowModule = {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  TimeoutFailure,
  rootCause,
  isCancellation: (error: unknown): boolean => error instanceof CancelledFailure || (error instanceof Error && error.cause instanceof CancelledFailure),
  proxyActivities: () => new Proxy({}, { get: (_none, name) => (input: unknown) => current().process.callStep(current(), String(name), input) }),
  workflowInfo: () => ({ workflowId: current().id, runId: current().id, firstExecutionRunId: current().id }),
  upsertSearchAttributes: () => undefined,
  patched: () => true,
  deprecatePatch: () => undefined,
  log: { info: () => undefined, warn: () => undefined, debug: () => undefined, error: () => undefined },
  CancellationScope: { nonCancellable: (work: () => unknown) => work(), cancellable: (work: () => unknown) => work() },
  executeChild: async (workflow: Fn, options: ChildOptions) => (await startChild(workflow, options)).result(),
  startChild,
  condition: (holds: () => boolean, timeoutMs?: number) => current().process.waitFor(holds, current(), timeoutMs !== undefined),
  sleep: () => current().process.waitFor(() => false, current(), true),
  defineUpdate: define,
  defineQuery: define,
  defineSignal: define,
  setHandler: ({ name }: Definition, handler: Fn, options?: { validator?: Fn }) => current().handlers.set(name, { handler, validator: options?.validator }),
  allHandlersFinished: () => true,
  uuid4: () => `uuid-${current().id}`,
  ParentClosePolicy: { ABANDON: 'ABANDON', TERMINATE: 'TERMINATE', REQUEST_CANCEL: 'REQUEST_CANCEL' },
  continueAsNew: () => Promise.reject(new Error('not in this world')),
  WorkflowIdReusePolicy: { REJECT_DUPLICATE: 'REJECT_DUPLICATE' },
  ActivityCancellationType: { WAIT_CANCELLATION_COMPLETED: 'WAIT_CANCELLATION_COMPLETED', TRY_CANCEL: 'TRY_CANCEL', ABANDON: 'ABANDON' },
};
