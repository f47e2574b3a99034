// Every snippet of the guide "write a policy rule" is read as the guide says, and its messages are those of the program.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { createScanner } from '../../core/detect/policy-scanner.ts';
import { readWorkload } from '../../stores/workloads.ts';

const guide = readFileSync('docs/guides/write-a-policy-rule.md', 'utf8');
const snippets = [...guide.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);
const workload = snippets.find((text) => text.startsWith('apiVersion')) ?? '';
const ruleFiles = snippets.filter((text) => !text.startsWith('apiVersion'));
const wrong = ruleFiles.filter((text) => text.startsWith('# with a mistake'));

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'ratchet-guide-'));
  writeFileSync(join(dir, 'workload.yaml'), workload);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const load = (rules: string) => {
  writeFileSync(join(dir, 'rules.yaml'), rules);
  return readWorkload(join(dir, 'workload.yaml'));
};

it('has a workload, a mistake and enough rules', () => {
  expect(workload).not.toBe('');
  expect(wrong).toHaveLength(1);
  expect(ruleFiles.length).toBeGreaterThanOrEqual(8);
});

test.each(ruleFiles.filter((text) => !wrong.includes(text)).map((text) => [/id: (\S+)/.exec(text)?.[1] ?? 'the empty file', text]))('%s is read and behaves', async (_, text) => {
  const { workload: loaded } = await load(text);
  expect(loaded.detectors.rules).toHaveLength((text.match(/^ {2}- id:/gm) ?? []).length);
});

it('quotes the message for the mistake', async () => {
  const said = /^(rules\.yaml:\d+:\d+ .*)$/m.exec(guide)?.[1] ?? 'no message in the guide';
  await expect(load(wrong[0] ?? '')).rejects.toThrow(said);
});

describe('its table of phrases', () => {
  const rows = [...guide.matchAll(/^\| `([^`]+)` \| (.+) \| (.+) \|$/gm)].map(([, phrase = '', finds = '', misses = '']) => ({ phrase: phrase.replaceAll('"', ''), finds: finds.split(', '), misses: misses.split(/, (?!refund$)/) }));
  const stands = (phrase: string, text: string): boolean => createScanner([phrase], new Set()).scan(text).length > 0;
  test.each(rows)('$phrase', ({ phrase, finds, misses }) => {
    for (const text of finds.filter((item) => item !== 'over a line break')) expect([text, stands(phrase, text)]).toEqual([text, true]);
    for (const text of misses) expect([text, stands(phrase, text)]).toEqual([text, false]);
  });
  it('is there', () => expect(rows.length).toBeGreaterThanOrEqual(6));
});
