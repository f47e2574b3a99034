// Rules as people write them: phrases, disclaimers, address, length, tone, links, places, conditions and excuses.
import fc from 'fast-check';
import type { z } from 'zod';
import { describe, expect, it, test } from 'vitest';
import { DetectorSettings, type PolicyRule } from '../../core/contracts/index.ts';
import { checkRules } from '../../core/detect/policy-check.ts';
import { detect } from '../../core/detect/index.ts';
import { linksIn } from '../../core/detect/policy-links.ts';
import { sentenceEnds } from '../../core/detect/policy-measure.ts';
import { createScanner } from '../../core/detect/policy-scanner.ts';
import { ended, inputOf, message } from './detect-support.ts';
import { cpuMs } from '../support/cpu-time.ts';

type Rule = Omit<z.input<typeof PolicyRule>, 'id'>;

const settingsOf = (...rules: Rule[]): DetectorSettings => DetectorSettings.parse({ expect: 'text', rules: rules.map((rule, index) => ({ id: `r${index + 1}`, ...rule })) });

/** The details of what a rule has against a text. */
function details(rule: Rule, text: string, prompt = 'hello', trusted = true): string[] {
  return detect(inputOf(text, { messages: [message('user', prompt, trusted)] }), settingsOf(rule)).flatMap(({ evidence }) => evidence.map(({ detail }) => detail ?? ''));
}

/** Phrases of the list that stand in the text, as they stand there. */
function standing(phrases: string[], text: string): string[] {
  const scanner = createScanner(phrases, new Set());
  return scanner.scan(text).map(({ from, to }) => text.slice(scanner.tokens.start[from], scanner.tokens.end[to]));
}

