// How rows are found by a digest or an identity: through a narrow index first, then by the whole value.
import { hash } from 'node:crypto';

/** 48 bits of the identity, as a column of its row. */
export const identityKey = (source: string, id: string): number => parseInt(hash('sha256', `${source}\n${id}`, 'hex').slice(0, 12), 16);

/** SQL that is true where the column has the digest; the first half is what the index is over. Both halves name the value. */
export const digestIs = (column: string, value: string): string => `substr(${column}, 8, 12) = substr(${value}, 8, 12) AND ${column} = ${value}`;

/** Values of ?4 and ?5 for a search by the start of a digest (`sha256:3f`), shorter or longer than what the index is over. */
export const digestRange = (prefix: string): [string, string] => [prefix.slice(7, 19), `${prefix.slice(7, 19)}\u{10FFFF}`];
