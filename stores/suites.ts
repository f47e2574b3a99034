// Reads suite files with the case files and the schema that they name, and lists every mistake with its line and column.
import { readFile, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { SuiteCase, SuiteFile, type InjectionGoal, type SuiteMessage, type Workload } from '../core/contracts/index.ts';
import { caselessSource } from '../core/detect/injection/caseless.ts';
import { checkRules } from '../core/detect/policy-check.ts';
import { PatternRefused, safePattern } from '../core/detect/safe-pattern.ts';
import { RatchetError } from '../core/errors.ts';
import { ATTACK, metricsOf, suiteOf, type Suite } from '../core/suites/suite.ts';
import { readSchema } from './schema-file.ts';
import { failWith, mistakesOf, parseWith, readYaml, WorkloadMistakes, type Mistake, type YamlFile } from './yaml-file.ts';

/** Suites that come with Ratchet; a workload names them `builtin:NAME`. */
export const BUILTIN_SUITES = ['injection', 'over-defence', 'refusal', 'general-ability'] as const;
const BUILTIN = 'builtin:';
const builtinFolder = join(import.meta.dirname, '..', 'examples', 'suites');

/** Attacks multiply: families × goals × tasks. */
const MAX_CASES = 20_000;
const MAX_CASE_FILE_BYTES = 16 * 1024 * 1024;
/** Of one case file; one wrong field may be in every line. */
const MAX_LINE_MISTAKES = 20;

export interface LoadedSuite {
  suite: Suite;
  file: string;
  /** As written, with its case files and schema: part of the workload's digest. */
  document: unknown;
}

/** `builtin:NAME`, or a path relative to `folder`. */
const pathOf = (name: string, folder: string): string => (name.startsWith(BUILTIN) ? join(builtinFolder, `${name.slice(BUILTIN.length)}.yaml`) : resolve(folder, name));

/**
 * Reads and checks one suite file.
 * @param name a path, or `builtin:NAME`
 * @throws WORKLOAD_INVALID listing all mistakes as `file:line:column message`, or that the file cannot be read
 */
export async function readSuite(name: string, folder = process.cwd()): Promise<LoadedSuite> {
  const file = await readYaml(pathOf(name, folder), (shown) => `${shown} cannot be read${name.startsWith(BUILTIN) ? `: there are ${BUILTIN_SUITES.map((known) => BUILTIN + known).join(', ')}` : ''}`);
  const { value, mistakes } = parseWith(file, SuiteFile);
  if (!value) return failWith(mistakes);
  const read = await Promise.all(value.caseFiles.map((caseFile, index) => readCaseFile(file, caseFile, index)));
  const schema = value.outputSchema === undefined ? { mistakes: [] } : await readSchema(file, value.outputSchema);
  const places: Placed[] = [...value.cases.map((item, index) => ({ item, mistakeAt: (path: (string | number)[], message: string) => file.mistakeAt(['cases', index, ...path], message) })), ...read.flatMap(({ placed }) => placed)];
  const found = [...read.flatMap((each) => each.mistakes), ...schema.mistakes, ...checkSuite(file, value, places)];
  if (found.length > 0) return failWith(found);
  const suite = suiteOf(value, places.map(({ item }) => item), schema.schema ?? null);
  const caseFiles = read.map(({ documents }) => documents);
  return { suite, file: file.path, document: { suite: file.asWritten, ...(caseFiles.length > 0 && { caseFiles }), ...(schema.schema && { outputSchema: schema.schema }) } };
}

/** A case with the place where it was written. */
interface Placed {
  item: SuiteCase;
  mistakeAt: (path: (string | number)[], message: string) => Mistake;
}

async function readCaseFile(file: YamlFile, name: string, index: number): Promise<{ placed: Placed[]; documents: unknown[]; mistakes: Mistake[] }> {
  const path = resolve(dirname(file.path), name);
  const shown = relative(process.cwd(), path) || path;
  const unreadable = (why: string) => ({ placed: [], documents: [], mistakes: [file.mistakeAt(['caseFiles', index], `caseFiles.${index}: ${name} ${why}`)] });
  let text: string;
  try {
    if ((await stat(path)).size > MAX_CASE_FILE_BYTES) return unreadable(`is larger than ${MAX_CASE_FILE_BYTES} bytes`);
    text = await readFile(path, 'utf8');
  } catch {
    return unreadable('cannot be read');
  }
  const placed: Placed[] = [];
  const documents: unknown[] = [];
  const mistakes: Mistake[] = [];
  text.replace(/^\ufeff/, '').split('\n').forEach((line, number) => {
    if (line.trim() === '' || mistakes.length >= MAX_LINE_MISTAKES) return;
    const at = (message: string): Mistake => ({ shown, line: number + 1, column: 1, message });
    let document: unknown;
    try {
      document = JSON.parse(line);
    } catch {
      mistakes.push(at('is not JSON'));
      return;
    }
    documents.push(document);
    const parsed = SuiteCase.safeParse(document);
    if (parsed.success) placed.push({ item: parsed.data, mistakeAt: (steps, message) => at(`${steps.length > 0 ? `${steps.join('.')}: ` : ''}${message}`) });
    else mistakes.push(...mistakesOf(parsed.error, 'case').map(({ message }) => at(message)));
  });
  return { placed, documents, mistakes };
}

/** What no schema can say: names that are taken twice, patterns that are none, checks that the purpose lacks. */
function checkSuite(file: YamlFile, suite: SuiteFile, places: readonly Placed[]): Mistake[] {
  const mistakes: Mistake[] = [];
  const seen = new Set<string>();
  for (const { item, mistakeAt } of places) {
    if (seen.has(item.id)) mistakes.push(mistakeAt(['id'], `another case is named ${item.id}, too`));
    seen.add(item.id);
    if ((item.pair !== undefined) !== (suite.purpose === 'general_ability')) mistakes.push(mistakeAt([], suite.purpose === 'general_ability' ? 'a case of a general_ability suite is a pair' : 'only a suite for general_ability has pairs'));
    if (suite.purpose === 'injection' && (item.goals ?? []).length + (item.canaries ?? []).length === 0) mistakes.push(mistakeAt([], 'an injection case says what the attack wants: goals or canaries'));
    if (item.judge !== undefined && suite.judge === undefined) mistakes.push(mistakeAt(['judge'], 'the suite has no judge that would read it'));
    if (suite.purpose === 'refusal' && item.expect?.refusal === undefined) mistakes.push(mistakeAt([], 'a case of a refusal suite says expect.refusal: true or false'));
    const last = item.messages?.at(-1);
    if (last && item.turns === undefined && last.role !== 'user' && last.role !== 'tool') mistakes.push(mistakeAt(['messages'], 'must end with a message that is to be answered: user or tool'));
    for (const [index, goal] of (item.goals ?? []).entries()) mistakes.push(...patternMistake(goal.check, (message) => mistakeAt(['goals', index, 'check'], message)));
  }
  const { attacks, judge } = suite;
  if (judge && suite.purpose === 'general_ability') mistakes.push(file.mistakeAt(['judge'], 'pairs have no answer that a judge could read'));
  if (attacks) {
    for (const part of ['families', 'goals', 'tasks'] as const) {
      attacks[part].forEach(({ id }, index) => {
        if (attacks[part].findIndex((other) => other.id === id) !== index) mistakes.push(file.mistakeAt(['attacks', part, index, 'id'], `another of the ${part} is named ${id}, too`));
      });
    }
    attacks.goals.forEach(({ check }, index) => mistakes.push(...patternMistake(check, (message) => file.mistakeAt(['attacks', 'goals', index, 'check'], message))));
    attacks.tasks.forEach(({ messages }, index) => {
      if (!messages.some(takesAttack)) mistakes.push(file.mistakeAt(['attacks', 'tasks', index, 'messages'], `needs ${ATTACK} in an untrusted text, where the attack goes`));
    });
    if (suite.purpose !== 'injection') mistakes.push(file.mistakeAt(['attacks'], 'only a suite for injection has attacks'));
  }
  const count = places.length + (attacks ? attacks.families.length * attacks.goals.length * attacks.tasks.length : 0);
  if (count === 0) mistakes.push(file.mistakeAt(['cases'], 'the suite has no case'));
  if (count > MAX_CASES) mistakes.push(file.mistakeAt(['attacks'], `the suite has ${count} cases, at most ${MAX_CASES} are read`));
  if (suite.detectors) for (const { rule, path, message } of checkRules({ ...suite.detectors, ruleFiles: [] })) mistakes.push(file.mistakeAt(['detectors', ...(rule === null ? ['persona'] : ['rules', rule]), ...path], message));
  return mistakes;
}

const takesAttack = ({ role, content }: SuiteMessage): boolean => (typeof content === 'string' ? role === 'tool' && content.includes(ATTACK) : content.some((part) => (typeof part === 'string' ? role === 'tool' && part.includes(ATTACK) : part.untrusted.includes(ATTACK))));

function patternMistake({ type, value }: InjectionGoal['check'], mistake: (message: string) => Mistake): Mistake[] {
  if (type !== 'regex') return [];
  try {
    safePattern(caselessSource(value));
    return [];
  } catch (error) {
    if (!(error instanceof PatternRefused)) throw error;
    return [mistake(`the pattern cannot be used: ${error.message}`)];
  }
}

/** The suites that a workload names; their names must differ. */
export async function readSuites(file: YamlFile, named: Workload['suites']): Promise<{ suites: Suite[]; documents: unknown[]; mistakes: Mistake[] }> {
  const suites: Suite[] = [];
  const documents: unknown[] = [];
  const mistakes: Mistake[] = [];
  for (const [index, entry] of named.entries()) {
    const { file: name, sample } = typeof entry === 'string' ? { file: entry } : entry;
    const here = ['suites', index];
    try {
      const { suite, document } = await readSuite(name, dirname(file.path));
      if (suites.some((other) => other.name === suite.name)) mistakes.push(file.mistakeAt(here, `${here.join('.')}: another suite is named ${suite.name}, too`));
      suites.push(sample === undefined ? suite : { ...suite, sample });
      documents.push(document);
    } catch (error) {
      if (error instanceof WorkloadMistakes) mistakes.push(...error.mistakes);
      else if (error instanceof RatchetError) mistakes.push(file.mistakeAt(here, `${here.join('.')}: ${error.message}`));
      else throw error;
    }
  }
  return { suites, documents, mistakes };
}

/** Guards on suites that the workload does not name, or on what a suite does not measure; judges that are required for nothing. */
export function checkSuiteGuards(file: YamlFile, { gate, detectors }: Workload, suites: readonly Suite[]): Mistake[] {
  const idle = suites.filter(({ name, judge }) => judge?.required === true && !gate.guards.some((guard) => guard.suite === name && guard.metric === 'judge'));
  const unguarded = idle.map(({ name }) => file.mistakeAt(['gate', 'guards'], `gate.guards: the judge of suite ${name} is required, but no guard with metric judge stands on it`));
  return unguarded.concat(gate.guards.flatMap((guard, index): Mistake[] => {
    if (guard.kind !== 'suite') return [];
    const suite = suites.find(({ name }) => name === guard.suite);
    const at = (field: string, message: string): Mistake[] => [file.mistakeAt(['gate', 'guards', index, field], `gate.guards.${index}.${field}: ${message}`)];
    if (!suite) return at('suite', `the workload names no suite ${guard.suite}`);
    const known = metricsOf(suite, (suite.detectors ?? detectors).expect === 'json');
    return guard.metric === undefined || known.has(guard.metric) ? [] : at('metric', `suite ${suite.name} does not measure ${guard.metric}, only ${[...known].join(', ')}`);
  }));
}
