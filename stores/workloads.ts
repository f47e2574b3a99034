// Reads a workload file with the rule files and the schema that it names, and lists every mistake with its line and column.
import { dirname, resolve } from 'node:path';
import { DetectorSettings, RuleFile, Workload, type Digest } from '../core/contracts/index.ts';
import { checkRules } from '../core/detect/policy-check.ts';
import { digestOfJson } from '../core/digest.ts';
import { RatchetError } from '../core/errors.ts';
import type { Suite } from '../core/suites/suite.ts';
import { readSchema } from './schema-file.ts';
import { checkSuiteGuards, readSuites } from './suites.ts';
import { failWith, parseWith, readYaml, WorkloadMistakes, type Mistake, type YamlFile } from './yaml-file.ts';

export interface LoadedWorkload {
  /** `detectors.rules` and `detectors.persona` hold those of the rule files too. */
  workload: Workload;
  /** Over the documents as written (with the rule files and the output schema it names), never over re-parsed ones with defaults filled in. */
  digest: Digest;
  outputSchema?: Record<string, unknown>;
  suites?: Suite[];
  file: string;
}

/** Where a rule or the persona was written. */
interface Origin {
  file: YamlFile;
  path: (string | number)[];
}

interface ReadRules {
  settings: DetectorSettings;
  /** The rule files as written, for the digest. */
  documents: unknown[];
  mistakes: Mistake[];
}

/** The rules and the persona of the workload file and of its rule files, tried on their examples. */
async function readRules(file: YamlFile, written: DetectorSettings): Promise<ReadRules> {
  const mistakes: Mistake[] = [];
  const documents: unknown[] = [];
  const rules = [...written.rules];
  const origins: Origin[] = rules.map((_, index) => ({ file, path: ['detectors', 'rules', index] }));
  let persona = written.persona;
  let personaOrigin: Origin = { file, path: ['detectors', 'persona'] };
  for (const [index, name] of written.ruleFiles.entries()) {
    const here = ['detectors', 'ruleFiles', index];
    let ruleFile: YamlFile;
    try {
      ruleFile = await readYaml(resolve(dirname(file.path), name), (shown) => `${shown} cannot be read`);
    } catch (error) {
      if (error instanceof WorkloadMistakes) mistakes.push(...error.mistakes);
      else if (error instanceof RatchetError) mistakes.push(file.mistakeAt(here, `${here.join('.')}: ${error.message}`));
      else throw error;
      continue;
    }
    documents.push(ruleFile.asWritten);
    const parsed = parseWith(ruleFile, RuleFile);
    mistakes.push(...parsed.mistakes);
    if (!parsed.value) continue;
    parsed.value.rules.forEach((rule, number) => {
      rules.push(rule);
      origins.push({ file: ruleFile, path: ['rules', number] });
    });
    if (!parsed.value.persona) continue;
    if (persona) mistakes.push(ruleFile.mistakeAt(['persona'], 'persona: another file or the workload itself has one already'));
    persona = parsed.value.persona;
    personaOrigin = { file: ruleFile, path: ['persona'] };
  }
  const settings: DetectorSettings = { ...written, rules, ...(persona && { persona }) };
  for (const { rule, path, message } of checkRules(settings)) {
    const origin = rule === null ? personaOrigin : origins[rule];
    const name = rule === null ? 'persona' : `rule ${rules[rule]?.id}`;
    if (origin) mistakes.push(origin.file.mistakeAt([...origin.path, ...path], `${name}: ${path.length > 0 ? `${path.join('.')}: ` : ''}${message}`));
  }
  return { settings, documents, mistakes };
}

/**
 * Reads and checks one workload file, the rule files and the schema that it names. The examples of every rule are run.
 * @throws WORKLOAD_INVALID listing all mistakes as `file:line:column message`, or that the file cannot be read.
 */
export async function readWorkload(name: string): Promise<LoadedWorkload> {
  const file = await readYaml(name, (shown) => `${shown} cannot be read: is the path right? RATCHET_WORKLOADS names the files`);
  const { value: written, mistakes } = parseWith(file, Workload);
  if (!written) {
    // A mistake elsewhere does not hide those in the rules.
    const detectors = DetectorSettings.safeParse((file.asWritten as { detectors?: unknown } | null)?.detectors);
    return failWith([...mistakes, ...(detectors.success ? (await readRules(file, detectors.data)).mistakes : [])]);
  }

  const rules = await readRules(file, written.detectors);
  const output = written.outputSchema === undefined ? { mistakes: [] } : await readSchema(file, written.outputSchema);
  const suites = await readSuites(file, written.suites);
  const workload: Workload = { ...written, detectors: rules.settings };
  const guards = suites.mistakes.length > 0 ? [] : checkSuiteGuards(file, workload, suites.suites);
  const found = [...output.mistakes, ...rules.mistakes, ...suites.mistakes, ...guards];
  if (found.length > 0) return failWith(found);

  const outputSchema = output.schema;
  const named = { ...(outputSchema && { outputSchema }), ...(rules.documents.length > 0 && { ruleFiles: rules.documents }), ...(suites.documents.length > 0 && { suites: suites.documents }) };
  const digest = digestOfJson(Object.keys(named).length === 0 ? file.asWritten : { workload: file.asWritten, ...named });
  return { workload, digest, ...(outputSchema && { outputSchema }), ...(suites.suites.length > 0 && { suites: suites.suites }), file: file.path };
}

/** Reads all files; the names of workloads and channels must differ. */
export async function readWorkloads(files: readonly string[]): Promise<Map<string, LoadedWorkload>> {
  const byName = new Map<string, LoadedWorkload>();
  for (const file of files) {
    const loaded = await readWorkload(file);
    for (const other of byName.values()) {
      if (other.workload.name === loaded.workload.name || other.workload.channel === loaded.workload.channel) {
        throw new RatchetError('WORKLOAD_INVALID', `${loaded.file} and ${other.file} have the same name or channel`);
      }
    }
    byName.set(loaded.workload.name, loaded);
  }
  return byName;
}
