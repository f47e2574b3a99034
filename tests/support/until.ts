// Waiting for what another process or loop has yet to do. Long, since a machine may be busy: a time limit is no assertion about speed.
import { vi } from 'vitest';

/** Tries `check` until it no longer throws; its last error after 20 s. */
export const until = <T>(check: () => T | Promise<T>): Promise<T> => vi.waitFor(check, { timeout: 20_000, interval: 10 });
