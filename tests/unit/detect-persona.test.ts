// The persona of examples/medieval on answers and sessions that were labelled before its first run, and what keeps its verdicts honest.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { parse } from 'yaml';
import { describe, expect, it, test } from 'vitest';
import { DetectorSettings, RuleFile } from '../../core/contracts/index.ts';
import { detect } from '../../core/detect/index.ts';
import { checkRules } from '../../core/detect/policy-check.ts';
import { inputOf, message } from './detect-support.ts';
import { ANSWERS, HELD_OUT, SESSIONS, type PersonaSample } from './persona-samples.ts';
import { cpuMs } from '../support/cpu-time.ts';

const { persona } = RuleFile.parse(parse(readFileSync('examples/medieval/rules.yaml', 'utf8')));
const settings = DetectorSettings.parse({ expect: 'text', persona });

function evidenceOf(answer: string, { prompt = 'Speak!', earlier = [] as readonly string[], with: using = settings } = {}) {
  const messages = [message('system', 'You are the gatekeeper.'), ...earlier.flatMap((turn) => [message('user', 'Go on.'), message('assistant', turn)]), message('user', prompt)];
  return detect(inputOf(answer, { messages }), using).filter((finding) => finding.class === 'persona_break').flatMap(({ evidence }) => evidence);
}

/** Precision and recall of `breaks`. */
function scoreOf(judged: readonly { label: string; broke: boolean }[]): { precision: number; recall: number } {
  const right = judged.filter(({ label, broke }) => broke && label === 'breaks').length;
  return { precision: right / judged.filter(({ broke }) => broke).length, recall: right / judged.filter(({ label }) => label === 'breaks').length };
}

describe('the medieval gatekeeper', () => {
  it('behaves on its own examples', () => {
    expect(checkRules(settings)).toEqual([]);
  });

  function judgeAll(name: string, samples: readonly PersonaSample[]): { precision: number; recall: number } {
    const judged = samples.map(({ label, kind, answer, prompt }) => ({ label, kind, answer, broke: evidenceOf(answer, prompt === undefined ? {} : { prompt }).length > 0 }));
    const score = scoreOf(judged);
    const wrong = judged.filter(({ label, broke }) => broke !== (label === 'breaks')).map(({ kind, label, answer }) => `${kind} ${label}: ${answer.slice(0, 50)}`);
    if (process.env['RATCHET_SHOW']) console.log(`${name}: precision ${score.precision.toFixed(3)}, recall ${score.recall.toFixed(3)}\n${wrong.join('\n')}`);
    return score;
  }

  it('finds broken answers and leaves the others alone', () => {
    expect(ANSWERS.length).toBeGreaterThanOrEqual(60);
    const { precision, recall } = judgeAll('answers', ANSWERS);
    expect(precision).toBeGreaterThanOrEqual(0.95);
    expect(recall).toBeGreaterThanOrEqual(0.85);
  });

  it('does so in scenes for which nobody wrote its lexicon', () => {
    const { precision, recall } = judgeAll('held out', HELD_OUT);
    expect(precision).toBeGreaterThanOrEqual(0.95);
    expect(recall).toBeGreaterThanOrEqual(0.6);
  });

  it('finds sessions that drifted', () => {
    const judged = SESSIONS.map(({ label, kind, turns }) => ({ label, kind, broke: evidenceOf(turns.at(-1) ?? '', { earlier: turns.slice(0, -1) }).length > 0 }));
    const { precision, recall } = scoreOf(judged);
    if (process.env['RATCHET_SHOW']) console.log(`sessions: precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)}\n${judged.filter(({ label, broke }) => broke !== (label === 'breaks')).map(({ kind, label }) => `${kind} ${label}`).join('\n')}`);
    expect(precision).toBe(1);
    expect(recall).toBeGreaterThanOrEqual(0.8);
  });
});

