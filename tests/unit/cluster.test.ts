// Clusters: what is masked away, what stays apart, and that a side is decided once by key.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Message } from '../../core/contracts/index.ts';
import { clusterIdOf, CLUSTER_FUNCTION, maskedText, plainText, sideOf } from '../../core/curate/cluster.ts';
import { drawCase } from '../../core/curate/draw.ts';
import { interaction } from './curate-records.ts';

const message = (role: Message['role'], text: string): Message => ({ role, parts: [{ text, trusted: true }] });

describe('maskedText', () => {
  test.each([
    ['order 12345 of 3 items', 'order <number> of <number> items'],
    ['three lamps and two kettles', '<number> lamps and <number> kettles'],
    ['my code KT-4411, invoice INV/2024/17', 'my code <code>, invoice <code>'],
    ['within 24-hour delivery, 1.5kg', 'within <number>-hour delivery, <number>kg'],
    ['mail a.b+c@d-e.co.uk or https://x.y/z?q=1', 'mail <email> or <url>'],
    ['on 12 March 2025, 2025-03-12, 12/03/2025 or March 12th', 'on <date> , <date> , <date> or <date>'],
    ['by 2 pm on Monday at 14:30', 'by <time> on <date> at <time>'],
    ['€12.50, 99 EUR, 1,299 dollars', '<money> , <money> , <money>'],
    ['Dear Anna Kowalski, thanks', 'dear <name>, thanks'],
    ['my name is Bob O’Neil. Regards,\nBob', 'my name is <name>. regards, <name>'],
    ['contact=Lucia Lopez; the lamp of Zoë Khan, broken', 'contact=<name>; the lamp of <name>, broken'],
    ['It broke.\nMaria Moreau\n', 'it broke. <name>'],
    ['Broken Lamp', 'broken lamp'],
    ['the Big Broken Lamp Story', 'the big broken lamp story'],
    ['call +49 (0) 30 1234-567', 'call <number>'],
    ['card 4111 1111 1111 1111', 'card <number>'],
    ['Hello I want a refund', 'hello i want a refund'],
    ['  Ａ   B\n\tc ', 'a b c'],
    ['{"subject": "lamp", "n": 2}', '{"subject": "lamp", "n": <number>}'],
  ])('%s', (text, expected) => {
    expect(maskedText(text)).toBe(expected);
  });

  test('capitals alone are no names: a German noun stays', () => {
    expect(maskedText('Die Lampe ist kaputt')).toBe('die lampe ist kaputt');
  });

  test('any text is masked, and hostile text in no time', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !/[0-9]|\s\s/.test(maskedText(text))));
    const started = process.cpuUsage();
    for (const unit of ['a-', 'a@', 'Dear ', '1 ', '1.', 'Regards, ', 'A ', 'x', '$', '((( ', 'www.', '<number> ']) maskedText(unit.repeat(50_000));
    expect(process.cpuUsage(started).user / 1_000).toBeLessThan(10_000);
  });

  test('text of ASCII alone, which has a way of its own, is masked as any other', () => {
    const pieces = fc.constantFrom(...'Dear Ann Lee|two|TWENTY|it\'s|1,000.5|10:30|3rd|24-hour|KT-4411|a_b/c|x1|1.5kg|https://x.y/z?q=1|a@b.co|$5|12 March 2025|Monday|<number>|<url>|#|+|-|_|.|,|:|\'|(| |\n|\t'.split('|'));
    const ascii = fc.oneof({ weight: 3, arbitrary: fc.array(pieces, { maxLength: 12 }).map((all) => all.join(' ')) }, { weight: 1, arbitrary: fc.array(pieces, { maxLength: 12 }).map((all) => all.join('')) }, { weight: 1, arbitrary: fc.string({ unit: 'binary-ascii' }) });
    // The end of a sentence and a letter beyond ASCII take the other way, and change nothing before them.
    fc.assert(fc.property(ascii, (text) => maskedText(`${text} ; ñ`) === `${maskedText(`${text} ;`)} ñ`), { numRuns: 2_000 });
  });

  test('a value and its surrogate of the same format give the same text', () => {
    const digits = fc.stringMatching(/^[1-9]\d{15}$/);
    const word = fc.stringMatching(/^[a-z]{3,8}$/);
    fc.assert(fc.property(digits, digits, word, word, (a, b, x, y) => {
      const ticket = (card: string, name: string) => `card ${card.replace(/(\d{4})(?=\d)/g, '$1 ')} of ${name}@${name}.example, ref KX-${card.slice(0, 4)}`;
      return maskedText(ticket(a, x)) === maskedText(ticket(b, y));
    }));
  });
});

