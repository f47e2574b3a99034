// Tool-call verdicts: structured calls and calls that a model wrote into its text are judged alike.
import { describe, expect, it, test } from 'vitest';
import { DetectorSettings, type Tool } from '../../core/contracts/index.ts';
import { detect, notesOn, type DetectionInput } from '../../core/detect/index.ts';
import { classes, found, inputOf } from './detect-support.ts';

const settings = DetectorSettings.parse({});
const tools: Tool[] = [
  { name: 'find', parameters: { type: 'object', required: ['id'], additionalProperties: false, properties: { id: { type: 'string' }, limit: { type: 'integer' }, deep: { type: 'boolean' } } } },
  { name: 'now' },
];
const calls = (...list: [string, string][]): DetectionInput => inputOf('', { tools, answer: { text: '', toolCalls: list.map(([name, text]) => ({ name, arguments: text })) } });

describe('structured calls', () => {
  test.each([
    ['find', '{"id":"x"}', []],
    ['now', '', []],
    ['now', '{}', []],
    ['fnd', '{"id":"x"}', ['tool_call_invalid unknown_tool']],
    ['find', '{"id":', ['tool_call_invalid arguments_not_json']],
    ['find', "{'id': 'x'}", ['tool_call_invalid arguments_not_json']],
    ['find', '```json\n{"id":"x"}\n```', ['tool_call_invalid arguments_not_json']],
    ['find', '["x"]', ['tool_call_invalid arguments_not_object']],
    ['find', '"{\\"id\\":\\"x\\"}"', ['tool_call_invalid arguments_not_object']],
    ['find', 'null', ['tool_call_invalid arguments_not_object']],
    ['find', '{"id":1}', ['tool_call_invalid type']],
    ['find', '', ['tool_call_invalid required']],
  ])('%s(%s)', (name, text, expected) => {
    for (const expect_ of ['json', 'any', 'tool_calls'] as const) expect(found(calls([name, text]), { expect: expect_ })).toEqual(expected);
  });

  it('points at the call, into its arguments, and at the fault', () => {
    const evidence = (input: DetectionInput) => detect(input, settings)[0]?.evidence;
    expect(evidence(calls(['now', '{}'], ['find', '{"id":1,"x":2}']))?.map((item) => item.pointer)).toEqual(['/toolCalls/1/arguments/x', '/toolCalls/1/arguments/id']);
    expect(evidence(calls(['find', '{"id": None}']))).toEqual([{ rule: 'arguments_not_json', detail: 'python_literal', pointer: '/toolCalls/0/arguments', start: 7, end: 8 }]);
  });

  it('is truncated where the token limit cut the last call, and only that', () => {
    expect(found({ ...calls(['find', '{"id":']), finishReason: 'length' })).toEqual(['truncated finish_reason_length']);
    expect(found({ ...calls(['find', '{"id":'], ['now', '']), finishReason: 'length' })).toEqual(['tool_call_invalid arguments_not_json']);
  });

  it('is undetermined where the record names no tools, and not the model\'s fault where parameters do not compile', () => {
    expect(found({ ...calls(['find', '{}']), tools: undefined })).toEqual(['undetermined tools_not_recorded']);
    expect(found({ ...calls(['find', '{"id":']), tools: undefined })).toEqual(['tool_call_invalid arguments_not_json']);
    expect(found({ ...calls(['find', '{}']), tools: [{ name: 'find', parameters: { type: 'nonsense' } }] })).toEqual(['schema_invalid does_not_compile']);
  });

  it('reads parameters as function-calling sets write them', () => {
    const berkeley: Tool = { name: 'area', parameters: { type: 'dict', required: ['base', 'corners'], properties: { base: { type: 'float' }, corners: { type: 'tuple', items: { type: 'float' } }, note: { type: 'any' } } } };
    const bare: Tool = { name: 'area', parameters: { base: { type: 'float', description: 'of the triangle' }, note: { type: 'str, optional', default: '' } } };
    const with_ = (tool: Tool, text: string) => found({ ...calls(['area', text]), tools: [tool] });
    expect(with_(berkeley, '{"base": 10, "corners": [1, 2.5], "note": null}')).toEqual([]);
    expect(with_(berkeley, '{"base": "10", "corners": [1]}')).toEqual(['tool_call_invalid type']);
    expect(with_(berkeley, '{"base": 1}')).toEqual(['tool_call_invalid required']);
    expect(with_(bare, '{"base": 10.5}')).toEqual([]);
    expect(with_(bare, '{"base": "ten"}')).toEqual(['tool_call_invalid type']);
  });

  it('must be wanted', () => {
    expect(found(calls(['now', '{}']), { expect: 'text' })).toEqual(['tool_call_invalid call_not_wanted']);
    expect(found({ ...calls(['now', '{}']), tools: [] })).toEqual(['tool_call_invalid no_tools_offered']);
    expect(found(inputOf('It is noon.', { tools }), { expect: 'text' })).toEqual([]);
  });

  it('must be there where one was wanted', () => {
    expect(found('I will look it up.', { expect: 'tool_calls' })).toEqual(['tool_call_invalid no_call']);
    expect(found(inputOf('{"id":"x"}', { tools }), { expect: 'tool_calls' })).toEqual(['tool_call_invalid no_call']);
    expect(found("Sorry, I can't do that.", { expect: 'tool_calls' })).toEqual(['refusal refuses']);
  });

  it('must be as many as the workload says', () => {
    const two = calls(['now', '{}'], ['find', '{"id":"x"}']);
    expect(found(two)).toEqual([]);
    expect(detect(two, DetectorSettings.parse({ parallelToolCalls: false }))[0]?.evidence).toEqual([{ rule: 'wrong_number_of_calls', pointer: '/toolCalls', detail: '2 calls, at most 1 wanted' }]);
    expect(found(two, { parallelToolCalls: 2 })).toEqual([]);
    expect(found(two, { parallelToolCalls: 3 })).toEqual(['tool_call_invalid wrong_number_of_calls']);
    expect(found(calls(['now', '']), { parallelToolCalls: false })).toEqual([]);
  });

  it('may be made twice: that is noted, not blamed', () => {
    const twice = calls(['find', '{"id":"x"}'], ['find', '{"id":"x"} '], ['find', '{"id":"y"}']);
    expect(found(twice)).toEqual([]);
    expect(notesOn(twice, DetectorSettings.parse({ expect: 'any' }))).toEqual([{ rule: 'duplicate_call', pointer: '/toolCalls/1' }]);
  });

  it('lists no more evidence than a person could read', () => {
    expect(detect(calls(...Array.from({ length: 500 }, (): [string, string] => ['nowhere', '{}'])), settings)[0]?.evidence).toHaveLength(50);
  });
});