describe('one answer', () => {
  it('is judged by its own words: what, how many, against which limit, how likely by chance', () => {
    const modern = 'The lever is on the left side of the corridor. Press it and the panel will open. Then return to the hall and wait for the others to arrive there. They will bring the map and the rope. After that the group can leave through the window and walk down to the river. The boat is tied to a tree. It is old but it floats, and it has room for all of them if they leave the chest. The chest is heavy and it is full of stones.';
    // 89 words without one of the register: at four in a hundred, that happens to one answer in 38.
    expect(evidenceOf(modern)).toEqual([]);
    expect(evidenceOf(`${modern} ${modern}`)).toEqual([{ rule: 'persona_register', detail: 'too few register words', count: 0, words: 178, limit: 4, p: Number((0.96 ** 178).toPrecision(2)) }]);
  });

  it('points at a forbidden word, and takes the user’s own words and quotations for no break', () => {
    const answer = 'Nay, my lord, thou wilt find no website here.';
    expect(evidenceOf(answer)).toEqual([{ rule: 'persona_forbidden', detail: 'forbidden word 26', start: 32, end: 39 }]);
    expect(evidenceOf(answer, { prompt: 'Where is your website?' })).toEqual([]);
    expect(evidenceOf('Nay, my lord, thou wilt find no "website" here.')).toEqual([]);
  });

  test.each([
    ["Don't you think it's late? We're tired.", 3],
    ["The king's men and 'twas the knight's horse o'er the hill", 0],
    ['Don’t, you’ll, I’d, I’m, you’ve', 5],
    ["rock 'n' roll, the '90s, O'Neill", 0],
  ])('contractions of %j: %i', (text, count) => {
    const strict = DetectorSettings.parse({ expect: 'text', persona: { lexicon: { required: ['thou'] }, features: { contractions: 'unusual' }, floor: 0.001, ceiling: 0.001, level: 0.1 } });
    expect(evidenceOf(text, { with: strict }).find(({ rule }) => rule === 'persona_unusual')?.['count'] ?? 0).toBe(count);
  });

  it('measures sentences once there are four', () => {
    const short = DetectorSettings.parse({ expect: 'text', persona: { lexicon: { required: ['thou'] }, features: { sentenceWords: { max: 5 } }, floor: 0.001 } });
    const sentence = 'Thou must cross the river before the night comes down.';
    expect(evidenceOf(`${sentence} `.repeat(3), { with: short })).toEqual([]);
    expect(evidenceOf(`${sentence} `.repeat(4), { with: short })).toEqual([{ rule: 'persona_sentences', detail: 'sentences are too long', count: 10, limit: 5 }]);
  });

  it('of JSON is judged at the place where the persona speaks', () => {
    const inside = DetectorSettings.parse({ persona: { ...persona, in: '/speech' } });
    const of = (speech: string) => evidenceOf(JSON.stringify({ state: { email: 'okay', website: 'cool' }, speech }), { with: inside });
    expect(of('Aye, the gate is open, my lord.')).toEqual([]);
    expect(of('Okay, the gate is open.')).toMatchObject([{ rule: 'persona_forbidden', pointer: '/speech' }]);
  });

  it('of few words is called nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('gate', 'stone', 'river', 'wolf', 'bread'), { maxLength: 20 }), (words) => {
        expect(evidenceOf(words.join(' '))).toEqual([]);
      }),
    );
  });
});

describe('a session', () => {
  const register = 'Thou hast come far, and thy horse is weary. Rest thee by the fire, my lord.';
  const plain = 'The road is long and the bridge is old, so the men take the ferry when the wind is low.';

  it('is compared from twice the window on, and blames only an answer that is part of the fall', () => {
    expect(evidenceOf(plain, { earlier: [register, register, register, plain, plain, plain] })).toEqual([]);
    const drifted = [register, register, register, register, plain, plain, plain];
    expect(evidenceOf(plain, { earlier: drifted })).toMatchObject([{ rule: 'persona_drift', count: 0, words: 80 }]);
    expect(evidenceOf(register, { earlier: drifted })).toEqual([]);
  });

  it('is read from JSON answers too, at the persona’s place', () => {
    const inside = DetectorSettings.parse({ persona: { ...persona, in: '/speech' } });
    const said = (speech: string): string => JSON.stringify({ note: register, speech });
    expect(evidenceOf(said(plain), { earlier: [register, register, register, register, plain, plain, plain].map(said), with: inside })).toMatchObject([{ rule: 'persona_drift' }]);
  });

  it('keeps its verdict whatever words both halves share', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([register, plain, register, plain, register, plain, register, plain, register], { minLength: 8 }), (turns) => {
        const drift = evidenceOf(plain, { earlier: turns });
        const rate = (some: readonly string[]): number => some.filter((turn) => turn === register).length;
        if (rate(turns.slice(-3)) * 2 >= rate(turns.slice(0, 4))) expect(drift).toEqual([]);
      }),
    );
  });
});

it('reads a hostile session in bounded time', () => {
  for (const piece of ['thou ', '`', '{"', '```', "don't ", '“okay” ', 'okay. ', '[\n']) {
    const long = piece.repeat(100_000 / piece.length);
    const ms = cpuMs(() => void evidenceOf(long, { earlier: Array.from({ length: 20 }, () => long.slice(0, 10_000)) }));
    expect([piece, ms < 500]).toEqual([piece, true]);
  }
});
