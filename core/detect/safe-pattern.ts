// Customers' patterns that cannot stall the process: harmless ones run natively, the others in linear time, the rest is refused.
import { linearPattern, PatternTooLarge, type LinearPattern } from './linear-pattern.ts';
import { backtrackingRisk, parsePattern } from './pattern-syntax.ts';
import { spend, TooMuchWork } from './work.ts';

/** Native matching may take so many steps for each character of the text; above, the linear matcher is as quick. */
const NATIVE_STEPS_PER_CHARACTER = 200;
const MAX_PATTERN_LENGTH = 4_096;

/** A pattern that may hang and that no linear matcher can run, or that no engine can compile. */
export class PatternRefused extends Error {}

export interface SafePattern {
  /** @throws TooMuchWork when the text is too long to be decided in time */
  test(text: string): boolean;
}

/**
 * Compiles with the `u` flag, as JSON Schema wants, or without it where the pattern only compiles so (`\-` outside a class).
 * What Python and Rust write otherwise is read as they mean it: `\A`, `\Z`, `(?P<name>` and a leading `(?i)`.
 * @throws PatternRefused
 */
export function safePattern(written: string): SafePattern {
  if (written.length > MAX_PATTERN_LENGTH) throw new PatternRefused('pattern is too long');
  const { source, flags } = readPattern(written);
  const native = new RegExp(source, flags);
  try {
    const syntax = parsePattern(source, flags.includes('u'));
    const risk = backtrackingRisk(syntax);
    if (risk.nested && risk.irregular) throw new PatternRefused('pattern may hang and cannot be run in linear time');
    const nativeLength = risk.nested ? 0 : longestNative(risk.degree, risk.bits);
    /** null: not built yet, or too large to be built. */
    let linear: LinearPattern | null = risk.nested ? linearPattern(syntax, flags) : null;
    return {
      test(text) {
        if (text.length <= nativeLength) return native.test(text);
        if (risk.irregular) {
          spend(2 ** risk.bits * text.length ** risk.degree);
          return native.test(text);
        }
        linear ??= linearLater(syntax, flags);
        return linear.test(text);
      },
    };
  } catch (error) {
    if (error instanceof PatternTooLarge || error instanceof RangeError) throw new PatternRefused('pattern is too large');
    throw error;
  }
}

/** Up to this length the native engine is certain to be quick. */
function longestNative(degree: number, bits: number): number {
  const factor = NATIVE_STEPS_PER_CHARACTER / 2 ** bits;
  if (factor < 1) return 0;
  return degree <= 1 ? Infinity : Math.floor(factor ** (1 / (degree - 1)));
}

/** Most texts are short: only a long one needs the linear program, and finds it too large. */
function linearLater(syntax: ReturnType<typeof parsePattern>, flags: string): LinearPattern {
  try {
    return linearPattern(syntax, flags);
  } catch (error) {
    if (error instanceof PatternTooLarge) throw new TooMuchWork('text is too long for a pattern of this size');
    throw error;
  }
}

function readPattern(written: string): { source: string; flags: string } {
  for (const flags of ['u', '']) {
    if (flags === '' && /\\[AZz]/.test(written)) break;
    if (compiles(written, flags)) return { source: written, flags };
  }
  const ignoreCase = written.startsWith('(?i)');
  const source = (ignoreCase ? written.slice(4) : written).replace(/\[(?:\\[\s\S]|[^\]\\])*\]|\\[\s\S]|\(\?P</g, (part) => FOREIGN[part] ?? part);
  for (const flags of ignoreCase ? ['iu', 'i'] : ['u', '']) if (compiles(source, flags)) return { source, flags };
  throw new PatternRefused('pattern does not compile');
}

const FOREIGN: Record<string, string | undefined> = { '\\A': '^', '\\Z': '$', '\\z': '$', '(?P<': '(?<' };

function compiles(source: string, flags: string): boolean {
  try {
    return new RegExp(source, flags) instanceof RegExp;
  } catch {
    return false;
  }
}
