/**
 * `FileCheck` over whole files: what is sound passes, what is damaged is found, and its right bytes
 * are given.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { blindWalker } from '../../src/block/block-walker.ts';
import { BlockChecksum } from '../../src/block/checksum.ts';
import { decodeFileHeader } from '../../src/block/file-header.ts';
import type { EccOptions } from '../../src/ecc/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { FileCheck } from '../../src/integrity/file-check.ts';
import type { Finding } from '../../src/integrity/finding.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { testKeys } from '../block/pipelines.ts';
import { contentOf, fileOf, makeDeadSample, makeSample, type Sample } from '../prove/damage.ts';
import { DIRECTORY, openSeeded } from '../prove/environment.ts';
import { closedFile, lookAt } from './check-fixture.ts';

const encryption = { suite: 'aes-256-gcm', epoch: 2, keys: testKeys(2) } as const;
const CODES: Readonly<Record<string, EccOptions | undefined>> = {
  none: undefined,
  'Reed-Solomon': { scheme: 'reed-solomon', data: 4, parity: 2 },
  'Reed-Solomon of one data shard': { scheme: 'reed-solomon', data: 1, parity: 3 },
  XOR: { scheme: 'xor', data: 3 },
  'SEC-DED': { scheme: 'secded' },
};
const ENOUGH = 1 << 24;

function makeCodedSample(ecc: EccOptions | undefined, isEncrypted: boolean): Promise<Sample> {
  return makeSample({
    compression: 'none',
    ...(isEncrypted ? { encryption, walCompression: 'lz4' as const } : {}),
    ...(ecc === undefined ? {} : { ecc }),
  });
}

/** Every file of the sample, with what is known of it. */
function filesOf({ fs, files }: Sample) {
  return files
    .filter((name) => !name.startsWith('LOCK'))
    .map((name) => {
      const bytes = contentOf(fileOf(fs, name));
      return { name, bytes, expected: closedFile(name, bytes.length) };
    });
}

function tableOf(sample: Sample) {
  const tables = filesOf(sample).filter(({ name }) => name.endsWith('.sst'));
  return tables.sort((a, b) => b.bytes.length - a.bytes.length)[0]!;
}

function statesOf(findings: readonly Finding[]): string[] {
  return findings.map(({ part, state }) => `${part} ${state}`);
}

for (const [title, ecc] of Object.entries(CODES)) {
  suite(`the files of a database with the code ${title}`, async () => {
    const samples = [await makeCodedSample(ecc, false), await makeCodedSample(ecc, true)];

    test('are sound, looked at in steps of any size', () => {
      for (const sample of samples) {
        for (const { bytes, expected } of filesOf(sample)) {
          for (const budget of [1, 1000, ENOUGH]) {
            assert.deepEqual(lookAt(bytes, expected, budget).findings, []);
          }
        }
      }
    });

    test('show every changed byte, and with a code heal', () => {
      const random = new SeededRandom(3);
      for (const sample of samples) {
        for (const { name, bytes, expected } of filesOf(sample)) {
          for (let at = random.below(7); at < bytes.length; at += 1 + random.below(7)) {
            const damaged = bytes.slice();
            // What SEC-DED corrects is a bit.
            const isBit = ecc?.scheme === 'secded' || random.below(2) === 0;
            damaged[at]! ^= isBit ? 1 << random.below(8) : 1 + random.below(255);
            const { findings, healed } = lookAt(damaged, expected, ENOUGH);
            const what = `${name}, byte ${at}: ${JSON.stringify(findings)}`;
            assert.ok(findings.length > 0, what);
            if (ecc === undefined) continue;
            assert.ok(
              findings.every(({ state }) => state === 'healable'),
              what,
            );
            assert.deepEqual(healed, bytes, what);
          }
        }
      }
    });

    test('show that they were cut short', () => {
      for (const sample of samples) {
        for (const { name, bytes, expected } of filesOf(sample)) {
          if (name === 'CURRENT') continue;
          for (let left = 0; left < bytes.length; left += 31) {
            const { findings } = lookAt(bytes.slice(0, left), expected, ENOUGH);
            assert.ok(findings.length > 0, `${name}, only ${left} bytes`);
          }
          const { findings, healed } = lookAt(bytes.slice(0, -1), expected, ENOUGH);
          if (ecc === undefined) continue;
          assert.deepEqual(statesOf(findings), ['parity healable'], name);
          assert.deepEqual(healed, bytes);
        }
      }
    });

    test('lose what stands behind their end, unless it is zeros in a log', () => {
      for (const { name, bytes, expected } of samples.flatMap(filesOf)) {
        for (const fill of [0, 0xa5]) {
          const longer = new Uint8Array(bytes.length + 700).fill(fill);
          longer.set(bytes);
          const { findings, healed } = lookAt(longer, expected, ENOUGH);
          const isRoom = fill === 0 && name.endsWith('.wal');
          assert.deepEqual(statesOf(findings), isRoom ? [] : ['end healable'], name);
          assert.equal(healed.length, isRoom ? longer.length : bytes.length);
        }
      }
    });
  });
}