describe('phrases', () => {
  test.each([
    ['full refund', 'A FULL\n  Refund', 'FULL\n  Refund'],
    ['full refund', 'a full **refund**', 'full **refund'],
    ['full refund', 'a full-refund', 'full-refund'],
    ['money-back', 'your money back', 'money back'],
    ['full refund', 'a ｆｕｌｌ refund', 'ｆｕｌｌ refund'],
    ['full refund', 'a fu\u200bll re\u00adfund', 'fu\u200bll re\u00adfund'],
    ["don't worry", 'Don’t worry', 'Don’t worry'],
    ['Geld-zurück', 'geld zuru\u0308ck', 'geld zuru\u0308ck'],
    ['STRASSE', 'die Straße', 'Straße'],
    ['Acme', "Acme's rates", 'Acme'],
    ['100 %', 'it is 100% safe', '100%'],
    ['guarantee*', 'It is guaranteed.', 'guaranteed'],
    ['guarantee*', 'We guarantee', 'guarantee'],
    ['*garantie', 'die Geldzurückgarantie gilt', 'Geldzurückgarantie'],
    ['refund … days', 'a refund within thirty working days', 'refund within thirty working days'],
    ['refund ... days', 'a refund in days', 'refund in days'],
    ['within # days', 'within 1,000 days', 'within 1,000 days'],
    ['# %', 'at 3.5 %', '3.5 %'],
    ['example.com', 'see example.com.', 'example.com'],
    ['返金保証', '完全返金保証です', '返金保証'],
    ['a b a c', 'a b a b a c', 'a b a c'],
    ['🎉', 'done 🎉', '🎉'],
    ['"best"', 'the “best” shop', '“best”'],
  ])('%j stands in %j', (phrase, text, expected) => {
    expect(standing([phrase], text)).toEqual([expected]);
  });

  test.each([
    ['full refund', 'a full, refund'],
    ['full refund', 'a full\n\nrefund'],
    ['full refund', 'full refunds'],
    ['can', "we can't"],
    ['guarantee*', 'unguaranteed'],
    ['*garantie', 'garantieren'],
    ['refund … days', 'no refund. It takes days'],
    ['refund … days', 'refund one two three four five six seven eight nine days'],
    ['5 %', '3.5 %'],
    ['within # days', 'within ten days'],
    ['cafe', 'café'],
  ])('%j does not stand in %j', (phrase, text) => {
    expect(standing([phrase], text)).toEqual([]);
  });

  it('finds every phrase of a list in one pass, with places in the text as it was', () => {
    expect(standing(['risk free', 'free', 'free of charge', '*ee'], 'ﬁrst, risk‑free of charge')).toEqual(['risk‑free', 'free', 'free', 'free of charge']);
  });

  it('finds any run of words of any text in that text', () => {
    const word = fc.oneof(fc.stringMatching(/^[\p{L}\p{N}]{1,6}$/u), fc.constantFrom("can't", "l'eau", '3.5', 'ﬁn', 'Ünal', 'Ω', '返金', 'ß', '½', 'i̇', 'ÅNGSTRÖM', '%', '.', '(', '“', '1,5', '…x'));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 8 }), fc.nat(7), fc.integer({ min: 1, max: 3 }), (words, from, count) => {
        const wanted = words.slice(from % words.length, (from % words.length) + count);
        fc.pre(!wanted.some((one) => one.includes('…')));
        const phrase = wanted.join(' ');
        const text = words.join(' ');
        expect(standing([phrase], text).map((found) => found.replace(/\s+/g, ' '))).toContain(phrase);
      }),
      { numRuns: 2_000 },
    );
  });

  it('agrees with a plain search on random texts of few words', () => {
    const words = fc.array(fc.constantFrom('a', 'b', 'c', 'ab'), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(words, fc.array(fc.array(fc.constantFrom('a', 'b', 'c', 'ab'), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 }), (text, phrases) => {
        const scanner = createScanner(phrases.map((phrase) => phrase.join(' ')), new Set());
        const found = scanner.scan(text.join(' ')).map(({ phrase, from }) => `${phrase}@${from}`);
        const expected = phrases.flatMap((phrase, number) => text.flatMap((_, at) => (phrase.every((word, index) => text[at + index] === word) ? [`${number}@${at}`] : [])));
        expect(found.sort()).toEqual(expected.sort());
      }),
      { numRuns: 1_000 },
    );
  });

  it('reads a text in linear time, whatever the text', () => {
    const scanner = createScanner(['a … a … a … b', 'a a a b', '*aab', 'ab*'], new Set());
    const timeMs = (text: string): number => cpuMs(() => void scanner.scan(text));
    for (const piece of ['a ', 'a', 'ab ', '" ', '\u0301', "'", '.', '\n', 'n\'t ', '1,']) {
      timeMs(piece.repeat(20_000));
      expect([piece, timeMs(piece.repeat(100_000 / piece.length)) < 100]).toEqual([piece, true]);
    }
    // Characters never seen before have to be looked up.
    const different = Array.from({ length: 25_000 }, (_, index) => String.fromCodePoint(0x20000 + index)).join('');
    expect(timeMs(different) < 200).toBe(true);
    expect(scanner.scan(different)).toEqual([]);
  });
});

