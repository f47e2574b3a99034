// Finds IPv4 and IPv6 addresses, and tells them from versions, times and code.
import type { Cue } from './cues.ts';
import type { Span } from './kinds.ts';

/** 198.18.0.0/15, reserved for benchmarks (RFC 2544), where the surrogates come from: nobody's address. */
export const isReservedIpv4 = (text: string): boolean => /^198\.1[89]\./.test(text);

const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const IPV4 = new RegExp(`(?:${OCTET}\\.){3}${OCTET}(?![\\w]|\\.\\d|-\\d)`, 'y');
const LONGEST_IPV6 = 45;

/** @returns the address; `keep` when it is one that says nothing about anybody and stays */
export function ipv4At(text: string, at: number, cue: () => Cue | null): { span: Span; keep: boolean } | null {
  IPV4.lastIndex = at;
  const found = IPV4.exec(text);
  if (!found || /[\w.-]/.test(text[at - 1] ?? ' ')) return null;
  if (cue() === 'version' || isProductVersion(text, at)) return null;
  const [address] = found;
  const keep = /^(?:127\.|0\.|255\.255\.|169\.254\.)/.test(address) || isReservedIpv4(address);
  return { span: { kind: 'ipv4', start: at, end: at + address.length, prefix: 0, cued: false }, keep };
}

/** `Chrome/99.0.12.34`, as browsers name themselves; `host/10.0.0.1` is an address. */
const isProductVersion = (text: string, at: number): boolean => text[at - 1] === '/' && /(?:^|[\s(;"])[A-Z][A-Za-z]*\/$/.test(text.slice(Math.max(at - 30, 0), at));

/** The address in a run of hexadecimal digits, colons and dots, or null. */
export function ipv6In(text: string, runStart: number, runEnd: number): Span | null {
  let start = runStart;
  let end = runEnd;
  while (end > start && text[end - 1] === '.') end -= 1;
  if (text[end - 1] === ':' && text[end - 2] !== ':') end -= 1;
  // "peer:fe80::1" and "a::b" begin with what is no address.
  if (text[start] === ':' && text[start + 1] !== ':') start += 1;
  if (end - start > LONGEST_IPV6 || end - start < 3 || /[\w:.]/.test(text[start - 1] ?? ' ') || /\w/.test(text[end] ?? ' ')) return null;
  return isIpv6(text.slice(start, end)) ? { kind: 'ipv6', start, end, prefix: 0, cued: false } : null;
}

function isIpv6(text: string): boolean {
  const [whole = '', mapped] = /^(.*:)((?:\d{1,3}\.){3}\d{1,3})$/.exec(text)?.slice(1) ?? [text];
  const halves = (mapped === undefined ? whole : `${whole}0:0`).split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => half.split(':')).filter((group, _index, all) => group !== '' || all.length === 0);
  if (!/[0-9]/.test(text) || !groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return false;
  if (halves.length === 1) return groups.length === 8;
  // "a::b" is a list in other languages; a short address is one where it starts like those in use.
  return groups.length <= 7 && (groups.length >= 3 || (groups.length >= 1 && /^(?:2[0-9a-f]{3}|f[cde][0-9a-f]{2})$/i.test(groups[0] as string)));
}
