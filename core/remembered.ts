// Results of pure functions of a text, kept for the texts that came last: a prompt's instructions come again with every record.

/**
 * The same function, which looks among its last results first. Two generations: what is asked for again stays.
 * @param make pure; its result must not be changed by who gets it
 * @param options.texts of each generation
 * @param options.length longer texts are not kept, in characters
 */
export function remembered<T>(make: (text: string) => T, { texts = 64, length = 65_536 } = {}): (text: string) => T {
  let young = new Map<string, T>();
  let old = new Map<string, T>();
  return (text) => {
    if (text.length > length) return make(text);
    let result = young.get(text);
    if (result === undefined) {
      result = old.get(text) ?? make(text);
      if (young.size >= texts) {
        old = young;
        young = new Map();
      }
      young.set(text, result);
    }
    return result;
  };
}
