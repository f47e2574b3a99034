// Finds e-mail addresses, from each @ outwards: quoted names, names and domains in other scripts, and %40 for @ in web addresses.
import type { Span } from './kinds.ts';
import { isLetter } from './cues.ts';

const MAX_LOCAL = 64;
const MAX_LABEL = 63;
const MAX_DOMAIN = 253;

const isAlnum = (code: number): boolean => (code >= 48 && code <= 57) || isLetter(code);
/** Marks of a local part that people use; those that end names in web addresses and code (= ? & / | `) are left out. */
const isLocalMark = (code: number): boolean => code === 46 || code === 95 || code === 45 || code === 43 || code === 39 || code === 126 || code === 33 || code === 35 || code === 36 || code === 42;
/** `icon@2x.png` is a file. */
const FILE_ENDINGS: ReadonlySet<string> = new Set(['png', 'jpg', 'jpeg', 'gif', 'svg', 'webp', 'css', 'js', 'mjs', 'json', 'html', 'py', 'tgz', 'lock']);

/** The address around the @ at `at`, or null. */
export function emailAt(text: string, at: number): Span | null {
  const afterAt = text[at] === '%' ? at + 3 : at + 1;
  const end = domainEnd(text, afterAt);
  if (end === 0) return null;
  const start = text.charCodeAt(at - 1) === 34 ? quotedStart(text, at) : localStart(text, at);
  if (start === at || start < 0) return null;
  // The user of git over SSH is everybody.
  if (text[end] === ':' && text.slice(start, at) === 'git') return null;
  return { kind: 'email', start, end, prefix: 0, cued: false };
}

function localStart(text: string, at: number): number {
  let start = at;
  while (start > 0 && at - start < MAX_LOCAL) {
    const code = text.charCodeAt(start - 1);
    if (!isAlnum(code) && !isLocalMark(code)) {
      // A forwarder writes the first recipient into the local part: bounce+jo=corp.example@list.example.
      if (code === 61 && /^[^@]*\.[a-z]{2,24}$/i.test(text.slice(start, at)) && /\+[\w.-]{1,64}$/.test(text.slice(Math.max(start - 1 - MAX_LOCAL, 0), start - 1))) start -= 1;
      else break;
    } else start -= 1;
  }
  if (text.charCodeAt(at - 1) === 46) return -1;
  while (start < at && !isAlnum(text.charCodeAt(start)) && text.charCodeAt(start) !== 95) start += 1;
  return start;
}

/** `"jo smith"@corp.example`; nothing that could be two strings of JSON with something between them. */
function quotedStart(text: string, at: number): number {
  const from = Math.max(at - 2 - MAX_LOCAL, 0);
  const quoted = /"[\p{L}\p{N}][\p{L}\p{N} ._+'-]*"$/u.exec(text.slice(from, at));
  return quoted ? from + quoted.index : -1;
}

/** Offset behind the domain that starts at `start`; 0 when there is none. */
function domainEnd(text: string, start: number): number {
  if (text[start] === '[') {
    const literal = /^\[(?:\d{1,3}\.){3}\d{1,3}\]/.exec(text.slice(start, start + 18));
    return literal ? start + literal[0].length : 0;
  }
  let i = start;
  let labelStart = start;
  let end = 0;
  while (i <= text.length && i - start <= MAX_DOMAIN) {
    const code = i < text.length ? text.charCodeAt(i) : 0;
    if (isAlnum(code) || (code === 45 && i > labelStart)) {
      i += 1;
      if (i - labelStart > MAX_LABEL) return end;
      continue;
    }
    const label = text.slice(labelStart, i);
    if (label === '' || label.endsWith('-')) return end;
    if (labelStart > start && isTopLevel(label)) end = i;
    else if (labelStart > start && code !== 46) return 0;
    if (code !== 46) return end;
    i += 1;
    labelStart = i;
  }
  return end;
}

const isTopLevel = (label: string): boolean => label.length >= 2 && label.length <= 24 && (/^\p{L}+$/u.test(label) || /^xn--[a-z0-9-]+$/i.test(label)) && !FILE_ENDINGS.has(label.toLowerCase());
