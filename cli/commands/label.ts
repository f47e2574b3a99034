// `ratchet label`: blind truths for the cases that the keyed hash chose before any answer was judged.
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { InteractionRef } from '../../core/contracts/index.ts';
import { canonicalJson } from '../../core/digest.ts';
import { RatchetError } from '../../core/errors.ts';
import { openKeys } from '../../stores/keys.ts';
import { createRedactors } from '../../stores/redactors.ts';
import type { CaseRow, MetadataStore } from '../../stores/ports.ts';
import type { LoadedWorkload } from '../../stores/workloads.ts';
import { homePaths } from '../../workers/config.ts';
import { action } from '../action.ts';
import type { Context } from '../context.ts';
import { short, table } from '../output.ts';

/** The prompt as a person labels it: roles and text, no answer of any adapter. */
const promptOf = (row: CaseRow): string => row.case.messages.filter((message) => message.role !== 'system').map((message) => `[${message.role}]\n${message.parts.map((part) => part.text).join('')}`).join('\n\n');

async function caseByPrefix(store: MetadataStore, workload: string, prefix: string): Promise<CaseRow> {
  const wanted = prefix.startsWith('sha256:') ? prefix : `sha256:${prefix}`;
  const hits = (await store.cases(workload)).filter((row) => row.caseDigest.startsWith(wanted));
  const [first] = hits;
  if (!first) throw new RatchetError('NOT_FOUND', `no case of ${workload} starts with ${prefix}`);
  if (hits.length > 1) throw new RatchetError('AMBIGUOUS_ID', `${prefix} fits ${hits.length} cases`);
  return first;
}

/**
 * Keeps a truth for a case. Only cases chosen for labelling count in the gate; others are refused, since
 * a truth that someone picked after seeing answers would bias the verdict.
 */
export async function setTruth(context: Context, { workload }: Pick<LoadedWorkload, 'workload'>, row: CaseRow, truth: string, author: string): Promise<void> {
  if (!row.label) throw new RatchetError('REQUEST_INVALID', `case ${short(row.caseDigest)} was not chosen for labelling; \`ratchet label next\` shows one that was`);
  if (row.retiredBy) throw new RatchetError('REQUEST_INVALID', `case ${short(row.caseDigest)} was used by a verdict already`);
  let text = truth.trim();
  if (workload.detectors.expect === 'json') {
    try {
      text = canonicalJson(JSON.parse(text));
    } catch {
      throw new RatchetError('REQUEST_INVALID', `the truth for ${workload.name} must be JSON`);
    }
  }
  const store = await context.store();
  const [stored] = await store.interactions([row.case.interactionDigest]);
  if (!stored) throw new RatchetError('NOT_FOUND', `no interaction ${row.case.interactionDigest} for case ${short(row.caseDigest)}`);
  // The case's prompt carries surrogates, so its truth must carry the same ones, also where only the prompt's words gave a value away.
  const redactor = createRedactors(await openKeys(homePaths(context.config.home).keys))(stored.interaction.tenant, workload.redaction.names);
  await store.setTruth({ schemaVersion: 1, caseDigest: row.caseDigest, truth: redactor.redactAnswer(text, stored.interaction.redaction?.values ?? []), author, time: new Date().toISOString() });
}

export interface ImportedTruth {
  interaction: InteractionRef;
  truth: string;
}

/**
 * Keeps the truths of a labelling tool's export for the cases that wait for one; all others are left out, whatever the file says.
 * @returns how many were kept now, and how many chosen cases still wait
 */
export async function importTruths(context: Context, loaded: LoadedWorkload, truths: readonly ImportedTruth[], author: string): Promise<{ labelled: number; waiting: number }> {
  const store = await context.store();
  const { name } = loaded.workload;
  const key = (ref: InteractionRef): string => `${ref.source}\n${ref.id}`;
  const byRef = new Map(truths.map((item) => [key(item.interaction), item.truth]));
  const open = (await store.cases(name)).filter((row) => row.label && row.truth === null && row.retiredBy === null);
  const interactions = new Map((await store.interactions(open.map((row) => row.case.interactionDigest))).map((stored) => [stored.digest, stored.interaction]));
  let labelled = 0;
  for (const row of open) {
    const interaction = interactions.get(row.case.interactionDigest);
    const truth = interaction && byRef.get(key(interaction));
    if (truth === undefined) continue;
    await setTruth(context, loaded, row, truth, author);
    labelled += 1;
  }
  return { labelled, waiting: open.length - labelled };
}

const ImportLine = z.object({ interaction: InteractionRef, truth: z.unknown() });

