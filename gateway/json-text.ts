// Changes one top-level value of a JSON text and leaves every other byte as it was: clients' numbers and key order survive.

/**
 * @param text valid JSON whose root is an object (JSON.parse has accepted it)
 * @param value JSON text of the new value
 * @returns the text with every top-level occurrence of the key changed, or null when it has none
 */
export function withTopLevel(text: string, key: string, value: string): string | null {
  let result = '';
  let copied = 0;
  let at = text.indexOf('{') + 1;
  for (;;) {
    at = skipSpace(text, at);
    if (text[at] === '}' || at >= text.length) break;
    const keyEnd = endOfString(text, at);
    const found = JSON.parse(text.slice(at, keyEnd)) === key;
    const start = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const end = endOfValue(text, start);
    if (found) {
      result += text.slice(copied, start) + value;
      copied = end;
    }
    at = skipSpace(text, end);
    if (text[at] === ',') at += 1;
  }
  return copied === 0 ? null : result + text.slice(copied);
}

/**
 * The text with the top-level `model` changed; the parsed text must have one. Where that name stands only once and nothing is
 * written as an escape, it can be nowhere else: one native search in place of a walk through the whole text.
 */
export function renamed(text: string, model: string): string {
  const value = JSON.stringify(model);
  const at = text.indexOf('"model"');
  if (at === -1 || text.includes('\\u00') || text.includes('"model"', at + 7)) return withTopLevel(text, 'model', value) ?? text;
  const start = skipSpace(text, skipSpace(text, at + 7) + 1);
  return text.slice(0, start) + value + text.slice(endOfValue(text, start));
}

/** The text with a top-level value put first; it must not have this key yet. */
export function withAdded(text: string, key: string, value: string): string {
  const at = text.indexOf('{') + 1;
  const empty = text[skipSpace(text, at)] === '}';
  return `${text.slice(0, at)}${JSON.stringify(key)}:${value}${empty ? '' : ','}${text.slice(at)}`;
}

function skipSpace(text: string, at: number): number {
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at += 1;
  return at;
}

/** `at` is on the opening quote; the result is behind the closing one. */
function endOfString(text: string, at: number): number {
  let from = at + 1;
  for (;;) {
    const quote = text.indexOf('"', from);
    if (quote === -1) return text.length;
    let slashes = 0;
    while (text[quote - 1 - slashes] === '\\') slashes += 1;
    if (slashes % 2 === 0) return quote + 1;
    from = quote + 1;
  }
}

function endOfValue(text: string, at: number): number {
  if (text[at] === '"') return endOfString(text, at);
  let depth = 0;
  while (at < text.length) {
    const char = text[at];
    if (char === '"') {
      at = endOfString(text, at);
      continue;
    }
    if (char === '{' || char === '[') depth += 1;
    else if (char === '}' || char === ']') {
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (char === ',' || char === ' ' || char === '\n' || char === '\r' || char === '\t')) return at;
    at += 1;
  }
  return at;
}
