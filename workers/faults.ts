// Where a test ends a process at an exact point, as a power cut would; off unless RATCHET_FAULT names the point.
import { RatchetError } from '../core/errors.ts';

/**
 * Returns a function that ends this process by SIGKILL at the named point.
 * @param fault `name`, or `name:n` for the nth time that the point is passed
 * @throws CONFIG_INVALID when one is named in production
 */
export function faultPoints(fault: string | undefined, environment: 'development' | 'production'): (name: string) => void {
  if (fault === undefined || fault === '') return () => undefined;
  if (environment === 'production') throw new RatchetError('CONFIG_INVALID', 'RATCHET_FAULT: is for tests and refused in production');
  const [point, times = '1'] = fault.split(':');
  let left = Number(times);
  return (name) => {
    if (name !== point) return;
    left -= 1;
    if (left <= 0) process.kill(process.pid, 'SIGKILL');
  };
}