describe('rules', () => {
  it('wants all of require, one of requireAny', () => {
    expect(details({ require: ['terms', 'apply'] }, 'Terms of use.')).toEqual(['required phrase 2 is missing']);
    expect(details({ requireAny: ['best regards', 'kind regards'] }, 'Bye.')).toEqual(['none of the required phrases is there']);
    expect(details({ requireAny: ['best regards', 'kind regards'] }, 'Kind regards, Mia')).toEqual([]);
    expect(details({ require: ['terms'] }, '')).toEqual(['required phrase 1 is missing']);
  });

  it('does not miss what a cut answer may still have said', () => {
    const settings = settingsOf({ require: ['terms'], length: { words: { min: 9 } }, disclaimer: { claims: ['save'], needs: ['terms'] } });
    expect(detect(ended('You save', 'length'), settings).map((finding) => finding.class)).toEqual(['truncated']);
  });

  const disclaimer = { claims: ['interest of # %', 'save*'], needs: ['terms apply'] };
  test.each([
    ['answer', 'Save now.\n\nTerms apply.', []],
    ['paragraph', 'Save now. Terms apply.', []],
    ['paragraph', 'Save now.\n\nTerms apply.', ['claim 2 without its disclaimer']],
    ['sentence', 'Save now, terms apply.', []],
    ['sentence', 'Save now. Terms apply.', ['claim 2 without its disclaimer']],
    ['answer', 'An interest of 2.5 %!', ['claim 1 without its disclaimer']],
    ['answer', 'Hello.', []],
  ] as const)('a claim needs its disclaimer within the %s: %j', (within, text, expected) => {
    expect(details({ disclaimer: { ...disclaimer, within } }, text)).toEqual(expected);
  });

  test.each([
    ['de', 'formal', 'Haben Sie Ihre Rechnung?', 0],
    ['de', 'formal', 'Hast du deine Rechnung?', 1],
    ['de', 'informal', 'Hast du deine Rechnung?', 0],
    ['de', 'informal', 'Wenn Sie warten, rufen wir Sie an.', 1],
    ['de', 'informal', 'Die Kundin rief an. Sie wartet. Ihre Rechnung fehlt.', 0],
    ['de', 'informal', 'Wir haben sie gefunden.', 0],
    ['fr', 'formal', 'Vous recevrez votre commande demain.', 0],
    ['fr', 'formal', 'Tu recevras ta commande.', 1],
    ['fr', 'formal', "Je t'écris demain.", 1],
    ['fr', 'formal', 'Le ton du message, y a-t-il un souci ?', 0],
    ['fr', 'informal', 'Votre rendez-vous est pris.', 1],
    ['fr', 'informal', 'Ton rendez-vous est pris.', 0],
  ] as const)('address %s %s: %s', (language, form, text, wrong) => {
    expect(details({ address: { language, form } }, text).filter((detail) => detail === 'wrong form of address').length > 0).toBe(wrong > 0);
  });

  it('uses a name and never another', () => {
    const rule = { address: { use: ['Frau Weber'], never: ['Petra'] } };
    expect(details(rule, 'Guten Tag, Frau Weber!')).toEqual([]);
    expect(details(rule, 'Hi Petra!')).toEqual(['the name to use is missing', 'name never to use 1']);
  });

  it('spells names as they are spelled', () => {
    expect(details({ spelling: ['NordHaus', 'YouTube'] }, 'NordHaus is on YouTube. NordHaus’ video')).toEqual([]);
    expect(details({ spelling: ['NordHaus', 'YouTube'] }, 'Nordhaus is on youtube.')).toEqual(['spelling of word 1', 'spelling of word 2']);
  });

  it('counts words, sentences and characters', () => {
    expect(details({ length: { words: { max: 3 } } }, 'one two three')).toEqual([]);
    expect(details({ length: { words: { min: 4, max: 5 } } }, 'one two three')).toEqual(['too few words']);
    expect(details({ length: { characters: { max: 3 } } }, '👍👍👍')).toEqual([]);
    expect(details({ length: { characters: { max: 3 } } }, 'four')).toEqual(['too many characters']);
    expect(details({ length: { sentences: { max: 2 } } }, 'Dr. Weber wrote on 3.4. at 5 p.m. in time. It was fine... really? Yes!')).toEqual(['too many sentences']);
    const settings = settingsOf({ length: { words: { max: 2 } } });
    expect(detect(inputOf('one two three'), settings)[0]?.evidence).toEqual([{ rule: 'r1', detail: 'too many words', count: 3, limit: 2 }]);
  });

  test.each([
    ['One. Two! Three?', 3],
    ['Herr Dr. Klein kommt z. B. heute. Gut.', 2],
    ['See example.com for 3.5 % off', 1],
    ['- one\n- two\n- three', 3],
    ['He said "Stop!" and left.', 2],
    ['完了です。次へ。', 2],
    ['', 0],
    ['...', 0],
  ])('sentences of %j: %i', (text, count) => {
    const scanner = createScanner([], new Set());
    scanner.scan(text);
    expect(sentenceEnds(text, scanner.tokens).length).toBe(count);
  });

  it('limits tone words, exclamation marks, capitals and emoji', () => {
    const tone = { words: ['amazing', 'awesome*'], maxPer100Words: 1, maxExclamationMarks: 1, maxCapitals: 1, capitals: ['ACME', 'PDF'], maxEmoji: 0 };
    expect(details({ tone }, 'An amazing PDF from ACME! NOW')).toEqual([]);
    expect(details({ tone }, 'Amazing, AWESOME stuff!! Buy NOW, ACME 🎉')).toEqual(['too many tone words', 'too many exclamation marks', 'too many words in capitals', 'too many emoji']);
    const long = `amazing awesome ${'word '.repeat(200)}`;
    expect(details({ tone: { words: ['amazing', 'awesome'], maxPer100Words: 1 } }, long)).toEqual([]);
  });

  test.each([
    ['see https://shop.acme.com/x', []],
    ['see acme.com and www.acme.com.', []],
    ['see [here](https://evil.example/acme.com)', ['link to a domain that is not allowed']],
    ['see https://acme.com@evil.example/', ['link to a domain that is not allowed']],
    ['see notacme.com', ['link to a domain that is not allowed']],
    ['see ACME.COM', []],
    ['write to me@elsewhere.com', []],
    ['go to old.acme.com', ['link to a forbidden domain']],
  ])('links: %s', (text, expected) => {
    expect(details({ links: { allow: ['acme.com'], forbid: ['old.acme.com'] } }, text)).toEqual(expected);
  });

  it('counts links, and allows none', () => {
    expect(details({ links: { max: 1 } }, 'a.com, b.com and http://[bad')).toEqual(['too many links']);
    expect(details({ links: { allow: [] } }, 'see https://acme.com')).toEqual(['link to a domain that is not allowed']);
    expect(linksIn('a.b.c.d '.repeat(10_000))).toEqual([]);
  });
});

