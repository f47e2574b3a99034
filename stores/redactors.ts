// The redactors of one installation, one for each tenant, under the key that no other tenant has.
import { createRedactor, names, type Recogniser, type Redactor } from '../core/redact/index.ts';
import { tenantKey, type Keys } from './keys.ts';

/** Tenants whose redactors are kept; more are made anew when they speak again. */
const MAX_REDACTORS = 1_000;

/** @param withNames also names and addresses, as the workload's `redaction.names` says */
export type Redactors = (tenant: string, withNames: boolean) => Redactor;

/** @param recogniser finds names and addresses for the workloads that ask for it */
export function createRedactors(keys: Pick<Keys, 'redaction'>, recogniser: Recogniser = names): Redactors {
  const redactors = new Map<string, Redactor>();
  return (tenant, withNames) => {
    const name = `${withNames} ${tenant}`;
    let redactor = redactors.get(name);
    if (redactor === undefined) {
      if (redactors.size >= MAX_REDACTORS) redactors.clear();
      redactor = createRedactor(tenantKey(keys, tenant), withNames ? recogniser : undefined);
      redactors.set(name, redactor);
    }
    return redactor;
  };
}