suite('a table', async () => {
  const ecc = CODES['Reed-Solomon'];
  const plain = tableOf(await makeCodedSample(undefined, false));
  const coded = tableOf(await makeCodedSample(ecc, true));

  test('heals two neighbours whose headers are both damaged, without index and key', () => {
    const { findings: none } = lookAt(coded.bytes, coded.expected, ENOUGH);
    assert.deepEqual(none, []);
    const starts = blockStarts(coded.bytes);
    for (let i = 0; i + 1 < starts.length; i++) {
      const damaged = coded.bytes.slice();
      for (const start of [starts[i]!, starts[i + 1]!]) damaged.fill(0xee, start, start + 16);
      const { findings, healed } = lookAt(damaged, coded.expected, ENOUGH);
      assert.deepEqual(statesOf(findings), ['block healable', 'block healable']);
      assert.deepEqual(healed, coded.bytes);
    }
  });

  test('loses the one block that is beyond its parity, and not its neighbour that is not', () => {
    const starts = blockStarts(coded.bytes);
    for (let i = 0; i + 2 < starts.length; i++) {
      const damaged = coded.bytes.slice();
      damaged.fill(0xee, starts[i]! + 16, starts[i + 1]);
      damaged[starts[i + 1]! + 40]! ^= 1;
      const { findings } = lookAt(damaged, coded.expected, ENOUGH);
      assert.deepEqual(statesOf(findings), ['block lost', 'block healable']);
      const [lost] = findings;
      assert.equal(lost!.offset, starts[i]);
      assert.equal(lost!.lengthBytes, starts[i + 1]! - starts[i]!);
    }
  });

  test('loses no neighbour of a lost block that a damaged header hides', () => {
    const starts = blockStarts(coded.bytes);
    for (let i = 0; i + 2 < starts.length; i++) {
      const [first, second] = [starts[i]!, starts[i + 1]!];
      // All of the lost one but its header, and a bit of the length of the other.
      const lost = coded.bytes.slice().fill(0xee, first + 16, second);
      lost[second + 8]! ^= 4;
      assert.deepEqual(statesOf(lookAt(lost, coded.expected, ENOUGH).findings), [
        'block lost',
        'block healable',
      ]);
      // All of it, and a byte of the other behind the header.
      const whole = coded.bytes.slice().fill(0xee, first, second);
      whole[second + 40]! ^= 4;
      assert.deepEqual(statesOf(lookAt(whole, coded.expected, ENOUGH).findings), [
        'block lost',
        'block healable',
      ]);
    }
  });

  test('is not led astray by a length that ends with a neighbour', () => {
    for (const { bytes, expected } of [plain, coded]) {
      const starts = [...blockStarts(bytes), bytes.length];
      for (let i = 0; i + 2 < starts.length; i++) {
        const damaged = bytes.slice();
        const length = new DataView(damaged.buffer, starts[i]! + 8, 4);
        // Up to the end of the next one, less what a parity section takes, whatever that is.
        const most = starts[i + 2]! - starts[i]! - 24;
        for (let claimed = most; claimed > most / 2; claimed -= 4) {
          length.setUint32(0, claimed, true);
          // A codec makes it plausible.
          damaged[starts[i]! + 1] = 1;
          new DataView(damaged.buffer, starts[i]! + 12, 4).setUint32(0, claimed * 2, true);
          const { findings, healed } = lookAt(damaged, expected, ENOUGH);
          assert.equal(findings.length, 1);
          const { offset, lengthBytes, state } = findings[0]!;
          assert.deepEqual([offset, offset + lengthBytes], [starts[i], starts[i + 1]]);
          assert.equal(state, bytes === coded.bytes ? 'healable' : 'lost');
          if (state === 'healable') assert.deepEqual(healed, bytes);
        }
      }
    }
  });

  test('shows a block that names another suite, under a right checksum', () => {
    const damaged = plain.bytes.slice();
    const [start] = blockStarts(damaged) as [number];
    const blockLen = new DataView(damaged.buffer).getUint32(start + 8, true) + 24;
    damaged[start + 2] = 1;
    const sum = new BlockChecksum(damaged.slice(16, 32)).of(damaged, start, blockLen - 8, start);
    sum.write(damaged, start + blockLen - 8);
    const { findings } = lookAt(damaged, plain.expected);
    assert.deepEqual(statesOf(findings), ['block lost']);
  });

  test('is not believed when it is another one', () => {
    const salt = new Uint8Array(16);
    const expected = { ...plain.expected, salt };
    assert.deepEqual(statesOf(lookAt(plain.bytes, expected).findings), ['file lost']);
    const other = { ...plain.expected, fileNumber: 77 };
    assert.deepEqual(statesOf(lookAt(plain.bytes, other).findings), ['file lost']);
  });

  test('gets a header back that the manifest describes', () => {
    const salt = coded.bytes.slice(16, 32);
    const databaseId = coded.bytes.slice(32, 48);
    const protection = { suiteId: 1, epoch: 2, ecc };
    const expected = { ...coded.expected, salt, databaseId, protection };
    const damaged = coded.bytes.slice();
    for (const copy of [0, 64, 128]) damaged.fill(0, copy, copy + 36);
    const { findings, healed } = lookAt(damaged, expected);
    assert.deepEqual(statesOf(findings), ['header healable']);
    assert.deepEqual(healed, coded.bytes);
    assert.deepEqual(statesOf(lookAt(damaged, coded.expected).findings), ['header lost']);
    const wrong = { ...expected, salt: salt.slice().fill(7) };
    assert.deepEqual(statesOf(lookAt(damaged, wrong).findings), ['header lost']);
  });

  test('is checked without its header, where nothing of that is left', () => {
    const salt = coded.bytes.slice(16, 32);
    const databaseId = coded.bytes.slice(32, 48);
    const protection = { suiteId: 1, epoch: 2, ecc };
    const expected = { ...coded.expected, salt, databaseId, protection };
    const damaged = coded.bytes.slice().fill(0, 0, 192);
    damaged[300]! ^= 1;
    const { findings } = lookAt(damaged, expected);
    assert.deepEqual(statesOf(findings), ['header lost', 'block healable']);
  });

  test('takes lost blocks from another source, if they are its own', () => {
    const from = blockStarts(plain.bytes)[1]!;
    const damaged = plain.bytes.slice();
    damaged.fill(0, from + 3, from + 60);
    const source = (bytes: Uint8Array) => ({
      name: 'copy',
      restore: (start: number, end: number) => bytes.slice(start, end),
    });
    const good = lookAt(damaged, plain.expected, 1, [source(damaged), source(plain.bytes)]);
    assert.deepEqual(statesOf(good.findings), ['block healable']);
    assert.equal(good.findings[0]!.source, 'copy');
    assert.deepEqual(good.healed, plain.bytes);
    const bad = lookAt(damaged, plain.expected, 1, [source(damaged)]);
    assert.deepEqual(statesOf(bad.findings), ['block lost']);
  });
});