describe('where and when', () => {
  it('looks at its place alone', () => {
    const rule = { in: ['/reply', '/items/*/note'], forbid: ['cheap'], require: ['regards'] };
    const settings = DetectorSettings.parse({ rules: [{ id: 'r', ...rule }] });
    const of = (answer: object) => detect(inputOf(JSON.stringify(answer)), settings).flatMap(({ evidence }) => evidence);
    expect(of({ reply: 'Kind regards', other: 'cheap', items: [{ note: 'fine' }, { note: 'cheap' }] })).toEqual([{ rule: 'r', detail: 'forbidden phrase 1', pointer: '/items/1/note' }]);
    expect(of({ reply: 'Bye' })).toEqual([{ rule: 'r', detail: 'required phrase 1 is missing' }]);
    expect(of({ other: 'nothing there to judge' })).toEqual([]);
  });

  it('does not look at a place in JSON that does not parse', () => {
    const settings = DetectorSettings.parse({ rules: [{ id: 'r', in: '/reply', forbid: ['cheap'], require: ['x'] }, { id: 'all', forbid: ['cheap'] }] });
    expect(detect(inputOf('{"reply": "cheap"'), settings).map((finding) => finding.class)).toEqual(['malformed_json', 'policy_violation']);
    expect(detect(inputOf('{"reply": "cheap"'), settings)[1]?.evidence).toMatchObject([{ rule: 'all', start: 11, end: 16 }]);
  });

  it('counts no names of members as text', () => {
    const settings = DetectorSettings.parse({ rules: [{ id: 'r', in: 'answer', length: { words: { max: 2 } } }] });
    expect(detect(inputOf('{"a name of four words": "two words"}'), settings)).toEqual([]);
  });

  it('looks into the arguments of calls', () => {
    const rule = { in: 'tool:send_mail/body', forbid: ['cheap'], require: ['regards'] };
    const settings = DetectorSettings.parse({ expect: 'any', rules: [{ id: 'r', ...rule }] });
    const call = (name: string, body: string) => ({ ...inputOf(''), tools: [{ name }], answer: { text: 'cheap', toolCalls: [{ name, arguments: JSON.stringify({ body, subject: 'cheap' }) }] } });
    const of = (name: string, body: string) => detect(call(name, body), settings).flatMap(({ evidence }) => evidence.map(({ detail, pointer }) => [detail, pointer]));
    expect(of('send_mail', 'cheap, regards')).toEqual([['forbidden phrase 1', '/toolCalls/0/arguments/body']]);
    expect(of('send_mail', 'hello')).toEqual([['required phrase 1 is missing', undefined]]);
    expect(of('log', 'cheap')).toEqual([]);
  });

  it('applies when the last user turn speaks of it, in trusted words unless it says otherwise', () => {
    const rule: Rule = { when: { prompt: ['refund*'] }, require: ['14 days'] };
    expect(details(rule, 'Sure.', 'May I have a refund?')).toEqual(['required phrase 1 is missing']);
    expect(details(rule, 'Sure.', 'Where is my parcel?')).toEqual([]);
    expect(details(rule, 'Sure.', 'May I have a refund?', false)).toEqual([]);
    expect(details({ ...rule, when: { prompt: ['refund*'], from: 'any' } }, 'Sure.', 'May I have a refund?', false)).toEqual(['required phrase 1 is missing']);
    const earlier = inputOf('Sure.', { messages: [message('user', 'a refund?'), message('assistant', 'Yes.'), message('user', 'Thanks')] });
    expect(detect(earlier, settingsOf(rule))).toEqual([]);
    const afterCall = inputOf('Sure.', { messages: [message('user', 'A refund,'), message('user', 'please.'), message('assistant', ''), message('tool', 'found')] });
    expect(detect(afterCall, settingsOf(rule))).toHaveLength(1);
  });

  test.each([
    ['We give no guarantee.', 0],
    ['We cannot and will not offer you any guarantee.', 0],
    ["We don't guarantee it.", 0],
    ['We don’t guarantee it.', 0],
    ['Das garantieren wir nicht.', 0],
    ['Wir geben keine Garantie.', 0],
    ['Nous ne le garantissons pas.', 0],
    ['No, we guarantee it.', 1],
    ['Not only guaranteed but cheap.', 1],
    ['Nothing to fear.\n\nNot today\n\nGuaranteed!', 1],
    ['Das ist garantiert nicht kaputt.', 1],
    ['We guarantee it. We do not ship.', 1],
  ])('negated: %s', (text, count) => {
    expect(details({ forbid: ['guarantee*', 'garant*'], unless: { negated: true } }, text)).toHaveLength(count);
  });

  it('excuses a longer phrase, quotations, and the words of the user', () => {
    const forbid = ['guarantee*'];
    expect(details({ forbid, unless: { phrases: ['guarantee form'] } }, 'Use the guarantee form.')).toEqual([]);
    expect(details({ forbid, unless: { phrases: ['guarantee form'] } }, 'Use the guarantee form, guaranteed.')).toEqual(['forbidden phrase 1']);
    expect(details({ forbid, unless: { quoted: true } }, 'You wrote “I want a guarantee”.\n> guaranteed\nFine.')).toEqual([]);
    expect(details({ forbid, unless: { quoted: true } }, 'You wrote "hello": guaranteed "yes".')).toEqual(['forbidden phrase 1']);
    expect(details({ forbid, unless: { asked: true } }, 'A guarantee is not needed.', 'Do I have a guarantee?')).toEqual([]);
    expect(details({ forbid, unless: { asked: true } }, 'A guarantee is not needed.')).toEqual(['forbidden phrase 1']);
  });

  it('gives the first place and the count, the kind, and no text', () => {
    const settings = settingsOf({ kind: 'legal', forbid: ['sure'] }, { class: 'persona_break', forbid: ['sure'] });
    const findings = detect(inputOf('Sure, sure.'), settings);
    expect(findings).toEqual([
      { class: 'policy_violation', confidence: 1, detector: 'policy@2', evidence: [{ rule: 'r1', kind: 'legal', detail: 'forbidden phrase 1', count: 2, start: 0, end: 4 }] },
      { class: 'persona_break', confidence: 1, detector: 'policy@2', evidence: [{ rule: 'r2', detail: 'forbidden phrase 1', count: 2, start: 0, end: 4 }] },
    ]);
  });
});

