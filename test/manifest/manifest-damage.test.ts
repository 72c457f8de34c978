/**
 * Damaged and shortened manifests, with and without a code.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Correction } from '../../src/block/block-reader.ts';
import { loadChecksum } from '../../src/block/checksum.ts';
import { isVarveError } from '../../src/errors.ts';
import type { MemoryFs } from '../../src/fs/memory.ts';
import {
  addTable,
  CURRENT,
  createManifest,
  cutFile,
  flip,
  manifestPath,
  newDirectory,
  type Opening,
  openingOf,
  PLAIN,
  recoverState,
  sizeOf,
  stateOf,
  usedManifest,
} from './manifest-fixture.ts';

await loadChecksum();

/** The recovered state, or undefined after a CORRUPTION that names a file of the database. */
function recoverOrDamage(fs: MemoryFs, opening: Opening = PLAIN): unknown {
  try {
    return recoverState(fs, opening);
  } catch (error) {
    assert.ok(isVarveError(error, 'CORRUPTION'), String(error));
    assert.match(error.file!, /^db\/(CURRENT|MANIFEST-\d{6})$/);
    assert.notEqual(error.offset, undefined);
    return undefined;
  }
}

/** Manifests of which nothing can be repaired but the copies of header and CURRENT. */
const UNREPAIRABLE: Readonly<Record<string, Opening>> = {
  plain: PLAIN,
  compressed: await openingOf({ compression: 'lz4' }),
  'encrypted and compressed': await openingOf({ suite: 'chacha20-poly1305', compression: 'lz4' }),
};

/** Told of repairs of the manifests with a code. */
const corrections: Correction[] = [];

/** Manifests with a code; any damaged byte of theirs is put right, or any bit. */
const REPAIRABLE: Readonly<Record<string, Opening>> = {
  shards: await openingOf({ ecc: { scheme: 'reed-solomon', data: 3, parity: 2 }, corrections }),
  XOR: await openingOf({ ecc: { scheme: 'xor', data: 4 }, compression: 'lz4', corrections }),
  'shards, encrypted': await openingOf({
    suite: 'aes-256-gcm',
    ecc: { scheme: 'reed-solomon', data: 4, parity: 1 },
    corrections,
  }),
  bits: await openingOf({ ecc: { scheme: 'secded' }, corrections }),
};

describe('damage to one byte', () => {
  for (const [name, opening] of Object.entries(UNREPAIRABLE)) {
    test(`after a clean close gives the same state or an error that names a file (${name})`, () => {
      const fs = newDirectory();
      const manifest = usedManifest(fs, opening);
      manifest.close({ walEnds: [{ logNumber: 9, sizeBytes: 500 }], lastSeqno: 70 });
      const state = recoverState(fs, opening);
      let damaged = 0;
      const flips = opening === PLAIN ? [0xff, 1] : [1];
      for (const path of [CURRENT, manifestPath(fs)]) {
        const size = sizeOf(fs, path);
        for (let offset = 0; offset < size; offset++) {
          for (const mask of flips) {
            const bits = mask === 1 ? 1 << (offset % 8) : mask;
            flip(fs, path, offset, bits);
            const recovered = recoverOrDamage(fs, opening);
            if (recovered === undefined) damaged++;
            else assert.deepEqual(recovered, state, `${path} ${offset}`);
            flip(fs, path, offset, bits);
          }
        }
      }
      assert.equal(damaged, flips.length * (sizeOf(fs, manifestPath(fs)) - 128));
    });

    test(`without a close gives the same state or an error too, even at the end (${name})`, () => {
      const fs = newDirectory();
      const manifest = usedManifest(fs, opening);
      const state = stateOf(manifest);
      for (const path of [CURRENT, manifestPath(fs)]) {
        const size = sizeOf(fs, path);
        for (let offset = 0; offset < size; offset++) {
          flip(fs, path, offset, 1 << (offset % 8));
          const recovered = recoverOrDamage(fs, opening);
          if (recovered !== undefined) assert.deepEqual(recovered, state, `${path} ${offset}`);
          flip(fs, path, offset, 1 << (offset % 8));
        }
      }
    });
  }

  for (const [name, opening] of Object.entries(REPAIRABLE)) {
    test(`of a manifest with a code is put right, after a close or without (${name})`, () => {
      for (const isClosed of [true, false]) {
        const fs = newDirectory();
        const manifest = usedManifest(fs, opening);
        if (isClosed) manifest.close({ walEnds: [], lastSeqno: 70 });
        const state = recoverState(fs, opening);
        const path = manifestPath(fs);
        let reported = 0;
        for (let offset = 0; offset < sizeOf(fs, path); offset++) {
          const bits = name === 'bits' || offset % 2 === 0 ? 1 << (offset % 8) : 0xff;
          corrections.length = 0;
          flip(fs, path, offset, bits);
          assert.deepEqual(recoverState(fs, opening), state, `${offset}`);
          flip(fs, path, offset, bits);
          if (corrections.length > 0) reported++;
          for (const { file } of corrections) assert.equal(file, path);
        }
        // Nobody looks at parity and at further copies of a length while a record is sound.
        assert.ok(reported > sizeOf(fs, path) / 3, `${reported} of ${sizeOf(fs, path)}`);
      }
    });
  }
});