test('a place that is gone is not taken for one that is right', async () => {
  for (const { bytes, expected } of filesOf(await makeCodedSample(CODES['XOR'], false))) {
    const damaged = bytes.slice();
    damaged[bytes.length - 1]! ^= 1;
    damaged[0]! ^= 1;
    for (const only of lookAt(damaged, expected, ENOUGH).findings) {
      for (const left of [0, 10, 500]) {
        if (only.part === 'slot' || (only.part === 'header' && left === 500)) continue;
        const file = new MemoryFs().open('file', 'create');
        file.write(bytes, 0, left, 0);
        let isTold = false;
        const check = new FileCheck(file, expected, () => (isTold = true), { only });
        while (check.step(ENOUGH));
        assert.ok(isTold, `${left} bytes of ${JSON.stringify(only)}`);
      }
    }
  }
});

suite('a log whose end is known', async () => {
  const sample = await makeCodedSample(undefined, false);
  const { bytes, expected } = filesOf(sample).find(({ name }) => name.endsWith('.wal'))!;
  const starts = blockStarts(bytes);

  test('keeps what stands behind the end if sound blocks are among it', () => {
    // As if the manifest were an older one, of a shorter log.
    const shorter = { ...expected, endBytes: starts[2]! };
    const { findings, healed } = lookAt(bytes, shorter);
    assert.deepEqual(statesOf(findings), ['end lost']);
    assert.deepEqual(healed, bytes);
    // While it is in use that is how it should be.
    assert.deepEqual(lookAt(bytes, { ...shorter, isClosed: false }).findings, []);
  });

  test('loses a record that holds nothing but zeros, and not what follows', () => {
    const damaged = bytes.slice().fill(0, starts[2], starts[3]);
    for (const known of [expected, { ...expected, isClosed: false }]) {
      const { findings, tornAt } = lookAt(damaged, known);
      assert.deepEqual(statesOf(findings), ['block lost']);
      const [{ offset, lengthBytes }] = findings as [Finding];
      assert.deepEqual([offset, offset + lengthBytes], [starts[2], starts[3]]);
      assert.equal(tornAt, undefined);
    }
    const unknown = { ...expected, endBytes: undefined, isClosed: false };
    assert.deepEqual(lookAt(damaged, unknown).findings, [], 'a loss of power leaves that');
    assert.equal(lookAt(damaged, unknown).tornAt, starts[2]);
  });
});

