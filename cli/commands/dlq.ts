// `ratchet dlq`: records that could not be kept: why, where they lie in Kafka, and judging them again.
import type { Command } from 'commander';
import { pino } from 'pino';
import { RatchetError } from '../../core/errors.ts';
import { readRecords } from '../../intake/raw-records.ts';
import { isSettled, replayLetters, type LetterOutcome, type ReplayedLetter } from '../../intake/replay.ts';
import { kafkaClient } from '../../stores/kafka.ts';
import { openKeys } from '../../stores/keys.ts';
import type { DeadLetterRow, MetadataStore, RecordPosition } from '../../stores/ports.ts';
import { homePaths } from '../../workers/config.ts';
import { action, positiveInt } from '../action.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { fields, table } from '../output.ts';

const PAGE = 500;
/** Letters that are named one by one in the result; the totals count all. */
const MAX_NAMED = 1_000;

/** What happened to a letter, for a person. */
const MEANINGS: Readonly<Record<LetterOutcome, string>> = {
  stored: 'kept now',
  duplicate: 'was kept already',
  settled: 'was replayed by somebody else',
  dead_letter: 'still cannot be kept',
  conflict: 'its identity is kept with other content',
  expired: 'has expired from Kafka: ask the producer to send it again',
  no_topic: 'its topic, partition or offset is not on the brokers: was the topic made anew?',
  changed: 'another record lies at its place: the topic was made anew',
  elsewhere: 'did not come from Kafka: ask the sender to send it again',
};

const place = ({ topic, partition, offset }: RecordPosition): string => (topic === '' ? '-' : `${topic}/${partition}@${offset}`);

export function addDlq(program: Command): void {
  const dlq = program.command('dlq').description('dead letters: records that intake could not keep');

  dlq
    .command('ls')
    .description('open dead letters in the order in which they came, and totals by reason')
    .option('-r, --reason <code>', 'only this reason, for example RECORD_CONTRACT')
    .option('-s, --state <state>', 'open, replayed or all', 'open')
    .option('-n, --limit <count>', 'how many', positiveInt, 20)
    .option('--after <id>', 'those after this one', positiveInt)
    .addHelpText('after', '\nExamples:\n  ratchet dlq ls\n  ratchet dlq ls --reason RECORD_CONTRACT --limit 100\n  ratchet dlq ls --json | jq .letters[].letter.position')
    .action(
      action<[{ reason?: string; state: string; limit: number; after?: number }]>(async (context, { reason, state, limit, after }) => {
        if (state !== 'open' && state !== 'replayed' && state !== 'all') throw new RatchetError('REQUEST_INVALID', '--state: open, replayed or all');
        const store = await context.store();
        const letters = await store.deadLetters({ limit, state, ...(reason === undefined ? {} : { reason }), ...(after === undefined ? {} : { afterId: after }) });
        const totals = await store.deadLetterTotals();
        context.out.result({ totals, letters }, (value) =>
          [
            table(['id', 'reason', 'record', 'came', 'replays', 'detail'], value.letters.map(({ id, letter, replays, state: is }) => [id, is === 'open' ? letter.reason : `(${letter.reason})`, place(letter.position), letter.at, replays, letter.detail])),
            '',
            `open: ${value.totals.map((row) => `${row.reason} ${row.open}`).join(', ') || 'none'}`,
          ].join('\n'),
        );
      }),
    );

  dlq
    .command('show <id>')
    .description('one dead letter: why, where its record lies, and what replays made of it')
    .addHelpText('after', '\nExample:\n  ratchet dlq show 17')
    .action(
      action<[string]>(async (context, text) => {
        context.out.result(await letterOf(await context.store(), text), ({ id, letter, state, replays, lastReplay }) =>
          fields([
            ['dead letter', id],
            ['state', state],
            ['reason', letter.reason],
            ['detail', letter.detail],
            ['record', place(letter.position)],
            ['came', letter.at],
            ['HMAC of the record', letter.hmac],
            ['replays', lastReplay ? `${replays}, last by ${lastReplay.by} at ${lastReplay.at}` : replays],
          ]),
        );
      }),
    );

  dlq
    .command('replay [ids...]')
    .description('read the raw records again from Kafka, judge them as ingest would today, and keep those that can be kept')
    .option('-a, --all', 'every open dead letter')
    .option('-r, --reason <code>', 'every open dead letter of this reason')
    .addHelpText(
      'after',
      `
After the cause was removed: a workload was added to RATCHET_WORKLOADS, a limit raised, ingest upgraded. Use the settings that ingest
has: RATCHET_HOME, RATCHET_WORKLOADS, RATCHET_MAX_RECORD_BYTES, KAFKA_*. A record that was kept meanwhile is not kept twice. Exit code ${EXIT.failed}
when any letter stays open: its record expired from Kafka, or still cannot be kept.

Examples:
  ratchet dlq replay 17 18
  ratchet dlq replay --reason RECORD_CONTRACT
  ratchet dlq replay --all --json | jq .outcomes`,
    )
    .action(
      action<[string[], { all?: boolean; reason?: string }]>(async (context, ids, { all = false, reason }) => {
        if (Number(ids.length > 0) + Number(all) + Number(reason !== undefined) !== 1) throw new RatchetError('REQUEST_INVALID', 'name ids, or --all, or --reason');
        const outcomes: Partial<Record<LetterOutcome, number>> = {};
        const open: ReplayedLetter[] = [];
        const each = (letter: ReplayedLetter): void => {
          outcomes[letter.outcome] = (outcomes[letter.outcome] ?? 0) + 1;
          if (!isSettled(letter.outcome) && open.length < MAX_NAMED) open.push(letter);
        };
        await replayPages(context, ids, reason, each);
        const stayOpen = Object.entries(outcomes).reduce((sum, [outcome, count]) => sum + (isSettled(outcome as LetterOutcome) ? 0 : count), 0);
        if (stayOpen > 0) process.exitCode = EXIT.failed;
        context.out.result({ outcomes, stayOpen, open }, (value) =>
          [
            ...(value.open.length > 0 ? [table(['id', 'record', 'outcome', 'reason', 'detail'], value.open.map((letter) => [letter.id, place(letter.position), MEANINGS[letter.outcome], letter.reason, letter.detail])), ''] : []),
            Object.entries(value.outcomes).map(([outcome, count]) => `${count} ${MEANINGS[outcome as LetterOutcome]}`).join('\n') || 'no dead letter is open',
          ].join('\n'),
        );
      }),
    );
}

