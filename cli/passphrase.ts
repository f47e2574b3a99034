// Asks for a passphrase without showing it, or reads it from a file.
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { RatchetError } from '../core/errors.ts';

/** @param file the first line of it; without a file a person is asked, on a terminal only */
export async function readPassphrase(question: string, file?: string): Promise<string> {
  if (file !== undefined) {
    const text = await readFile(file, 'utf8').catch(() => {
      throw new RatchetError('REQUEST_INVALID', `--passphrase-file: ${file} cannot be read`);
    });
    return text.split('\n')[0] ?? '';
  }
  if (!process.stdin.isTTY) throw new RatchetError('REQUEST_INVALID', 'the key is locked by a passphrase and there is no terminal to ask on: give --passphrase-file');
  process.stderr.write(`${question}: `);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await reader.question('');
  } finally {
    reader.close();
    process.stderr.write('\n');
  }
}