test('a log is checked without its header, where the manifest names its salt', async () => {
  const sample = await makeCodedSample(CODES['Reed-Solomon'], true);
  const log = filesOf(sample).find(({ name }) => name.endsWith('.wal'))!;
  const protection = { suiteId: 1, epoch: 2, ecc: CODES['Reed-Solomon'] };
  const expected = { ...log.expected, salt: log.bytes.slice(16, 32), protection };
  const damaged = log.bytes.slice().fill(0, 0, 192);
  damaged[250]! ^= 1;
  assert.deepEqual(statesOf(lookAt(damaged, expected).findings), ['header lost', 'block healable']);
  assert.deepEqual(statesOf(lookAt(damaged, log.expected).findings), ['header lost']);
});

test('a block of several MiB heals when its length is damaged', async () => {
  for (const ecc of [CODES['Reed-Solomon']!, CODES['SEC-DED']!]) {
    const fs = new MemoryFs();
    const db = await openSeeded(fs, 1, { ecc, compression: 'none' });
    const value = new Uint8Array(5_000_000);
    new SeededRandom(1).fill(value);
    db.put('large', value);
    db.put('small', 'value');
    await db.compact();
    await db.close();
    const name = fs.list(DIRECTORY).find((file) => file.endsWith('.sst'))!;
    const bytes = contentOf(fileOf(fs, name));
    const [start] = blockStarts(bytes) as [number];
    for (const at of [3, 9]) {
      const damaged = bytes.slice();
      damaged[start + at]! ^= 0x20;
      const { findings, healed } = lookAt(damaged, closedFile(name, bytes.length), ENOUGH);
      assert.deepEqual(statesOf(findings), ['block healable'], `byte ${at}`);
      assert.equal(Buffer.compare(healed, bytes), 0);
    }
  }
});

test('the torn end of a log that a process left is no damage', async () => {
  for (const ecc of [undefined, CODES['Reed-Solomon']]) {
    const stages = ecc === undefined ? {} : { ecc };
    const { fs } = await makeDeadSample({ ...stages, compression: 'none' });
    const name = fs
      .list(DIRECTORY)
      .filter((file) => file.endsWith('.wal'))
      .sort()
      .at(-1)!;
    const bytes = contentOf(fileOf(fs, name));
    const expected = { fileClass: 'wal', fileNumber: Number.parseInt(name, 10) } as const;
    assert.deepEqual(lookAt(bytes, expected).findings, []);
    for (const left of [bytes.length - 30, bytes.length - 100]) {
      const cut = bytes.slice(0, left);
      const { findings, tornAt } = lookAt(cut, expected);
      assert.ok(findings.every(({ state }) => state === 'healable'));
      assert.ok(findings.length > 0 || tornAt !== undefined);
      const durable = lookAt(cut, { ...expected, durableBytes: bytes.length }).findings;
      assert.equal(
        tornAt !== undefined,
        durable.some(({ state }) => state === 'lost'),
      );
    }
    const damaged = bytes.slice();
    damaged.fill(0xee, 400, 900);
    assert.ok(lookAt(damaged, expected).findings.some(({ state }) => state === 'lost'));
  }
});

/** Where the blocks of a table begin. */
function blockStarts(bytes: Uint8Array): number[] {
  const file = new MemoryFs().open('table', 'create');
  file.write(bytes, 0, bytes.length, 0);
  const walker = blindWalker(file, decodeFileHeader(bytes, 448, 'table')!);
  const found = [...walker.walk(walker.firstPosition, bytes.length)];
  return found.map(({ start }) => start);
}