describe('examples', () => {
  it('finds each example that does not behave, and each phrase that cannot be read', () => {
    const examples = { passes: ['We give no guarantee.', 'Fine.'], fails: ['We guarantee it.', 'Certainly.'] };
    expect(checkRules(settingsOf({ forbid: ['guarantee*'], examples }))).toEqual([
      { rule: 0, path: ['examples', 'passes', 0], message: 'example 1 of passes fails: forbidden phrase 1' },
      { rule: 0, path: ['examples', 'fails', 1], message: 'example 2 of fails passes: nothing was found in it' },
    ]);
    expect(checkRules(settingsOf({ forbid: ['a', 'b'] })).map(({ message: text }) => text)).toEqual(['needs at least one example under passes', 'needs at least one example under fails']);
    const broken = checkRules(settingsOf({ forbid: ['*a*', '…a', 'a …', 'a*b', '*', '-'] }, { examples: { passes: ['a'], fails: ['b'] } }));
    expect(broken.map(({ rule, path }) => [rule, ...path].join('/'))).toEqual(['0/forbid/0', '0/forbid/1', '0/forbid/2', '0/forbid/3', '0/forbid/4', '0/forbid/5', '1']);
  });

  it('puts a text at the first place of the rule, a mapping as a whole answer, with a prompt beside it', () => {
    const passes = ['Terms apply.', { answer: { reply: 'Terms apply.' } }, { prompt: 'Hi', answer: 'Hello.' }];
    const fails = [{ prompt: 'A refund?', answer: 'Yes.' }, { prompt: 'A refund?', answer: { reply: 'Yes.', other: 'terms apply' } }];
    const rule: Rule = { in: ['/reply'], when: { prompt: ['refund'] }, require: ['terms apply'], examples: { passes, fails } };
    expect(checkRules(settingsOf(rule))).toEqual([]);
    const call: Rule = { in: 'tool:send/body', require: ['regards'], examples: { passes: ['regards'], fails: ['bye'] } };
    expect(checkRules(settingsOf(call))).toEqual([]);
  });
});

