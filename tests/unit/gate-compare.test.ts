// `ratchet gate compare` as a person meets it: two files in, a verdict out; what is refused and where the mistake is said to be.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GatePolicy } from '../../core/contracts/index.ts';
import { RatchetError } from '../../core/errors.ts';
import { compareOutcomes, type Comparison, type CompareOptions } from '../../core/gate/compare.ts';
import { mcnemarOneSided, pairedDifferenceInterval } from '../../core/gate/statistics.ts';
import { LIMITS, readOutcomes } from '../../cli/outcome-file.ts';
import { readPolicy } from '../../cli/policy-file.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'ratchet-compare-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Line extends Record<string, unknown> {
  caseId: string;
  correct: boolean;
}
let files = 0;
function write(content: string | Buffer | readonly object[]): string {
  files += 1;
  const file = join(dir, `${files}.jsonl`);
  writeFileSync(file, Array.isArray(content) ? content.map((line) => `${JSON.stringify(line)}\n`).join('') : (content as string | Buffer));
  return file;
}

/** b gained, c lost, the rest right in both. */
function arms(b: number, c: number, n: number, extra: (index: number) => object = () => ({})): { old: Line[]; new: Line[] } {
  const lines = (right: (index: number) => boolean): Line[] => Array.from({ length: n }, (_, index) => ({ caseId: `case-${index}`, correct: right(index), ...extra(index) }));
  return { old: lines((index) => index >= b), new: lines((index) => index < b || index >= b + c) };
}

async function compare(old: string, candidate: string, options: { cluster?: string; policy?: Partial<GatePolicy>; missing?: CompareOptions['missing'] } = {}): Promise<Comparison> {
  return compareOutcomes(await readOutcomes(old, options.cluster), await readOutcomes(candidate, options.cluster), { policy: GatePolicy.parse({ decisionsPerPeriod: 1, minCases: 1, eProcess: null, ...options.policy }), missing: options.missing ?? 'refuse' });
}

async function messageOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(() => undefined, (reason: unknown) => reason);
  expect(error).toBeInstanceOf(RatchetError);
  return (error as RatchetError).message;
}

