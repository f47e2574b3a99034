// A person's way back to a former adapter, kept in Temporal's history.
import type { RollbackInput, RollbackOutput } from '../activities/rollback.ts';
import { rollbackChannel } from './steps.ts';

export async function rollback(input: RollbackInput): Promise<RollbackOutput> {
  return rollbackChannel(input);
}
