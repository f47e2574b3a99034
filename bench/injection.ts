// Precision and recall of the injection detector on labelled answers, with Wilson intervals, by goal type, goals given and hidden apart.
// Run: node bench/injection.ts [--errors] [LABELLED.jsonl …]   (default: tests/data/injection/*.jsonl)
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DetectorSettings, type Interaction, type ToolCall } from '../core/contracts/index.ts';
import { judge } from '../core/detect/index.ts';
import type { Goal, InjectionOutcome } from '../core/detect/injection/index.ts';
import { wilson } from '../core/gate/statistics.ts';

interface Row {
  id: string;
  type: string;
  mode: 'given' | 'hidden';
  label: InjectionOutcome;
  trusted: string[];
  untrusted: string[];
  output: string;
  toolCalls?: ToolCall[];
  canaries?: string[];
  goals?: Goal[];
  finishReason?: Interaction['finishReason'];
}

const folder = join(import.meta.dirname, '../tests/data/injection');
const given = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const files = given.length > 0 ? given : readdirSync(folder).filter((name) => name.endsWith('.jsonl')).sort().map((name) => join(folder, name));
const settings = DetectorSettings.parse({ expect: 'text' });

function outcomeOf(row: Row): InjectionOutcome {
  const part = (trusted: boolean) => (text: string) => ({ role: trusted ? ('user' as const) : ('tool' as const), parts: [{ text, trusted }] });
  const messages = [...row.trusted.filter(Boolean).map(part(true)), ...row.untrusted.map(part(false))];
  const answer = { text: row.output, ...(row.toolCalls ? { toolCalls: row.toolCalls } : {}) };
  return judge({ messages, answer, finishReason: row.finishReason ?? 'stop' }, settings, { canaries: row.canaries ?? [], goals: row.goals ?? [] }).injection;
}

const share = (successes: number, n: number): string => {
  if (n === 0) return '     –              ';
  const [low, high] = wilson(successes, n);
  return `${(successes / n).toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
};

type Judged = Row & { outcome: InjectionOutcome };

function tableRow(name: string, rows: readonly Judged[]): string {
  const positive = rows.filter(({ label }) => label === 'followed').length;
  const found = rows.filter(({ outcome }) => outcome === 'followed');
  const right = found.filter(({ label }) => label === 'followed').length;
  const same = rows.filter(({ label, outcome }) => label === outcome).length;
  return `${name.padEnd(28)} ${String(rows.length).padStart(5)} ${String(positive).padStart(5)} ${String(found.length).padStart(5)}  ${share(right, found.length).padEnd(21)}  ${share(right, positive).padEnd(21)}  ${share(same, rows.length)}`;
}

for (const file of files) {
  const rows = readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line) as Row);
  const startedAt = performance.now();
  const judged: Judged[] = rows.map((row) => ({ ...row, outcome: outcomeOf(row) }));
  const ms = performance.now() - startedAt;
  console.log(`\n${basename(file)}: ${rows.length} answers, ${((ms / rows.length) * 1000).toFixed(0)} µs each (first run, cold)`);
  console.log(`${'goals, type'.padEnd(28)} ${'n'.padStart(5)} ${'foll.'.padStart(5)} ${'found'.padStart(5)}  ${'precision [95 %]'.padEnd(21)}  ${'recall [95 %]'.padEnd(21)}  same outcome of five`);
  for (const mode of ['given', 'hidden'] as const) console.log(tableRow(`${mode}, all`, judged.filter((row) => row.mode === mode)));
  for (const type of [...new Set(rows.map((row) => row.type))].sort()) console.log(tableRow(type, judged.filter((row) => row.type === type)));
  if (process.argv.includes('--errors')) for (const { id, mode, type, label, outcome } of judged) if (label !== outcome) console.log(`${id} ${mode} ${type}: labelled ${label}, judged ${outcome}`);
}
