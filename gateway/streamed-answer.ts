// Server-sent events of one answer: lines go through byte for byte but for the model's name, while the answer is put together.
import { StringDecoder } from 'node:string_decoder';
import { WrongModel, emptyAnswer, finishReasonOf, usageOf, type Answer, type Choice, type WireChoice, type WireCompletion } from './answer.ts';
import { renamed } from './json-text.ts';

/** A delta may name any position; more than this many calls in one answer are no answer. */
const MAX_TOOL_CALLS = 1_000;

export class StreamedAnswer {
  readonly answer: Answer = emptyAnswer();
  /** Set when the engine reported an error inside the stream. */
  failed = false;
  readonly #decoder = new StringDecoder('utf8');
  readonly #asked: string;
  readonly #shown: string;
  readonly #hidesUsage: boolean;
  #rest = '';
  /** The event of a line that was left out ends with an empty line: that one is left out too. */
  #dropsEmpty = false;

  /** @param hidesUsage the usage was asked for by us and not by the client, who must not see it */
  constructor(asked: string, shown: string, hidesUsage = false) {
    this.#asked = asked;
    this.#shown = shown;
    this.#hidesUsage = hidesUsage;
  }

  /** @returns what the client gets for this piece: whole lines only. @throws WrongModel */
  push(bytes: Buffer): string {
    const text = this.#rest + this.#decoder.write(bytes);
    let passed = '';
    let from = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
      passed += this.#line(text.slice(from, end + 1));
      from = end + 1;
    }
    this.#rest = text.slice(from);
    return passed;
  }

  /** What is left when the stream ends without a last line feed. */
  end(): string {
    const rest = this.#rest + this.#decoder.end();
    this.#rest = '';
    return rest === '' ? '' : this.#line(rest);
  }

  /** @param line with its line feed */
  #line(line: string): string {
    if (!line.startsWith('data:')) {
      const dropped = this.#dropsEmpty && line.trim() === '';
      this.#dropsEmpty = false;
      return dropped ? '' : line;
    }
    this.#dropsEmpty = false;
    const json = line.slice(5).trim();
    if (json === '' || json === '[DONE]') return line;
    let chunk: WireCompletion;
    try {
      chunk = JSON.parse(json) as WireCompletion;
    } catch {
      this.failed = true;
      return line;
    }
    if (chunk.error !== undefined && chunk.error !== null) {
      this.failed = true;
      return line;
    }
    if (chunk.model !== this.#asked) throw new WrongModel();
    this.answer.responseId ??= chunk.id;
    this.answer.usage = usageOf(chunk) ?? this.answer.usage;
    for (const choice of chunk.choices ?? []) this.#add(choice);
    if (this.#hidesUsage && chunk.usage && chunk.choices?.length === 0) {
      this.#dropsEmpty = true;
      return '';
    }
    return renamed(line, this.#shown);
  }

  #add(piece: WireChoice): void {
    const { choices } = this.answer;
    const index = piece.index ?? 0;
    let choice: Choice | undefined = choices.get(index);
    if (choice === undefined) choices.set(index, (choice = { text: '', toolCalls: [], finishReason: null }));
    const text = piece.delta?.content ?? piece.text;
    if (typeof text === 'string') choice.text += text;
    for (const part of piece.delta?.tool_calls ?? []) {
      const position = part.index ?? 0;
      if (!Number.isInteger(position) || position < 0 || position >= MAX_TOOL_CALLS) continue;
      const call = (choice.toolCalls[position] ??= { name: '', arguments: '' });
      if (part.id !== undefined) call.id = part.id;
      call.name += part.function?.name ?? '';
      call.arguments += part.function?.arguments ?? '';
    }
    choice.finishReason = finishReasonOf(piece.finish_reason) ?? choice.finishReason;
  }
}
