// What every blob store must do, whatever it is built on.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestOfBytes } from '../../core/digest.ts';
import type { BlobStore } from '../../stores/ports.ts';

export interface BlobPlace {
  open(): Promise<BlobStore>;
  /** A folder for files that a test puts in. */
  scratch: string;
  /** Changes the kept bytes behind the store's back. */
  damage(digest: string): Promise<void>;
  remove(): Promise<void>;
}

const coded = (code: string) => expect.objectContaining({ code }) as Error;

export function blobStoreContract(name: string, makePlace: () => Promise<BlobPlace>): void {
  describe(`blob store: ${name}`, () => {
    let place: BlobPlace;
    let blobs: BlobStore;
    beforeEach(async () => {
      place = await makePlace();
      blobs = await place.open();
    });
    afterEach(() => place.remove());

    it('gives any bytes back under their digest', async () => {
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 4096 }), async (bytes) => {
          const digest = await blobs.put(bytes);
          expect(digest).toBe(digestOfBytes(bytes));
          expect(Buffer.from(await blobs.get(digest)).equals(bytes)).toBe(true);
        }),
        { numRuns: 20 },
      );
    });

    it('takes a file, and many writers of the same bytes', async () => {
      const file = join(place.scratch, 'weights.bin');
      const bytes = Buffer.alloc(3_000_000, 'weights');
      await writeFile(file, bytes);
      const digests = await Promise.all([blobs.putFile(file), blobs.put(bytes), blobs.putFile(file)]);
      expect(new Set(digests)).toEqual(new Set([digestOfBytes(bytes)]));
      expect((await (await place.open()).get(digestOfBytes(bytes))).byteLength).toBe(bytes.byteLength);
    });

    it('says what it does not have and what was damaged', async () => {
      const digest = await blobs.put(Buffer.from('whole'));
      expect(await blobs.has(digest)).toBe(true);
      expect(await blobs.has(digestOfBytes('absent'))).toBe(false);
      await expect(blobs.get(digestOfBytes('absent'))).rejects.toThrow(coded('NOT_FOUND'));
      await place.damage(digest);
      await expect(blobs.get(digest)).rejects.toThrow(coded('BLOB_CORRUPT'));
    });

    it('refuses a name that is no digest', async () => {
      await expect(blobs.get('sha256:../../etc/passwd')).rejects.toThrow();
    });
  });
}
