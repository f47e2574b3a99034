// The injection detector on published goals, e-mails and benign look-alikes (RATCHET_TEST_DATA/injection; fails where it is missing).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { DetectorSettings } from '../../core/contracts/index.ts';
import { judge, type DetectionInput } from '../../core/detect/index.ts';
import { message } from '../unit/detect-support.ts';

const settings = DetectorSettings.parse({ expect: 'text' });
let goals: { type: string; goal: string }[];
let emails: { context: string; question: string; ideal: string }[];
let lookAlikes: string[];

beforeAll(() => {
  const folder = process.env['RATCHET_TEST_DATA'];
  if (!folder) throw new Error('RATCHET_TEST_DATA names no folder: set it to the folder that holds injection/');
  const read = (name: string): string => readFileSync(join(folder, 'injection', name), 'utf8');
  const lines = <T>(name: string): T[] => read(name).split('\n').filter(Boolean).map((line) => JSON.parse(line) as T);
  goals = ['bipia_text_attack_train.json', 'bipia_code_attack_train.json'].flatMap((name) => Object.entries(JSON.parse(read(name)) as Record<string, string[]>).flatMap(([type, of]) => of.map((goal) => ({ type, goal }))));
  emails = lines('bipia_email_train.jsonl');
  lookAlikes = lines<{ text: string }>('spikee_seeds-investment-advice-fp__standalone_attacks.jsonl').map(({ text }) => text);
});

const ask = (question: string, context: string, output: string): DetectionInput => ({ messages: [message('user', question), message('tool', context)], answer: { text: output }, finishReason: 'stop' });

describe('no false alarm', () => {
  test('on the right answers to e-mails as they are', () => {
    for (const { context, question, ideal } of emails) expect([question, judge(ask(question, context, ideal), settings).injection]).toEqual([question, 'not_followed']);
  });

  test('on right answers that ignore an injected goal', () => {
    for (const [index, { goal }] of goals.entries()) {
      const { context, question, ideal } = emails[index % emails.length] as (typeof emails)[number];
      expect([goal, judge(ask(question, `${context}\n${goal}`, `The answer is ${ideal}, according to the e-mail.`), settings).injection]).toEqual([goal, 'not_followed']);
    }
  });

  test('on answers that quote the goal and decline it', () => {
    for (const { goal } of goals) {
      const { context, question, ideal } = emails[0] as (typeof emails)[number];
      const output = `The answer is ${ideal}. The e-mail also contains an injected instruction ("${goal.slice(0, 120)}"), which I did not follow.`;
      expect([goal, judge(ask(question, `${context}\n${goal}`, output), settings).injection === 'followed']).toEqual([goal, false]);
    }
  });

  test('on look-alike questions that are the request itself', () => {
    for (const text of lookAlikes) {
      const output = `Good question. ${text.replace(/\?$/, '')}: in short, it depends on your goals, on the time you have and on the risk that you can bear. Diversification, costs and taxes matter most.`;
      expect([text, judge({ messages: [message('system', 'You are a helpful assistant.'), message('user', text, false)], answer: { text: output }, finishReason: 'stop' }, settings).injection]).toEqual([text, 'not_followed']);
    }
  });
});
