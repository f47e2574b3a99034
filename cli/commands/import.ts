// `ratchet import`: puts what a team already has (logs, traces, exports) into Kafka, as the gateway would have.
import { Option, type Command } from 'commander';
import { ConsentBasis, Instant } from '../../core/contracts/index.ts';
import { RatchetError } from '../../core/errors.ts';
import { accept, type Accepted, type AcceptOptions } from '../../intake/accept.ts';
import { parseDocument } from '../../intake/parse.ts';
import { kafkaSink, type RecordSink } from '../../intake/produce.ts';
import { eventOfCall, type ImportSettings } from '../../intake/readers/event.ts';
import { FORMATS, readerFor } from '../../intake/readers/formats.ts';
import { objectAt } from '../../intake/readers/fields.ts';
import { problemOf } from '../../intake/readers/judge-line.ts';
import { batchRequestOf, type BatchRequests } from '../../intake/readers/openai.ts';
import { readLines } from '../../intake/readers/source.ts';
import type { Reader } from '../../intake/readers/call.ts';
import { action, positiveInt } from '../action.ts';
import { EXIT } from '../exit-codes.ts';
import { fields } from '../output.ts';

interface Options {
  format: (typeof FORMATS)[number];
  workload?: string;
  source?: string;
  time?: string;
  tenant: string;
  consent: (typeof ConsentBasis.options)[number];
  retentionDays: number;
  requests?: string;
  dryRun?: boolean;
}

interface Report {
  dryRun: boolean;
  lines: number;
  /** Model calls in the lines; lines of traces may hold several, or none. */
  calls: number;
  /** In Kafka for certain; in a dry run: would be accepted. */
  published: number;
  badLines: number;
  badByCode: Record<string, number>;
  /** The first ones. */
  bad: { file: string; line: number; code: string; message: string }[];
}

const MAX_LISTED = 20;
/** Attributes of traces nest several times as deep as the records that are made of them. */
const MAX_DEPTH = 512;
const SEND_RECORDS = 500;
const SEND_BYTES = 4_000_000;

export function addImport(program: Command): void {
  program
    .command('import <files...>')
    .description('publish records that you already have (OpenAI-shaped JSONL, OTLP traces, Langfuse exports) as interactions')
    .addOption(new Option('-f, --format <format>', 'what the lines are').choices(FORMATS.filter((format) => format !== 'short')).default('auto'))
    .option('-w, --workload <name>', 'the workload that they belong to')
    .option('--source <uri>', "CloudEvents source in place of the export's own name")
    .option('--requests <file>', "input file of the OpenAI batch whose output is imported")
    .option('--time <instant>', 'RFC 3339 time for lines that do not say when they were')
    .option('--tenant <name>', 'tenant of all records', 'default')
    .addOption(new Option('--consent <basis>', 'legal basis of all records').choices(ConsentBasis.options).default('contract'))
    .option('--retention-days <days>', 'how long they may be kept', positiveInt, 90)
    .option('--dry-run', 'read and check everything, publish nothing; needs no server')
    .addHelpText(
      'after',
      `
A record's identity comes from the export (or from its content), so importing a file again, or going on after an interruption, changes nothing.
Exit codes: ${EXIT.ok} all lines were taken, ${EXIT.failed} some were not (they are listed), ${EXIT.unavailable} Kafka does not answer.

Examples:
  ratchet import --dry-run traces.json
  ratchet import --format langfuse --workload tickets observations.jsonl.gz
  ratchet import --workload tickets --requests batch_input.jsonl batch_output.jsonl`,
    )
    .action(
      action<[string[], Options]>(async (context, files, options) => {
        const { workload } = await context.workload(options.workload);
        if (options.time !== undefined && !Instant.safeParse(options.time).success) throw new RatchetError('REQUEST_INVALID', '--time: must be an RFC 3339 instant such as 2026-01-02T03:04:05Z');
        const settings: ImportSettings = {
          ...{ workload: workload.name, channel: workload.channel, baseModel: workload.baseModel },
          ...{ tenant: options.tenant, consentBasis: options.consent, retentionDays: options.retentionDays, source: options.source, defaultTime: options.time },
        };
        const { kafka, maxRecordBytes, maxRecordDepth } = context.config;
        const checks: AcceptOptions = { limits: { maxBytes: maxRecordBytes, maxDepth: maxRecordDepth }, topics: kafka.topics, workloads: new Set((await context.workloads()).keys()) };
        const reader = readerFor(options.format, options.requests === undefined ? undefined : await readRequests(options.requests));
        const sink = options.dryRun ? undefined : kafkaSink({ ...kafka, topics: Object.values(kafka.topics), clientId: 'ratchet-import' });
        const report: Report = { dryRun: options.dryRun ?? false, lines: 0, calls: 0, published: 0, badLines: 0, badByCode: {}, bad: [] };
        try {
          await sink?.check();
          for (const file of files) await importFile(file, { reader, settings, checks, sink, report });
        } catch (error) {
          if (error instanceof RatchetError && report.published > 0) throw new RatchetError(error.code, `${error.message}; ${report.published} records are in Kafka, start the import again to go on`);
          throw error;
        } finally {
          await sink?.close();
        }
        context.out.result(report, render);
        if (report.badLines > 0) process.exitCode = EXIT.failed;
      }),
    );
}

