// Where a test ends a process at an exact point, as a power cut would; off unless RATCHET_FAULT names the point.
import { RatchetError } from '../core/errors.ts';

/** Returns a function that ends this process by SIGKILL at the named point. Throws CONFIG_INVALID when one is named in production. */
export function faultPoints(fault: string | undefined, environment: 'development' | 'production'): (name: string) => void {
  if (fault === undefined || fault === '') return () => undefined;
  if (environment === 'production') throw new RatchetError('CONFIG_INVALID', 'RATCHET_FAULT: is for tests and refused in production');
  return (name) => {
    if (name === fault) process.kill(process.pid, 'SIGKILL');
  };
}
