// The log of every process.
import { pino, type Logger } from 'pino';
import type { Config } from './config.ts';

/** JSON lines on stderr, so that stdout stays free for what a command prints. */
export function createLogger(config: Pick<Config, 'logLevel'>, name: string): Logger {
  return pino({ name, level: config.logLevel, base: { name }, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 2, sync: true }));
}