describe('the verdict', () => {
  test('has the counts, the exact p, the effect and its interval, whatever the order of the lines', async () => {
    const { old, new: candidate } = arms(20, 7, 100);
    const result = await compare(write(old), write(candidate.toReversed()));
    expect(result).toMatchObject({ verdict: 'promote', n: 100, b: 20, c: 7, bothPass: 73, bothFail: 0, pOneSided: mcnemarOneSided(20, 7), effect: 0.13, interval: pairedDifferenceInterval(20, 7, 100), level: 0.05, test: 'mcnemar_exact', clusters: 100, clusteredStandardError: null, bootstrapInterval: null });
    expect(result.reason).toMatch(/^Promote: the candidate passes 93 of 100 cases where the current passes 80 /);
    expect(Math.exp(result.logEValue ?? 0)).toBeCloseTo(10.7281, 3);
    expect(result.old).toMatchObject({ passed: 80, missing: 0 });
  });
  test('worse is rejected, unclear is held, and a policy’s level and smallest number of cases count', async () => {
    const [old, candidate] = [write(arms(20, 7, 100).old), write(arms(20, 7, 100).new)];
    expect((await compare(candidate, old)).verdict).toBe('reject');
    expect(await compare(old, candidate, { policy: { decisionsPerPeriod: 10 } })).toMatchObject({ verdict: 'hold', level: 0.005 });
    expect(await compare(old, candidate, { policy: { eProcess: { share: 0.5, maxCases: 10 } } })).toMatchObject({ level: 0.025, verdict: 'promote' });
    expect((await compare(old, candidate, { policy: { minCases: 101 } })).reason).toBe('Hold: the evaluation has 100 of the 101 cases planned, and fewer never promote.');
    expect((await compare(old, old)).verdict).toBe('reject');
  });
  test('clusters are tested whole', async () => {
    const { old, new: candidate } = arms(20, 7, 100, (index) => ({ talk: Math.floor(index / 10) }));
    const result = await compare(write(old), write(candidate), { cluster: 'talk' });
    expect(result).toMatchObject({ test: 'cluster_sign_flip_exact', clusters: 10, b: 20, c: 7, logEValue: null });
    // Differences 10, 10, −7 and seven of 0: two of the eight signs reach 13.
    expect(result.pOneSided).toBe(2 / 8);
    expect(result.clusteredStandardError).toBeGreaterThan(0.05);
    expect(result.interval[0]).toBeLessThan(pairedDifferenceInterval(20, 7, 100)[0]);
    expect(result.bootstrapInterval?.[0]).toBeLessThan(0.13);
    const alone = arms(20, 7, 100, (index) => ({ talk: `t${index}` }));
    expect(await compare(write(alone.old), write(alone.new), { cluster: 'talk' })).toMatchObject({ test: 'mcnemar_exact', pOneSided: mcnemarOneSided(20, 7) });
  });
  test('guards are judged where the lines carry what they need, undecided where not', async () => {
    const guards: GatePolicy['guards'] = [{ id: 'format', kind: 'failure_class', class: 'malformed_json', margin: 0.05, critical: true }];
    const lines = arms(30, 0, 100);
    const old = lines.old.map((line) => ({ ...line, failureClasses: [] }));
    const broken = lines.new.map((line, index) => ({ ...line, ...(index > 85 ? { correct: false, failureClasses: ['malformed_json'] } : { failureClasses: [] }) }));
    const result = await compare(write(old), write(broken), { policy: { guards } });
    expect(result).toMatchObject({ verdict: 'reject', guards: [{ id: 'format', result: 'breach' }] });
    expect(await messageOf(compare(write(lines.old), write(broken), { policy: { guards } }))).toMatch(/guard "format" of the policy needs failureClasses on every line; .*:1 has none, others have/);
    const without = { guards: [{ ...guards[0]!, critical: false }, { id: 'slow', kind: 'latency' as const, margin: 0.1, critical: true }] };
    const undecided = await compare(write(lines.old), write(lines.new), { policy: without });
    expect(undecided).toMatchObject({ verdict: 'hold', unmeasuredGuards: ['format', 'slow'], guards: [{ result: 'undecided' }, { result: 'undecided' }] });
    expect(undecided.reason).toMatch(/critical guard "slow" \(harm 0\.0 %, bounds unbounded to unbounded %/);
    expect((await compare(write(lines.old), write(lines.new), { policy: { guards: without.guards.slice(0, 1) } })).verdict).toBe('promote');
  });
  test('gzip and plain files mix; blank lines, CRLF, a missing last line break and whole-number ids are read', async () => {
    const { old, new: candidate } = arms(5, 0, 30);
    const text = old.map((line) => JSON.stringify(line)).join('\r\n\r\n');
    expect(await compare(write(text), write(gzipSync(candidate.map((line) => JSON.stringify(line)).join('\n'))))).toMatchObject({ n: 30, b: 5, c: 0 });
    expect((await readOutcomes(write('{"caseId": 7, "correct": true}'))).lines.has('7')).toBe(true);
  });
});

describe('what is refused', () => {
  test('cases in one file only, unless they are to count as failures', async () => {
    const { old, new: candidate } = arms(20, 7, 100);
    const [shortOld, shortNew] = [write(old.slice(3)), write(candidate.slice(0, 98))];
    expect(await messageOf(compare(shortOld, shortNew))).toMatch(/^2 cases only in .*, 3 only in .*--missing fail/);
    // Old lacks three gained cases (failed anyway); new lacks two right ones, which are lost now.
    expect(await compare(shortOld, shortNew, { missing: 'fail' })).toMatchObject({ n: 100, b: 20, c: 9, old: { missing: 3, passed: 80 }, new: { missing: 2, passed: 91 } });
  });
  test('bad lines, each with its number and without its text', async () => {
    const file = write(['{"caseId": "a", "correct": true}', '{"caseId": "secret-b", "correct": 1}', 'secret-c', '[1]', '{"caseId": "", "correct": true}', '{"caseId": "a", "correct": false}', '{"caseId":"d","correct":true,"failureClasses":["secret"]}', '{"caseId":"e","correct":true,"latencyMs":-1}'].join('\n'));
    const message = await messageOf(readOutcomes(file));
    expect(message).toMatch(/^7 bad line\(s\):/);
    for (const part of [':2 correct: true or false is wanted', ':3 is not JSON', ':4 is not a JSON object', ':5 caseId: text of 1 to 1,024 characters', ':6 the same caseId as line 1', ':7 failureClasses.0: a list of failure classes', ':8 latencyMs: a number']) expect(message).toContain(part);
    expect(message).not.toContain('secret');
    expect(await messageOf(readOutcomes(write(Array.from({ length: 30 }, () => 'x').join('\n'))))).toMatch(/^30 bad line\(s\):[^]*and 20 more$/);
    expect(await messageOf(readOutcomes(write(Buffer.from([0x7b, 0xff, 0x7d]))))).toContain(':1 is not UTF-8');
  });
  test('a cluster that is missing, of the wrong kind, inherited, or not the same in both files', async () => {
    const line = { caseId: 'a', correct: true };
    for (const extra of [{}, { talk: null }, { talk: {} }]) expect(await messageOf(readOutcomes(write([{ ...line, ...extra }]), 'talk'))).toContain(':1 the field named by --cluster');
    expect(await messageOf(readOutcomes(write([line]), 'toString'))).toContain(':1 the field named by --cluster');
    expect(await messageOf(compare(write([{ ...line, talk: 1 }]), write([{ ...line, talk: 2 }]), { cluster: 'talk' }))).toMatch(/:1 and .*:1 name different clusters of one case/);
  });
  test('empty files, missing files, folders, broken gzip, and lines and files over their limits', async () => {
    for (const content of ['', '\n\n']) expect(await messageOf(readOutcomes(write(content)))).toMatch(/has no outcome/);
    expect(await messageOf(readOutcomes(join(dir, 'nowhere')))).toMatch(/cannot be read \(ENOENT\)/);
    expect(await messageOf(readOutcomes(dir))).toMatch(/cannot be read \(EISDIR\)/);
    expect(await messageOf(readOutcomes(write(Buffer.concat([gzipSync('{"caseId":"a","correct":true}').subarray(0, 20)]))))).toMatch(/cannot be read/);
    expect(await messageOf(readOutcomes(write(`{"caseId":"a","correct":true}\n${'x'.repeat(LIMITS.lineBytes + 1)}`)))).toMatch(/:2 is over 1048576 bytes/);
    // A gzip bomb without a line break ends at the limit of a line, whatever it unpacks to.
    expect(await messageOf(readOutcomes(write(gzipSync(Buffer.alloc(64 << 20, 0x20)))))).toMatch(/:1 is over/);
    expect(await messageOf(readOutcomes(write(`${'['.repeat(500_000)}\n`)))).toMatch(/:1 is not JSON/);
  });
  test('a policy with mistakes, with their places', async () => {
    expect(await readPolicy('examples/tickets/workload.yaml')).toMatchObject({ smallestGain: 0.2, decisionsPerPeriod: 2 });
    expect(await readPolicy(write('gate:\n  smallestGain: 0.1\n'))).toMatchObject({ smallestGain: 0.1, alpha: 0.05 });
    expect(await readPolicy(write('smallestGain: 0.1\n'))).toMatchObject({ smallestGain: 0.1 });
    const message = await messageOf(readPolicy(write('gate:\n  alpha: 2\n  colour: red\n')));
    expect(message).toMatch(/^2 mistake\(s\):/);
    expect(message).toMatch(/:2:10 gate\.alpha/);
    expect(message).toMatch(/:3:3 gate\.colour: no such setting/);
    expect(await messageOf(readPolicy(write('just text')))).toMatch(/1 mistake\(s\)/);
    expect(await messageOf(readPolicy(write('gate: [')))).toMatch(/:1:8/);
    expect(await messageOf(readPolicy(join(dir, 'nowhere.yaml')))).toMatch(/cannot be read/);
  });
});

describe('the command', () => {
  function ratchet(...args: string[]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, '../../cli/main.ts'), ...args], { env: { PATH: process.env['PATH'], RATCHET_HOME: join(dir, 'home'), RATCHET_ACTOR: 'dana' }, encoding: 'utf8' });
    return { status, stdout, stderr };
  }
  test('prints the verdict, as text and as JSON alone; --check turns it into an exit code', () => {
    const { old, new: candidate } = arms(20, 7, 100);
    const [oldFile, newFile] = [write(old), write(candidate)];
    const json = ratchet('gate', 'compare', oldFile, newFile, '--json');
    expect(json.status).toBe(0);
    const { verdict, pOneSided, interval } = JSON.parse(json.stdout) as Comparison;
    expect([verdict, pOneSided.toFixed(8), interval.length]).toEqual(['promote', '0.00957865', 2]);
    const text = ratchet('gate', 'compare', newFile, oldFile, '--check');
    expect(text.status).toBe(1);
    expect(text.stdout).toMatch(/^Reject: no gain;[^]*one-sided p/);
    expect(ratchet('gate', 'compare', newFile, oldFile).status).toBe(0);
  });
  test('a mistake is one message with what to do, exit code 2', () => {
    const { status, stdout, stderr } = ratchet('gate', 'compare', write('x'), write('y'));
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^ratchet: REQUEST_INVALID: 1 bad line\(s\):\n.*:1 is not JSON\n {2}/);
    expect(ratchet('gate', 'compare', 'only-one').status).toBe(2);
    expect(ratchet('gate', 'simulate', '--scenario', 'a,z').status).toBe(2);
    expect(ratchet('gate', 'simulate', '--outcomes', write('x')).status).toBe(2);
  });
  test('simulates: a table on standard output, progress on standard error', () => {
    const { status, stdout, stderr } = ratchet('gate', 'simulate', '--scenario', 'f', '--n', '60', '--repetitions', '50', '--decisions', '10');
    expect(status).toBe(0);
    expect(stdout).toMatch(/cases from failures +60 .* exposed\n/);
    expect(stdout).toContain('every broken one was exposed');
    expect(stderr).toMatch(/\(f\) cases drawn from the live adapter’s failures, n = 60: 100 %/);
    const { old, new: candidate } = arms(20, 7, 100);
    const recorded = ratchet('gate', 'simulate', '--scenario', 'a', '--n', '60', '--repetitions', '20', '--decisions', '5', '--json', '--outcomes', write(old), write(candidate));
    expect(recorded.status).toBe(0);
    expect((JSON.parse(recorded.stdout) as { rows: { title: string }[] }).rows[0]?.title).toBe('recorded answers, exchanged case by case');
  });
});
