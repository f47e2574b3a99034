// Patterns with leading inline flags, `(?i)` and `(?s)`, as most engines write them, in the syntax of JavaScript.

/** The same pattern with the meaning of its leading flags spelled out; other patterns as they are. */
export function caselessSource(source: string): string {
  const flags = /^\(\?([ims]{1,3})\)/.exec(source)?.[1];
  if (flags === undefined) return source;
  const body = source.slice(flags.length + 3);
  const anyCase = flags.includes('i');
  const dotAll = flags.includes('s');
  let out = '';
  let inClass = false;
  for (let at = 0; at < body.length; at += 1) {
    const sign = body[at] ?? '';
    if (sign === '\\') {
      // Escapes keep their case: \S is not \s.
      const [escape = sign] = /^\\(?:u\{[^}]{0,8}\}|u[\da-fA-F]{4}|x[\da-fA-F]{2}|[pPk][{<][^}>]{0,60}[}>]|[^])/.exec(body.slice(at, at + 70)) ?? [];
      out += escape;
      at += escape.length - 1;
    } else if (!inClass && sign === '(' && body[at + 1] === '?') {
      const [group = sign] = /^\(\?(?:<[\p{L}\d_]+>|<?[=!]|:)/u.exec(body.slice(at, at + 70)) ?? [];
      out += group;
      at += group.length - 1;
    } else if (inClass) {
      inClass = sign !== ']';
      const [range] = /^[a-z]-[a-z]|^[A-Z]-[A-Z]/.exec(body.slice(at, at + 3)) ?? [];
      if (anyCase && range !== undefined) {
        out += range.toLowerCase() + range.toUpperCase();
        at += 2;
      } else out += anyCase ? bothCases(sign) : sign;
    } else if (sign === '[') {
      inClass = true;
      out += sign;
    } else if (sign === '.' && dotAll) out += '[^]';
    else out += anyCase && bothCases(sign).length > 1 ? `[${bothCases(sign)}]` : sign;
  }
  return out;
}

const bothCases = (sign: string): string => {
  const [lower, upper] = [sign.toLowerCase(), sign.toUpperCase()];
  return lower === upper || lower.length !== 1 || upper.length !== 1 ? sign : lower + upper;
};
