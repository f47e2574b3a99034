// How commands print: tables for people, one JSON document with --json. Nothing else writes to stdout.

export interface Output {
  readonly json: boolean;
  /** Prints `value` as JSON, or the text that `render` makes of it. */
  result: <T>(value: T, render: (value: T) => string) => void;
  /** A line of progress on stderr, so that stdout can be piped. */
  note: (line: string) => void;
}

export function createOutput(json: boolean): Output {
  return {
    json,
    result: (value, render) => {
      process.stdout.write(`${json ? JSON.stringify(value, null, 2) : render(value)}\n`);
    },
    note: (line) => {
      process.stderr.write(`${line}\n`);
    },
  };
}

/** Left-aligned columns, as wide as their widest cell. */
export function table(header: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const cells = [header, ...rows].map((row) => row.map((cell) => (cell === null || cell === undefined ? '-' : String(cell as string | number | boolean))));
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n');
}

/** `name  value` lines for one thing. */
export const fields = (pairs: readonly (readonly [string, unknown])[]): string => table(['', ''], pairs).split('\n').slice(1).join('\n');

/** First 12 hex digits: enough to tell digests apart on a screen; every command takes a prefix. */
export const short = (digest: string | null | undefined): string => (digest ? digest.replace(/^sha256:/, '').slice(0, 12) : '-');

export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