describe('clusterIdOf', () => {
  const turn = [message('user', 'Where is order 17?')];
  test('looks at the final turn alone', () => {
    const id = clusterIdOf(turn);
    expect(clusterIdOf([message('system', 'Answer in JSON'), message('user', 'shot'), message('assistant', '{}'), ...turn])).toBe(id);
    expect(clusterIdOf([...turn, message('assistant', '{')])).toBe(id);
    expect(clusterIdOf([message('user', 'where is ORDER 99?')])).toBe(id);
    expect(clusterIdOf([message('user', 'Where is my refund?')])).not.toBe(id);
    expect(clusterIdOf([message('tool', 'Where is order 17?')])).not.toBe(id);
  });
  test('how the text is cut into trusted and untrusted parts does not matter', () => {
    expect(clusterIdOf([{ role: 'user', parts: [{ text: 'Where is ', trusted: true }, { text: 'order 5?', trusted: false }] }])).toBe(clusterIdOf(turn));
  });
  test('instructions alone are a turn', () => {
    expect(clusterIdOf([message('system', 'Write the daily report')])).not.toBe(clusterIdOf([message('system', 'Write a poem')]));
  });
  test('carries the version of the function', () => {
    expect(CLUSTER_FUNCTION).toMatch(/^[a-z-]+@\d+$/);
  });
  test('plainText forgets case and punctuation, not numbers', () => {
    expect(plainText('Order  #17, PLEASE!')).toBe('order 17 please');
  });
});

describe('sides and draws', () => {
  const ids = Array.from({ length: 4_000 }, (_, index) => clusterIdOf([message('user', `task ${String.fromCodePoint(0x4e00 + index)}`)]));

  test('the share of eval clusters is the share asked for, and another key draws others', () => {
    const share = (key: string) => ids.filter((id) => sideOf(id, key, 0.3) === 'eval').length / ids.length;
    expect(Math.abs(share('k1') - 0.3)).toBeLessThan(0.03);
    const both = ids.filter((id) => sideOf(id, 'k1', 0.3) === 'eval' && sideOf(id, 'k2', 0.3) === 'eval').length / ids.length;
    expect(Math.abs(both - 0.09)).toBeLessThan(0.03);
    expect(ids.every((id) => sideOf(id, 'k1', 0) === 'train' && sideOf(id, 'k1', 1) === 'eval')).toBe(true);
  });

  test('a case asks as production asked', () => {
    const document = interaction({ id: 'i', prompt: 'x', answer: '{}', tools: [{ name: 'f' }], outputSchema: {}, responseFormat: { type: 'json_object' }, sampling: { temperature: 0.3 } });
    const drawn = drawCase(document, `sha256:${'0'.repeat(64)}`, clusterIdOf(document.messages), 'key', { caseShare: 1, labelShare: 0 });
    const { messages, tools, outputSchema, responseFormat, sampling } = document;
    expect(drawn?.case).toMatchObject({ messages, tools, outputSchema, responseFormat, sampling });
  });

  test('a draw depends on identity and key, not on the answer', () => {
    const shares = { caseShare: 0.5, labelShare: 0.25 };
    let drawn = 0;
    let labelled = 0;
    for (let index = 0; index < 1_000; index += 1) {
      const good = interaction({ id: `i${index}`, prompt: 'x', answer: '{"a":1}' });
      const bad = { ...good, answer: { text: 'no' }, finishReason: 'length' as const };
      const id = ids[index] ?? clusterIdOf(good.messages);
      const digest = `sha256:${String(index).padStart(64, '0')}`;
      const a = drawCase(good, digest, id, 'key', shares);
      const b = drawCase(bad, digest, id, 'key', shares);
      expect(a).toEqual(b);
      if (!a) continue;
      drawn += 1;
      labelled += Number(a.label);
      expect(a.drawOrder).toMatch(/^[0-9a-f]{64}$/);
      expect(a.case).toMatchObject({ interactionDigest: digest, clusterId: id });
      expect(Object.values(a.case)).not.toContain(undefined);
    }
    expect(Math.abs(drawn / 1_000 - 0.5)).toBeLessThan(0.06);
    expect(Math.abs(labelled / drawn - 0.25)).toBeLessThan(0.08);
  });
});