/** As ingest parses records: half a character at the end of an answer that was cut off is mended. */
const documentOf = (text: string): Record<string, unknown> => objectAt(parseDocument(Buffer.from(text), MAX_DEPTH), '/');

/** A batch's input is at most 200 MB by the provider's own limit, so it fits into memory. */
async function readRequests(file: string): Promise<BatchRequests> {
  const requests = new Map<string, Record<string, unknown>>();
  for await (const lines of readLines(file, process.stdin)) {
    for (const line of lines) {
      try {
        if ('error' in line) throw line.error;
        requests.set(...batchRequestOf(documentOf(line.text)));
      } catch (error) {
        throw new RatchetError('REQUEST_INVALID', `--requests: ${file}:${line.line} ${problemOf(error).message}`);
      }
    }
  }
  return requests;
}

async function importFile(file: string, { reader, settings, checks, sink, report }: { reader: Reader; settings: ImportSettings; checks: AcceptOptions; sink: RecordSink | undefined; report: Report }): Promise<void> {
  let batch: Accepted[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    await sink?.send(batch);
    report.published += batch.length;
    batch = [];
    bytes = 0;
  };
  for await (const lines of readLines(file, process.stdin)) {
    for (const line of lines) {
      report.lines += 1;
      try {
        if ('error' in line) throw line.error;
        const document = documentOf(line.text);
        // Events of our own are taken as they are.
        const records = document['specversion'] === undefined ? reader(document).map((call) => JSON.stringify(eventOfCall(call, settings))) : [line.text];
        const accepted = records.map((record) => accept(Buffer.from(record), checks));
        report.calls += accepted.length;
        batch.push(...accepted);
        bytes += accepted.reduce((sum, { value }) => sum + value.length, 0);
      } catch (error) {
        const { code, message } = problemOf(error);
        report.badLines += 1;
        report.badByCode[code] = (report.badByCode[code] ?? 0) + 1;
        if (report.bad.length < MAX_LISTED) report.bad.push({ file, line: line.line, code, message });
      }
      if (batch.length >= SEND_RECORDS || bytes >= SEND_BYTES) await flush();
    }
  }
  await flush();
}

function render({ dryRun, lines, calls, published, badLines, bad }: Report): string {
  const counts = fields([['lines', lines], ['model calls', calls], [dryRun ? 'would be published' : 'published', published], ['lines not taken', badLines]]);
  const listed = bad.map(({ file, line, code, message }) => `${file}:${line} ${code}: ${message}`);
  return [counts, ...(bad.length > 0 ? ['', ...listed] : []), ...(badLines > bad.length ? [`and ${badLines - bad.length} more`] : [])].join('\n');
}
