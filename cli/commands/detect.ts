// `ratchet detect`: what is wrong with the answers in a file or a stream, with no server and nothing stored.
import { readFile } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import { DetectorSettings } from '../../core/contracts/workload.ts';
import { RatchetError } from '../../core/errors.ts';
import { FORMATS, readerFor, type Format } from '../../intake/readers/formats.ts';
import { createLineJudge, documentOf, type LineJudge, type Totals } from '../../intake/readers/judge-line.ts';
import { readLines } from '../../intake/readers/source.ts';
import { EXIT } from '../exit-codes.ts';
import { reportError } from '../report-error.ts';

interface Options {
  schema?: string;
  workload?: string;
  format: Format;
  failOnFound?: boolean;
  summary?: boolean;
}

/** Lines of output that are written at once. */
const WRITE_CHARS = 256 * 1024;
const PROGRESS_MS = 500;

export function addDetect(program: Command): Command {
  program
    .command('detect <file>')
    .description('judge the answers in a file (- is standard input), one verdict per line as JSON Lines; needs no server')
    .option('-s, --schema <file>', 'JSON Schema for answers whose line brings none')
    .option('-w, --workload <file>', 'workload file: its detectors, rules, canaries and output schema')
    .addOption(new Option('-f, --format <format>', 'what the lines are').choices(FORMATS).default('auto'))
    .option('--fail-on-found', `exit code ${EXIT.found} when any answer has a failure`)
    .option('--summary', 'totals by class on standard error at the end')
    .addHelpText(
      'after',
      `
Each line of input, in order: {"line", "id", "failures": [{"class", "confidence", "evidence", "detector"}], "injection"},
or {"line", "id"?, "error": {"code", "message"}} where it could not be judged.

Exit codes: ${EXIT.ok} every line was judged, ${EXIT.failed} some lines could not be judged, ${EXIT.usage} wrong usage or an unreadable file,
${EXIT.found} failures were found (only with --fail-on-found, and when every line was judged).

Examples:
  ratchet detect answers.jsonl --schema invoice.schema.json --summary > verdicts.jsonl
  zcat traces.jsonl.gz | ratchet detect --format otlp --fail-on-found -
  ratchet detect answers.jsonl | jq -r '.failures[]?.class' | sort | uniq -c`,
    )
    .action(async (file: string, options: Options, command: Command) => {
      try {
        const judge = await judgeFor(options);
        await judgeStream(file, judge);
        if (options.summary) process.stderr.write(`${summaryOf(judge.totals)}\n`);
        process.exitCode = exitCodeFor(judge.totals, options.failOnFound ?? false);
      } catch (error) {
        reportError(error, command.optsWithGlobals<{ json?: boolean }>().json ?? false);
      }
    });
  return program;
}

async function judgeFor(options: Options): Promise<LineJudge> {
  const loaded = options.workload === undefined ? undefined : await (await import('../../stores/workloads.ts')).readWorkload(options.workload);
  const schema = options.schema === undefined ? loaded?.outputSchema : await readSchema(options.schema);
  return createLineJudge({ reader: readerFor(options.format), settings: loaded?.workload.detectors ?? DetectorSettings.parse({}), expectsOfWorkload: loaded !== undefined, schema });
}

async function readSchema(file: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new RatchetError('REQUEST_INVALID', `--schema: ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    return documentOf(text.replace(/^\ufeff/, ''));
  } catch (error) {
    throw new RatchetError('REQUEST_INVALID', `--schema: ${file}: ${error instanceof RatchetError ? error.message : 'not JSON'}`);
  }
}

/** Reads no faster than it is read from: a slow reader of our output slows the input down. */
async function judgeStream(file: string, judge: LineJudge): Promise<void> {
  let isReaderGone = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // `| head` has what it wanted.
    if (error.code !== 'EPIPE') throw error;
    isReaderGone = true;
    drained?.();
  });
  let drained: (() => void) | undefined;
  process.stdout.on('drain', () => drained?.());
  const write = async (text: string): Promise<void> => {
    if (text === '' || isReaderGone || process.stdout.write(text) || isReaderGone) return;
    await new Promise<void>((resolve) => (drained = resolve));
  };
  const progress = process.stderr.isTTY ? startProgress(judge.totals) : undefined;
  try {
    for await (const lines of readLines(file, process.stdin)) {
      let output = '';
      for (const line of lines) {
        output += judge(line);
        if (output.length < WRITE_CHARS) continue;
        await write(output);
        output = '';
      }
      // What came together is answered together: a pipe that waits for its next line has all verdicts so far.
      await write(output);
      if (isReaderGone) return;
    }
  } finally {
    progress?.();
  }
}

/** A line that is written over, for whoever looks at a terminal. */
function startProgress(totals: Totals): () => void {
  const startedAt = performance.now();
  const timer = setInterval(() => {
    const seconds = (performance.now() - startedAt) / 1000;
    process.stderr.write(`\r${totals.lines.toLocaleString('en')} lines, ${Math.round(totals.lines / seconds).toLocaleString('en')} a second, ${totals.failed.toLocaleString('en')} failed \x1b[K`);
  }, PROGRESS_MS);
  return () => {
    clearInterval(timer);
    process.stderr.write('\r\x1b[K');
  };
}

function summaryOf({ lines, judged, failed, bad, byClass, byInjection }: Totals): string {
  const rows = (title: string, counts: Record<string, number>): string[] => [title, ...Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, count]) => `  ${name.padEnd(20)} ${count}`)];
  return [`${lines} lines, ${judged} answers judged, ${failed} with a failure, ${bad} lines could not be judged`, ...rows('findings by class', byClass), ...rows('injection', byInjection)].join('\n');
}

function exitCodeFor({ bad, failed }: Totals, failOnFound: boolean): number {
  if (bad > 0) return EXIT.failed;
  return failOnFound && failed > 0 ? EXIT.found : EXIT.ok;
}
