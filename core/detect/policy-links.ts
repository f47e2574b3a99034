// Web addresses in a text: with a scheme, with www., and bare ones under a well-known ending.

export interface Link {
  start: number;
  end: number;
  /** Lower case, in its ASCII form; empty where the address has no readable host. */
  host: string;
}

/** Endings under which a bare "shop.example.com" is taken for an address, not for the end of a sentence without a space. */
const BARE_ENDINGS = 'com|org|net|info|biz|io|ai|app|dev|eu|de|at|ch|fr|be|nl|it|es|pt|pl|se|no|dk|fi|uk|ie|us|ca|au|nz|in|jp|cn|br|ru|shop|store|online|site|xyz|example';
// Each alternative is anchored by what stands before it, so that no stretch of text is read from each of its characters anew.
const LINKS = new RegExp(
  `(?:(?<![\\p{L}\\p{N}])(?:https?|ftp):\\/\\/[^\\s<>"”“)\\]}|]{1,2000})|(?:(?<![\\p{L}\\p{N}.@/-])(?:[\\p{L}\\p{N}-]{1,63}\\.){1,8}(?:${BARE_ENDINGS})(?![\\p{L}\\p{N}-]|\\.[\\p{L}\\p{N}])(?:[/?#][^\\s<>"”“)\\]}|]{0,2000})?)`,
  'giu',
);

/** The host of an address or a domain as the URL standard reads it: "good.example@evil.example" is at evil.example. */
export function hostOf(address: string): string {
  try {
    return new URL(/^[a-z]+:\/\//i.test(address) ? address : `http://${address}`).hostname.replace(/\.$/, '');
  } catch {
    return '';
  }
}

export function linksIn(text: string): Link[] {
  // Most texts have neither a scheme nor a point inside a word.
  if (!text.includes('://') && !/\.[^\s.]/.test(text)) return [];
  return Array.from(text.matchAll(LINKS), (found) => ({ start: found.index, end: found.index + found[0].length, host: hostOf(found[0].replace(/[.,;:!?'’]+$/, '')) }));
}

/** The domain itself or one below it. */
export const isWithin = (host: string, domain: string): boolean => host === domain || host.endsWith(`.${domain}`);
