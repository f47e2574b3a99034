// When two answers say the same thing: as JSON where both are JSON, as text otherwise.
import { canonicalJson } from '../digest.ts';

const FENCED = /^```[a-z]{0,10}\s*\n([\s\S]*?)\n?```$/i;

/** One spelling for all answers that mean the same: canonical JSON (also out of a code fence), else the trimmed text. */
export function canonicalAnswer(answer: string): string {
  const text = answer.trim();
  try {
    return `json:${canonicalJson(JSON.parse(FENCED.exec(text)?.[1] ?? text))}`;
  } catch {
    // Not JSON, or a number or depth that canonical JSON cannot carry: compared as written.
    return `text:${text.normalize('NFC')}`;
  }
}

export const sameAnswer = (a: string, b: string): boolean => canonicalAnswer(a) === canonicalAnswer(b);
