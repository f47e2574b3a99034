// Customers' patterns that cannot stall the process: harmless ones run natively, the others in linear time, the rest is refused.
import { linearPattern, MatchTooLong, PatternTooLarge, type LinearPattern } from './linear-pattern.ts';
import { backtrackingRisk, parsePattern } from './pattern-syntax.ts';

/** Steps that a backtracking matcher may need at most: some tens of milliseconds. */
const MAX_BACKTRACKING = 5_000_000;
const MAX_PATTERN_LENGTH = 4_096;

/** A pattern that may hang and that no linear matcher can run, or that no engine can compile. */
export class PatternRefused extends Error {}

export interface SafePattern {
  /** @throws MatchTooLong when the text is too long to be decided in time */
  test(text: string): boolean;
}

/**
 * Compiles with the `u` flag, as JSON Schema wants, or without it where the pattern only compiles so (`\-` outside a class).
 * @throws PatternRefused
 */
export function safePattern(source: string): SafePattern {
  if (source.length > MAX_PATTERN_LENGTH) throw new PatternRefused('pattern is too long');
  const unicode = compiles(source, 'u');
  if (!unicode && !compiles(source, '')) throw new PatternRefused('pattern does not compile');
  const native = new RegExp(source, unicode ? 'u' : '');
  try {
    const syntax = parsePattern(source, unicode);
    const risk = backtrackingRisk(syntax);
    if (risk.nested && risk.irregular) throw new PatternRefused('pattern may hang and cannot be run in linear time');
    /** Up to this length the native engine is certain to be quick. */
    const nativeLength = risk.nested ? 0 : Math.floor(MAX_BACKTRACKING ** (1 / Math.max(risk.degree, 1)));
    let linear: LinearPattern | null = risk.nested ? linearPattern(syntax, unicode) : null;
    return {
      test(text) {
        if (text.length <= nativeLength) return native.test(text);
        if (risk.irregular) throw new MatchTooLong('text is too long for a pattern with look-around or back references');
        linear ??= linearPattern(syntax, unicode);
        return linear.test(text);
      },
    };
  } catch (error) {
    if (error instanceof PatternTooLarge || error instanceof RangeError) throw new PatternRefused('pattern is too large');
    throw error;
  }
}

function compiles(source: string, flags: string): boolean {
  try {
    return new RegExp(source, flags) instanceof RegExp;
  } catch {
    return false;
  }
}