describe('calls written as text', () => {
  /** One right call of `find`, as each family of models writes it; `$` stands for the arguments. */
  const forms = {
    'Hermes, Qwen': '<tool_call>\n{"name": "find", "arguments": $}\n</tool_call>',
    'Qwen, OpenAI-shaped': '<tool_call>{"type": "function", "function": {"name": "find", "arguments": $}}</tool_call>',
    'Jamba, Hunyuan': '<tool_calls>[{"name": "find", "arguments": $}]</tool_calls>',
    'Granite 20B': '<function_call> {"name": "find", "arguments": $}',
    'Granite 3': '<|tool_call|>[{"name": "find", "arguments": $}]',
    'Nemotron': '<TOOLCALL>[{"name": "find", "arguments": $}]</TOOLCALL>',
    'Llama 3 JSON': '<|python_tag|>{"name": "find", "parameters": $}',
    'Llama user-defined': '<function=find>$</function>',
    'Mistral': '[TOOL_CALLS] [{"name": "find", "arguments": $}]',
    'Mistral v11': '[TOOL_CALLS]find$',
    'Mistral v13': '[TOOL_CALLS]find[ARGS]$',
    'InternLM': '<|action_start|><|plugin|>{"name": "find", "parameters": $}<|action_end|>',
    'Cohere': '<|START_ACTION|>[{"tool_call_id": "0", "tool_name": "find", "parameters": $}]<|END_ACTION|>',
    'Apertus': '<|tools_prefix|>[{"find": $}]<|tools_suffix|>',
    'Phi-4': 'functools[{"name": "find", "arguments": $}]',
    'DeepSeek V3': '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>find\n```json\n$\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    'DeepSeek V3.1': '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>find<｜tool▁sep｜>$<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    'Kimi K2': '<|tool_calls_section_begin|><|tool_call_begin|>functions.find:0<|tool_call_argument_begin|>$<|tool_call_end|><|tool_calls_section_end|>',
    'gpt-oss': '<|channel|>commentary to=functions.find <|constrain|>json<|message|>$<|call|>',
    'bare JSON': '{"name": "find", "arguments": $}',
    'fenced JSON': '```json\n[{"name": "find", "arguments": $}]\n```',
  };
  const text = (form: string, given: unknown): DetectionInput => inputOf(form.replace('$', JSON.stringify(given)), { tools });

  test.each(Object.entries(forms))('%s', (_name, form) => {
    for (const expect_ of ['json', 'any', 'tool_calls'] as const) {
      expect(found(text(form, { id: 'x' }), { expect: expect_ })).toEqual([]);
      expect(detect(text(form, { id: 'x', limit: '3' }), DetectorSettings.parse({ expect: expect_ }))).toMatchObject([{ class: 'tool_call_invalid', evidence: [{ rule: 'type', pointer: '/toolCalls/0/arguments/limit' }] }]);
      expect(found({ ...text(form, { id: 'x' }), tools: [{ name: 'other' }] }, { expect: expect_ })).toEqual(['tool_call_invalid unknown_tool']);
    }
    expect(found({ ...text(`Let me look.\n${form}`, { id: 'x' }) }, { expect: 'any' })).toEqual([]);
  });

  test.each([
    ['Qwen coder', '<tool_call>\n<function=find>\n<parameter=id>\nx\n</parameter>\n<parameter=limit>\n3\n</parameter>\n<parameter=deep>True</parameter>\n</function>\n</tool_call>'],
    ['GLM', '<tool_call>find\n<arg_key>id</arg_key>\n<arg_value>x</arg_value>\n<arg_key>limit</arg_key>\n<arg_value>3</arg_value>\n</tool_call>'],
    ['MiniMax', '<minimax:tool_call>\n<invoke name="find">\n<parameter name="id">x</parameter>\n<parameter name="limit">3</parameter>\n</invoke>\n</minimax:tool_call>'],
    ['DeepSeek V3.2', '<｜DSML｜function_calls>\n<｜DSML｜invoke name="find">\n<｜DSML｜parameter name="id" string="true">x</｜DSML｜parameter>\n<｜DSML｜parameter name="limit" string="false">3</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>'],
    ['Seed', '<seed:tool_call><function=find><parameter=id>x</parameter><parameter=limit>3</parameter></function></seed:tool_call>'],
  ])('%s, parameters as XML', (_name, written) => {
    for (const expect_ of ['json', 'any', 'tool_calls'] as const) {
      expect(found(inputOf(written, { tools }), { expect: expect_ })).toEqual([]);
      expect(found(inputOf(written.replace('3', 'three'), { tools }), { expect: expect_ })).toEqual(['tool_call_invalid type']);
      expect(found(inputOf(written.replace('find', 'fnd'), { tools }), { expect: expect_ })).toEqual(['tool_call_invalid unknown_tool']);
    }
  });

  it('reads several, one after the other', () => {
    for (const written of ['<tool_call>{"name":"now","arguments":{}}</tool_call>\n<tool_call>{"name":"find","arguments":{"id":"x"}}</tool_call>', '<|python_tag|>{"name":"now","parameters":{}}; {"name":"find","parameters":{"id":"x"}}', '[TOOL_CALLS]now{}[TOOL_CALLS]find{"id":"x"}']) {
      expect(found(inputOf(written, { tools }))).toEqual([]);
      expect(found(inputOf(written, { tools }), { parallelToolCalls: false })).toEqual(['tool_call_invalid wrong_number_of_calls']);
      expect(found(inputOf(written.replace('"x"', '1'), { tools }))).toEqual(['tool_call_invalid type']);
    }
  });

  test.each([
    ['json', "<tool_call>{'name': 'find'}</tool_call>", 'malformed_json python_literal'],
    ['tool_calls', "<tool_call>{'name': 'find'}</tool_call>", 'tool_call_invalid call_not_json'],
    ['json', '<tool_call>{"name": "find", "arguments": {"id": "x"}</tool_call>', 'malformed_json missing_closing'],
    ['tool_calls', '<tool_call>{"arguments": {"id": "x"}, "note": 1}</tool_call>', 'tool_call_invalid call_without_name'],
    ['tool_calls', '<tool_call></tool_call>', 'tool_call_invalid no_call'],
    ['tool_calls', '<tool_call>{"name": "now", "arguments": {}}', 'tool_call_invalid tag_not_closed'],
    ['tool_calls', '<tool_call>{"name": "find", "arguments": "{\\"id\\": None}"}</tool_call>', 'tool_call_invalid arguments_not_json'],
    ['json', '[find(id="x")]', 'malformed_json call_syntax'],
    ['tool_calls', '<|tool_call_start|>[find(id="x")]<|tool_call_end|>', 'tool_call_invalid call_syntax'],
    ['tool_calls', '<function_calls>find(id="x")</function_calls>', 'tool_call_invalid call_syntax'],
  ] as const)('expecting %s: %s', (expect_, written, expected) => {
    expect(found(inputOf(written, { tools }), { expect: expect_ })).toEqual([expected]);
  });

  it('is truncated where the token limit cut the call', () => {
    for (const expect_ of ['json', 'any', 'tool_calls'] as const) for (const cut of ['<tool_call>{"name": "find", "argum', '<tool_call>\n<function=find>\n<parameter=id>\nx']) expect(found(inputOf(cut, { tools, finishReason: 'length' }), { expect: expect_ })).toEqual(['truncated finish_reason_length']);
  });

  it('is invalid where nobody reads tags, and where no call was wanted', () => {
    const written = inputOf('<tool_call>{"name":"now","arguments":{}}</tool_call>', { tools });
    expect(found(written, { envelopes: ['bare'], expect: 'any' })).toEqual(['tool_call_invalid call_written_as_text']);
    expect(found(written, { expect: 'text' })).toEqual(['tool_call_invalid call_not_wanted']);
  });

  it('is only text where it is talked about, or no tools are there', () => {
    expect(found(inputOf('Use the <tool_call>{"name":"fnd"}</tool_call> tag for that.', { tools }), { expect: 'any' })).toEqual([]);
    expect(found(inputOf('A tag looks like this: <tool_call>. It holds JSON.', { tools }), { expect: 'any' })).toEqual([]);
    expect(found('<tool_call>{"name":"fnd"}</tool_call>', { expect: 'text' })).toEqual([]);
  });

  it('is not seen in JSON that only has a name, nor where the answer has a schema', () => {
    for (const value of [{ name: 'Ann', type: 'admin', id: 1 }, { name: 'fnd' }, [{ name: 'Ann' }]]) expect(classes(inputOf(JSON.stringify(value), { tools }))).toEqual([]);
    const outputSchema = { type: 'object', required: ['name', 'parameters'] };
    expect(classes(inputOf('{"name":"fnd","parameters":{}}', { tools, outputSchema }))).toEqual([]);
  });
});