async function letterOf(store: MetadataStore, text: string): Promise<DeadLetterRow> {
  const row = /^\d{1,15}$/.test(text) ? await store.deadLetter(Number(text)) : null;
  if (!row) throw new RatchetError('NOT_FOUND', `no dead letter ${text}; \`ratchet dlq ls\` lists them`);
  return row;
}

async function replayPages(context: Context, ids: readonly string[], reason: string | undefined, each: (letter: ReplayedLetter) => void): Promise<void> {
  const { config, out } = context;
  const store = await context.store();
  // Looked up first: a wrong id is said before anything is changed.
  const named = await Promise.all([...new Set(ids)].map((id) => letterOf(store, id)));
  const kafka = kafkaClient(config.kafka, 'ratchet-dlq');
  const deps = {
    store,
    keys: await openKeys(homePaths(config.home).keys),
    workloads: await context.workloads(),
    limits: { maxBytes: config.maxRecordBytes, maxDepth: config.maxRecordDepth },
    // What could not be judged is in the result.
    logger: pino({ level: 'silent' }),
    clock: () => new Date(),
    by: config.actor,
    read: (...[positions, handle]: [readonly RecordPosition[], Parameters<typeof readRecords>[3]]) => readRecords(kafka, config.kafka.group, positions, handle),
  };
  if (ids.length > 0) return replayLetters(deps, named, each);
  for (let afterId = 0; ; ) {
    const page = await store.deadLetters({ limit: PAGE, afterId, ...(reason === undefined ? {} : { reason }) });
    const last = page.at(-1);
    if (!last) return;
    out.note(`replaying ${page.length} dead letters from id ${page[0]?.id}`);
    await replayLetters(deps, page, each);
    afterId = last.id;
  }
}
