// Results of pure functions of a text, kept for the texts that came last: a prompt's instructions come again with every record.

const MOST_CHARACTERS = 1_000_000;

/**
 * The same function, which looks among its last results first. Two generations: what is asked for again stays.
 * @param make pure; its result must not be changed by who gets it
 * @param options.texts of each generation; long ones are fewer, a million characters in all
 * @param options.length longer texts are not kept, in characters
 */
export function remembered<T>(make: (text: string) => T, { texts = 64, length = 65_536 } = {}): (text: string) => T {
  let young = new Map<string, T>();
  let old = new Map<string, T>();
  let characters = 0;
  return (text) => {
    if (text.length > length) return make(text);
    let result = young.get(text);
    if (result === undefined) {
      result = old.get(text) ?? make(text);
      if (young.size >= texts || characters >= MOST_CHARACTERS) {
        old = young;
        young = new Map();
        characters = 0;
      }
      young.set(text, result);
      characters += text.length;
    }
    return result;
  };
}
