// What the redactor looks for, and the stretch of text where it found one.

export const KINDS = ['secret', 'private_key', 'jwt', 'email', 'iban', 'card', 'ssn', 'national_id', 'ipv6', 'ipv4', 'phone', 'crypto', 'encoded', 'person', 'address'] as const;
export type Kind = (typeof KINDS)[number];

export interface Span {
  kind: Kind;
  start: number;
  end: number;
  /** Characters at the start that only say whose a secret is. */
  prefix: number;
  /** The words around it gave it away, not its own form: it is looked for again where it stands without them. */
  cued: boolean;
}
