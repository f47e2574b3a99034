// The one place that knows why we cut an exchange off: the client left, it took too long, or it could not be read.

export type Failure = 'client_left' | 'timeout' | 'connection' | 'unreadable';

export interface Control {
  /** Null: nobody here cut it off. */
  why(): Failure | null;
  abort(why: Failure): void;
  /** The answer has begun. */
  firstByte(): void;
  done(): void;
  /** What is under way. Not a function: with a closure here no request died young, and the gateway answered half as many (bench/gateway.ts). */
  exchange: { cut(): void } | null;
}

/** @param firstByteMs until a stream's first piece; whole answers have none before their end */
export function createControl(timeoutMs: number, firstByteMs: number | undefined): Control {
  let reason: Failure | null = null;
  let first: NodeJS.Timeout | undefined;
  const control: Control = {
    exchange: null,
    why: () => reason,
    abort: (why) => {
      if (reason !== null) return;
      reason = why;
      control.exchange?.cut();
    },
    firstByte: () => {
      if (first === undefined) return;
      clearTimeout(first);
      first = undefined;
    },
    done: () => {
      clearTimeout(whole);
      control.firstByte();
    },
  };
  const whole = setTimeout(() => control.abort('timeout'), timeoutMs);
  if (firstByteMs !== undefined && firstByteMs < timeoutMs) first = setTimeout(() => control.abort('timeout'), firstByteMs);
  return control;
}
