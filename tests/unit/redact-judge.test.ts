// What redaction means for a judged record: evidence lies where it was said, nothing quotes a value, and a correction fits.
import { describe, expect, it } from 'vitest';
import { Workload, type Interaction } from '../../core/contracts/index.ts';
import { createJudge } from '../../intake/judge.ts';
import { createRedactors } from '../../stores/redactors.ts';
import type { LoadedWorkload } from '../../stores/workloads.ts';
import { TIME, interactionNo } from '../contracts/records.ts';
import { curated } from './curate-records.ts';

const keys = { identity: 'i', split: 's', redaction: 'r', subject: 'p', keyId: 'k1' };
const loaded = (over: object = {}, outputSchema?: object): LoadedWorkload => ({
  workload: Workload.parse({ apiVersion: 'ratchet.dev/v1', name: 'tickets', channel: 'tickets/production', baseModel: 'base', ...over }),
  digest: `sha256:${'0'.repeat(64)}`, ...(outputSchema === undefined ? {} : { outputSchema }), file: 'workload.yaml',
} as LoadedWorkload);
const raw = (text: string, over: Partial<Interaction> = {}): Interaction => ({ ...(interactionNo(1)), answer: { text }, ...over });
const judge = createJudge(keys);

describe('evidence', () => {
  it('lies on the same words of the stored answer', () => {
    const answer = 'write to jo@c.io, we give a guaranteed refund to 4111 1111 1111 1111';
    const { interaction, findings } = judge.interaction(raw(answer), loaded({ detectors: { expect: 'text', rules: [{ id: 'r', forbid: ['guaranteed refund'] }] } }));
    const evidence = findings.find((finding) => finding.class === 'policy_violation')?.evidence[0];
    expect(interaction.answer.text.slice(evidence?.start, evidence?.end)).toBe('guaranteed refund');
    expect(evidence?.start).not.toBe(answer.indexOf('guaranteed'));
  });

  it('keeps its place, and nothing of the value, where redaction changes the verdict', () => {
    const answer = 'reach us: jo@badword.example or so';
    const { interaction, findings } = judge.interaction(raw(answer), loaded({ detectors: { expect: 'text', rules: [{ id: 'r', forbid: ['badword'] }] } }));
    expect(interaction.redaction?.changedVerdict).toBe(true);
    const finding = findings.find(({ class: name }) => name === 'policy_violation');
    const [evidence] = finding?.evidence ?? [];
    expect(interaction.answer.text.slice(evidence?.start, evidence?.end)).toMatch(/^[a-z][a-z2-7]+@example\.net$/);
    expect(JSON.stringify(findings)).not.toContain('badword');
  });

  it('takes its pointer from the stored answer', () => {
    const schema = { type: 'object', additionalProperties: { type: 'number' } };
    const { interaction, findings } = judge.interaction(raw('{"jo@corp.example":"x"}'), loaded({}, schema));
    expect(findings.map((finding) => finding.class)).toEqual(['schema_violation']);
    expect(JSON.stringify([interaction, findings])).not.toContain('corp.example');
    expect(findings[0]?.evidence[0]?.pointer).toMatch(/^\/[a-z][a-z2-7]+@example\.net$/);
  });
});

describe('a correction', () => {
  const correction = { schemaVersion: 1 as const, source: '/p', id: 'k', time: TIME, workload: 'tickets', interaction: { source: '/a', id: 'i' }, answer: '{"a":"5551234567"}', author: 'dana', authority: 'person' as const };

  it('gets the surrogates of its interaction where the two meet, whichever came first', () => {
    const { interaction, digest, findings } = judge.interaction(raw('{}', { messages: [{ role: 'user', parts: [{ text: 'call 5551234567', trusted: true }] }] }), loaded());
    const said = /\d{10}/.exec(interaction.messages[0]?.parts[0]?.text ?? '')?.[0];
    expect(interaction.redaction?.values).toHaveLength(1);
    const { source, id } = interaction;
    const kept = judge.correction({ ...correction, interaction: { source, id } }, interaction.tenant, loaded());
    expect(kept.correction.answer).toBe(correction.answer);
    const redactTarget = ({ tenant, redaction }: Interaction, answer: string) => createRedactors(keys)(tenant, false).redactAnswer(answer, redaction?.values ?? []);
    const { examples } = curated({ workload: loaded().workload, records: [{ digest, interaction, findings }], corrections: [kept], redactTarget });
    expect(examples.map((example) => example.completion)).toEqual([`{"a":"${said}"}`]);
    expect(judge.correction({ ...correction, answer: '{"phone":"5551234567"}' }, interaction.tenant, loaded()).correction.answer).toBe(`{"phone":"${said}"}`);
  });
});

it('names are replaced where the workload asks for it, and the record says by what', () => {
  const asked = raw('{}', { messages: [{ role: 'user', parts: [{ text: 'My name is Maria Lopez', trusted: true }] }] });
  const { interaction: plain } = judge.interaction(asked, loaded());
  expect(plain.messages[0]?.parts[0]?.text).toBe('My name is Maria Lopez');
  expect(plain.redaction?.version).toBe('redactor@3');
  const { interaction } = judge.interaction(asked, loaded({ redaction: { names: true } }));
  expect(interaction.messages[0]?.parts[0]?.text).toMatch(/^My name is \w+vix \w+vix$/);
  expect(interaction.redaction?.version).toBe('redactor@3+names@1');
});
