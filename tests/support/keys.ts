// Fixed keys for a test's home, so that the split and the draws are the same in every run.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOfBytes } from '../../core/digest.ts';

export function writeTestKeys(home: string): void {
  const key = (name: string): string => digestOfBytes(`ratchet test key ${name}`).slice('sha256:'.length);
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'keys.json'), JSON.stringify({ version: 1, identity: key('identity'), split: key('split'), redaction: key('redaction'), subject: key('subject') }), { mode: 0o600 });
}
