// Compares an answer with the right one: same JSON value, whatever the order of keys or the white space.
import canonicalize from 'canonicalize';

/** The right answer as a person would file it in a correction: compact JSON, keys in the schema's order. */
export const answerText = (truth: object): string => JSON.stringify(truth);

/** True where the answer is JSON (bare or in one Markdown fence) of the same value; lists keep their order. */
export function equalsTruth(answer: string, truth: object): boolean {
  const bare = /^\s*```(?:json)?\s*([\s\S]*?)\s*```\s*$/.exec(answer)?.[1] ?? answer;
  try {
    return canonicalize(JSON.parse(bare)) === canonicalize(truth);
  } catch {
    return false; // not JSON
  }
}