it('never throws, whatever the answer', () => {
  const settings = settingsOf(
    { forbid: ['a*', '*b', '# c', 'd … e'], unless: { phrases: ['a b'], negated: true, quoted: true, asked: true }, require: ['x'], requireAny: ['y'] },
    { disclaimer: { claims: ['a'], needs: ['b'], within: 'sentence' }, tone: { words: ['c'], maxCapitals: 0, maxEmoji: 0, maxExclamationMarks: 0 }, links: { allow: [] }, length: { sentences: { max: 1 }, characters: { min: 2 }, words: { min: 2 } } },
  );
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.string({ maxLength: 200 }), fc.array(fc.constantFrom('a', 'b', '1', 'c', '"', '\n', ' ', '!', '\ud800', '👍', "n't", 'http://', '.com', 'no '), { maxLength: 60 }).map((parts) => parts.join(''))), (text) => {
      for (const { evidence } of detect(inputOf(text), settings)) {
        for (const { start, end } of evidence) if (start !== undefined) expect(start < (end ?? 0) && (end ?? 0) <= text.length).toBe(true);
      }
    }),
    { numRuns: 1_000 },
  );
});

it('reads hostile answers in bounded time', () => {
  const settings = settingsOf({ forbid: ['no guarantee', 'guarantee'], unless: { phrases: ['no guarantee'], negated: true, quoted: true, asked: true }, links: { allow: [] }, disclaimer: { claims: ['a'], needs: ['b'], within: 'sentence' } });
  for (const piece of ['no guarantee ', '"', '“', 'a.', 'a.b.', 'http://', '> \n', 'a ', '- a\n', 'NOT ', '.,', 'www.']) {
    const ms = cpuMs(() => void detect(inputOf(piece.repeat(300_000 / piece.length)), settings));
    expect([piece, ms < 600]).toEqual([piece, true]);
  }
});