function readImport(text: string, file: string): ImportedTruth[] {
  return text.split('\n').flatMap((line, index): ImportedTruth[] => {
    if (line.trim() === '') return [];
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      throw new RatchetError('REQUEST_INVALID', `${file}:${index + 1} is not JSON`);
    }
    const parsed = ImportLine.safeParse(value);
    if (!parsed.success) throw new RatchetError('REQUEST_INVALID', `${file}:${index + 1} needs {"interaction":{"source","id"},"truth"}`);
    const { interaction, truth } = parsed.data;
    return [{ interaction, truth: typeof truth === 'string' ? truth : JSON.stringify(truth) }];
  });
}

export function addLabel(program: Command): void {
  const label = program.command('label').description('give the right answer to cases drawn blind; only these truths count in the gate');
  const workloadOption = ['-w, --workload <name>', 'the workload, when there are several'] as const;

  label
    .command('next')
    .description('the next case that waits for its truth')
    .option(...workloadOption)
    .action(
      action<[{ workload?: string }]>(async (context, options) => {
        const { workload } = await context.workload(options.workload);
        const row = await (await context.store()).nextToLabel(workload.name);
        context.out.result(row && { caseDigest: row.caseDigest, interactionDigest: row.case.interactionDigest, messages: row.case.messages, outputSchema: row.case.outputSchema }, () =>
          row ? `${promptOf(row)}\n\ncase ${row.caseDigest}\nAnswer with: ratchet label set ${short(row.caseDigest)} --truth '…'` : `nothing to label for ${workload.name}`,
        );
      }),
    );

  label
    .command('set <case>')
    .description('keep the right answer of a case')
    .option('--truth <text>', 'the right answer')
    .option('--file <path>', 'read the right answer from a file, - for standard input')
    .option('--author <name>', 'who says so (default: RATCHET_ACTOR)')
    .option(...workloadOption)
    .addHelpText('after', '\nExamples:\n  ratchet label set 4be1 --truth \'{"category":"billing"}\'\n  ratchet label set 4be1 --file answer.json --author dana')
    .action(
      action<[string, { workload?: string; truth?: string; file?: string; author?: string }]>(async (context, id, options) => {
        if ((options.truth === undefined) === (options.file === undefined)) throw new RatchetError('REQUEST_INVALID', 'give either --truth or --file');
        const truth = options.truth ?? (await readFile(options.file === '-' ? '/dev/stdin' : (options.file ?? ''), 'utf8'));
        const loaded = await context.workload(options.workload);
        const row = await caseByPrefix(await context.store(), loaded.workload.name, id);
        await setTruth(context, loaded, row, truth, options.author ?? context.config.actor);
        context.out.result({ caseDigest: row.caseDigest, labelled: true }, () => `truth kept for case ${short(row.caseDigest)}`);
      }),
    );

  label
    .command('import <file>')
    .description('keep the truths of a labelling tool: JSON lines {"interaction":{"source","id"},"truth"}')
    .option('--author <name>', 'who says so (default: RATCHET_ACTOR)')
    .option(...workloadOption)
    .addHelpText('after', '\nOnly cases that the keyed hash chose for labelling take a truth; other lines are left out.\nExample:\n  ratchet label import truths.jsonl --author dana')
    .action(
      action<[string, { workload?: string; author?: string }]>(async (context, file, options) => {
        const loaded = await context.workload(options.workload);
        const result = await importTruths(context, loaded, readImport(await readFile(file, 'utf8'), file), options.author ?? context.config.actor);
        context.out.result(result, (value) => `${value.labelled} truths kept, ${value.waiting} chosen cases still wait`);
      }),
    );

  label
    .command('ls')
    .description('all cases: drawn, chosen for labelling, labelled, used')
    .option(...workloadOption)
    .action(
      action<[{ workload?: string }]>(async (context, options) => {
        const { workload } = await context.workload(options.workload);
        const rows = (await (await context.store()).cases(workload.name)).map(({ caseDigest, label: chosen, truth, retiredBy }) => ({ caseDigest, chosen, labelled: truth !== null, retiredBy }));
        context.out.result(rows, (value) =>
          [
            table(['case', 'to label', 'labelled', 'used by'], value.map((row) => [short(row.caseDigest), row.chosen ? 'yes' : 'no', row.labelled ? 'yes' : 'no', short(row.retiredBy)])),
            `\n${value.length} cases, ${value.filter((row) => row.chosen).length} chosen for labelling, ${value.filter((row) => row.labelled).length} labelled, ${value.filter((row) => row.retiredBy).length} used`,
          ].join('\n'),
        );
      }),
    );
}
