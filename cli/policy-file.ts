// Reads a gate policy: the `gate:` part of a workload file, alone or with its key, or a whole workload file.
import { z } from 'zod';
import { GatePolicy } from '../core/contracts/index.ts';
import { failWith, parseWith, readYaml } from '../stores/yaml-file.ts';
import { readWorkload } from '../stores/workloads.ts';

const Keyed = z.looseObject({ gate: GatePolicy });

/** @throws WORKLOAD_INVALID listing all mistakes as `file:line:column message` */
export async function readPolicy(path: string): Promise<GatePolicy> {
  const file = await readYaml(path, (shown) => `${shown} cannot be read: is the path right?`);
  const has = (key: string): boolean => typeof file.asWritten === 'object' && file.asWritten !== null && Object.hasOwn(file.asWritten, key);
  if (has('apiVersion')) return (await readWorkload(path)).workload.gate;
  if (has('gate')) {
    const keyed = parseWith(file, Keyed);
    return keyed.value ? keyed.value.gate : failWith(keyed.mistakes);
  }
  const policy = parseWith(file, GatePolicy);
  return policy.value ?? failWith(policy.mistakes);
}