describe('a manifest that is cut short', () => {
  for (const [name, opening] of Object.entries(UNREPAIRABLE)) {
    test(`is damaged after a clean close (${name})`, () => {
      const fs = newDirectory();
      const manifest = usedManifest(fs, opening);
      manifest.close({ walEnds: [], lastSeqno: 70 });
      const path = manifestPath(fs);
      for (let size = sizeOf(fs, path) - 1; size >= 0; size--) {
        cutFile(fs, path, size);
        assert.equal(recoverOrDamage(fs, opening), undefined, `${size}`);
      }
    });

    test(`gives the edits before the cut without a close, at least the first (${name})`, () => {
      const fs = newDirectory();
      const manifest = createManifest(fs, 1, opening);
      const snapshotBytes = manifest.sizeBytes;
      const states = [{ end: snapshotBytes, state: stateOf(manifest) }];
      for (let i = 0; i < 5; i++) {
        addTable(manifest, i % 2);
        states.push({ end: manifest.sizeBytes, state: stateOf(manifest) });
      }
      const path = manifestPath(fs);
      for (let size = sizeOf(fs, path); size >= 0; size--) {
        cutFile(fs, path, size);
        const expected = states.findLast(({ end }) => end <= size)?.state;
        assert.deepEqual(recoverOrDamage(fs, opening), expected, `${size}`);
      }
    });
  }

  for (const [name, opening] of Object.entries(REPAIRABLE)) {
    test(`may lack the parity of its last record (${name})`, () => {
      const fs = newDirectory();
      const manifest = createManifest(fs, 1, opening);
      const states = [stateOf(manifest)];
      const ends = [manifest.sizeBytes];
      for (let i = 0; i < 4; i++) {
        addTable(manifest, i % 2);
        states.push(stateOf(manifest));
        ends.push(manifest.sizeBytes);
      }
      const path = manifestPath(fs);
      const parityBytes: number[] = [];
      for (let i = ends.length - 1, size = ends[i]!; i >= 0; i--) {
        const end = ends[i]!;
        cutFile(fs, path, end);
        for (size = end; size > (ends[i - 1] ?? 0); size--) {
          cutFile(fs, path, size);
          const recovered = recoverOrDamage(fs, opening);
          if (isDeepStrictEqual(recovered, states[i])) continue;
          assert.deepEqual(recovered, states[i - 1], `${size} of ${end}`);
          parityBytes.push(end - size);
          break;
        }
        for (; size > (ends[i - 1] ?? 0); size--) {
          cutFile(fs, path, size);
          assert.deepEqual(recoverOrDamage(fs, opening), states[i - 1], `${size} of ${end}`);
        }
      }
      assert.equal(parityBytes.length, ends.length);
      for (const bytes of parityBytes) assert.ok(bytes >= 4, `${parityBytes}`);
    });

    test(`may lack it after a clean close too (${name})`, () => {
      const fs = newDirectory();
      const manifest = usedManifest(fs, opening);
      manifest.close({ walEnds: [], lastSeqno: 70 });
      const state = recoverState(fs, opening);
      const path = manifestPath(fs);
      const whole = sizeOf(fs, path);
      let size = whole - 1;
      for (; size >= 0; size--) {
        cutFile(fs, path, size);
        const recovered = recoverOrDamage(fs, opening);
        if (recovered === undefined) break;
        assert.deepEqual(recovered, state, `${size}`);
      }
      assert.ok(size < whole - 4, `${whole - size} bytes`);
      for (; size >= 0; size--) {
        cutFile(fs, path, size);
        assert.equal(recoverOrDamage(fs, opening), undefined, `${size}`);
      }
    });
  }
});
