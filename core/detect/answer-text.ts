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
export const escapePointer = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

/** All strings and names in a JSON value, depth first, without recursion. */
export function stringsIn(value: unknown, base = ''): AnswerString[] {
  const found: AnswerString[] = [];
  const pending: { value: unknown; pointer: string; isName?: true }[] = [{ value, pointer: base }];
  for (let item = pending.pop(); item !== undefined && found.length < MAX_STRINGS; item = pending.pop()) {
    const { value: inside, pointer } = item;
    if (typeof inside === 'string') found.push(item.isName ? { text: inside, pointer, isName: true } : { text: inside, pointer });
    else if (Array.isArray(inside)) for (let i = inside.length - 1; i >= 0; i -= 1) pending.push({ value: inside[i], pointer: `${pointer}/${i}` });
    else if (typeof inside === 'object' && inside !== null) {
      for (const [name, member] of Object.entries(inside).reverse()) {
        const at = `${pointer}/${escapePointer(name)}`;
        pending.push({ value: member, pointer: at }, { value: name, pointer: at, isName: true });
      }
    }
  }
  return found;
}
