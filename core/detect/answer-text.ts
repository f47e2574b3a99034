// What an answer says, string by string: the whole text, or where it is JSON the strings inside it with their pointers.

export interface AnswerString {
  text: string;
  /** RFC 6901 pointer into the JSON answer or the tool calls; undefined: the answer's own text, where offsets count. */
  pointer?: string;
  /** It is the name of a member, not a value. */
  isName?: true;
}

/** Strings beyond this many are not looked at one by one. */
const MAX_STRINGS = 10_000;

/** A name as a segment of an RFC 6901 pointer. */
export const escapePointer = (name: string): string => (name.includes('/') || name.includes('~') ? name.replaceAll('~', '~0').replaceAll('/', '~1') : name);

/** All strings and names in a JSON value, depth first, without recursion. */
export function stringsIn(value: unknown, base = ''): AnswerString[] {
  const found: AnswerString[] = [];
  const pending: { value: unknown; pointer: string; name: string | undefined }[] = [{ value, pointer: base, name: undefined }];
  for (let item = pending.pop(); item !== undefined && found.length < MAX_STRINGS; item = pending.pop()) {
    const { value: inside, pointer, name } = item;
    if (name !== undefined && found.push({ text: name, pointer, isName: true }) === MAX_STRINGS) break;
    if (typeof inside === 'string') found.push({ text: inside, pointer });
    else if (Array.isArray(inside)) for (let i = inside.length - 1; i >= 0; i -= 1) pending.push({ value: inside[i], pointer: `${pointer}/${i}`, name: undefined });
    else if (typeof inside === 'object' && inside !== null) {
      const names = Object.keys(inside);
      for (let i = names.length - 1; i >= 0; i -= 1) pending.push({ value: (inside as Record<string, unknown>)[names[i] as string], pointer: `${pointer}/${escapePointer(names[i] as string)}`, name: names[i] });
    }
  }
  return found;
}
