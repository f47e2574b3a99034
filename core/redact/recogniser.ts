// The door for what patterns cannot see: names and postal addresses, by whatever an installation trusts to find them.

export interface NamedSpan {
  kind: 'person' | 'address';
  /** UTF-16 code units into the text, `end` excluded. */
  start: number;
  end: number;
}

/**
 * Finds names and addresses in one text. Pure and synchronous, so that a record gives the same result whenever it is
 * replayed. A service over HTTP is asked before, for all of `textsOf` a batch; `find` then looks its answers up, and has none
 * for a text that was not asked about. Spans that are out of range or taken by a pattern already are left out.
 */
export interface Recogniser {
  /** `name@version`, kept with each record. */
  readonly version: string;
  find(text: string): readonly NamedSpan[];
}
