import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import {
  FILE_CLASS_MANIFEST,
  FILE_CLASS_TABLE,
  type FileHeader,
} from '../../src/block/file-header.ts';
import {
  FIELDS,
  putTogether,
  relabelled,
  takeApart,
  withBlocks,
  withContentLength,
  withFlippedBit,
  withHeader,
} from './attacker.ts';
import { filesOf, judge, makeSample } from './sample.ts';
import { expectNoticed, makeTarget, type Target, WAYS } from './threats.ts';
import { bytesOf, ECC_CHOICES, encryptionOf, namesIn, setBytes } from './world.ts';

const KINDS = ['sst', 'wal', 'MANIFEST'] as const;
/** 'c': all values of the sample hold it; keys, lengths and seqnos of records do not. */
const LETTER = 0x63;

suite('the tools of the attacker', () => {
  test('put every file together as it was', async () => {
    for (const ecc of ECC_CHOICES) {
      const { fs } = await makeSample({ ecc, encryption: encryptionOf('aes-256-gcm') }, false);
      for (const name of namesIn(fs).filter((file) => file !== 'CURRENT')) {
        assert.deepEqual(putTogether(takeApart(bytesOf(fs, name))), bytesOf(fs, name), name);
      }
    }
  });

  test('change values unnoticed where nothing is encrypted, with every code', async () => {
    for (const ecc of ECC_CHOICES) {
      const sample = await makeSample({ ecc, compression: 'none' }, false);
      for (const name of [filesOf(sample.fs, 'sst')[0]!, filesOf(sample.fs, 'wal')[0]!]) {
        const fs = sample.fs.clone();
        const forged = withBlocks(bytesOf(fs, name), (blocks) =>
          blocks.map((block) =>
            Uint8Array.from(block, (byte, i) => (byte === LETTER && i >= 16 ? 0x58 : byte)),
          ),
        );
        setBytes(fs, name, forged);
        await assert.rejects(judge(fs, sample.options, sample.contents), /value of/, name);
      }
    }
  });
});

/** Ways to change one block of a file; the result is sound but for what is keyed. */
const BLOCK_CHANGES: Record<string, (block: Uint8Array) => Uint8Array> = {
  'a turned bit': withFlippedBit,
  'another type': (block) => relabelled(block, FIELDS.type, block[FIELDS.type] === 1 ? 2 : 1),
  'another codec': (block) => relabelled(block, FIELDS.codec, block[FIELDS.codec] === 0 ? 1 : 0),
  'zstd for its codec': (block) => relabelled(block, FIELDS.codec, 2),
  'a dictionary for its codec': (block) => relabelled(block, FIELDS.codec, 3),
  'an unknown codec': (block) => relabelled(block, FIELDS.codec, 200),
  'the other suite': (block) => relabelled(block, FIELDS.suite, 3 - block[FIELDS.suite]!),
  'no suite': (block) => relabelled(block, FIELDS.suite, 0),
  'the epoch before': (block) => relabelled(block, FIELDS.epoch, 1),
  'no epoch': (block) => relabelled(block, FIELDS.epoch, 0),
  'a longer content': (block) => withContentLength(block, 100_000),
  'a huge content': (block) => withContentLength(block, 0x4000_0000),
  'no content': (block) => withContentLength(block, 0),
  'its tag cut off': (block) => {
    const cut = block.slice(0, 16);
    cut.fill(0, 8, 12);
    return cut;
  },
};

/** Ways to change the header of a file. */
const HEADER_CHANGES: Record<string, (header: FileHeader) => FileHeader> = {
  'another salt': (header) => ({ ...header, salt: header.salt.map((byte) => byte ^ 1) }),
  'another salt behind the seed': (header) => {
    const salt = header.salt.slice();
    salt[15] = salt[15]! ^ 1;
    return { ...header, salt };
  },
  'another predecessor': (header) => ({
    ...header,
    databaseId: undefined,
    previousNumber: header.previousNumber + 1,
  }),
  'another database': ({ databaseId, ...header }) => ({
    ...header,
    databaseId: databaseId?.map((byte) => byte ^ 1),
  }),
  'a higher base seqno': (header) => ({
    ...header,
    databaseId: undefined,
    baseSeqno: header.baseSeqno + 1,
  }),
  'a lower base seqno': (header) => ({ ...header, baseSeqno: Math.max(0, header.baseSeqno - 1) }),
  'the number of another file': (header) => ({ ...header, fileNumber: header.fileNumber + 1 }),
  'another class': (header) => ({
    ...header,
    fileClass: header.fileClass === FILE_CLASS_TABLE ? FILE_CLASS_MANIFEST : FILE_CLASS_TABLE,
  }),
  'the other suite': (header) => protect(header, { suiteId: 3 - header.protection.suiteId }),
  'the epoch before': (header) => protect(header, { epoch: 1 }),
  'no encryption': (header) => protect(header, { suiteId: 0, epoch: 0 }),
  'another code': (header) => protect(header, { ecc: { scheme: 'xor', data: 3 } }),
};

function protect(header: FileHeader, change: Partial<FileHeader['protection']>): FileHeader {
  return { ...header, protection: { ...header.protection, ...change } };
}

for (const way of WAYS) {
  suite(`in a database with ${way.name}`, () => {
    let target: Target;
    before(async () => {
      target = await makeTarget(way, false);
    });

    test('a block that was changed or relabelled is refused, in every file', async () => {
      for (const kind of KINDS) {
        const name = filesOf(target.sample.fs, kind).at(-1)!;
        const count = takeApart(bytesOf(target.sample.fs, name)).blocks.length;
        for (const [what, change] of Object.entries(BLOCK_CHANGES)) {
          for (const index of new Set([0, count >> 1, count - 1])) {
            const { blocks: whole } = takeApart(bytesOf(target.sample.fs, name));
            if (Buffer.compare(change(whole[index]!), whole[index]!) === 0) continue;
            const forge = (bytes: Uint8Array) =>
              withBlocks(bytes, (blocks) => blocks.with(index, change(blocks[index]!)));
            const codes = what === 'another type' ? BOTH : CORRUPTION;
            await expectNoticed(target, name, `block ${index} with ${what}`, forge, codes);
          }
        }
      }
    });

    test('the last record of a log that died is never torn when it is forged', async () => {
      for (const kind of ['wal', 'MANIFEST'] as const) {
        const name = filesOf(target.sample.fs, kind).at(-1)!;
        const forge = (bytes: Uint8Array) =>
          withBlocks(bytes, (blocks) => blocks.with(-1, withFlippedBit(blocks.at(-1)!)));
        await expectNoticed(target, name, 'last record', forge);
      }
    });

    test('a header that was changed is refused, in every file', async () => {
      for (const kind of KINDS) {
        const name = filesOf(target.sample.fs, kind).at(-1)!;
        for (const [what, change] of Object.entries(HEADER_CHANGES)) {
          const { header } = takeApart(bytesOf(target.sample.fs, name));
          if (JSON.stringify(change(header)) === JSON.stringify(header)) continue;
          await expectNoticed(target, name, what, (bytes) => withHeader(bytes, change));
        }
      }
    });

    test('an epoch whose key is not there, in a header, is refused', async () => {
      for (const kind of KINDS) {
        const name = filesOf(target.sample.fs, kind).at(-1)!;
        const change = (header: FileHeader) => protect(header, { epoch: 9 });
        const relabel = (bytes: Uint8Array) => withHeader(bytes, change);
        await expectNoticed(target, name, 'epoch 9', relabel, ['KEY', 'CORRUPTION']);
      }
    });

    test('a block in another place of its file is refused', async () => {
      for (const kind of KINDS) {
        for (const name of filesOf(target.sample.fs, kind)) await moveBlocks(target, name);
      }
    });

    test('a block of another file, also of another database, is refused', async () => {
      const { sample, other } = target;
      let count = 0;
      for (const name of namesIn(sample.fs).filter((file) => file !== 'CURRENT')) {
        const { blocks } = takeApart(bytesOf(sample.fs, name));
        for (const fs of [sample.fs, other.fs]) {
          for (const source of namesIn(fs).filter((file) => file !== 'CURRENT')) {
            if (fs === sample.fs && source === name) continue;
            count += await graft(target, name, blocks, source, bytesOf(fs, source));
          }
        }
      }
      assert.ok(count >= 12, `${count} blocks found a place`);
    });

    test('a file that is cut or goes on is refused where its end is known', async () => {
      for (const name of filesOf(target.sample.fs, 'sst')) {
        const last = (bytes: Uint8Array) => withBlocks(bytes, (blocks) => blocks.slice(0, -1));
        await expectNoticed(target, name, 'without its last block', last);
        await expectNoticed(target, name, 'of half its length', (bytes) =>
          bytes.slice(0, bytes.length >> 1),
        );
        const more = (bytes: Uint8Array) =>
          withBlocks(bytes, (blocks) => [...blocks, blocks.at(-1)!]);
        await expectNoticed(target, name, 'with its last block twice', more);
        await expectNoticed(target, name, 'with a byte more', (bytes) =>
          Uint8Array.from([...bytes, 0]),
        );
      }
    });
  });
}

const CORRUPTION = ['CORRUPTION'] as const;
/** A record of another type may be one of a later version. */
const BOTH = ['CORRUPTION', 'UNSUPPORTED'] as const;

/** Swaps, repeats and removes blocks. */
async function moveBlocks(target: Target, name: string): Promise<void> {
  const { blocks } = takeApart(bytesOf(target.sample.fs, name));
  for (const i of blocks.keys()) {
    if (i === 0) continue;
    const swap = (all: Uint8Array[]) => all.with(i, all[i - 1]!).with(i - 1, all[i]!);
    await expectNoticed(target, name, `${i} and the one before`, (b) => withBlocks(b, swap));
  }
  const [first, last] = [0, blocks.length - 1];
  const edits: Record<string, (all: Uint8Array[]) => Uint8Array[]> = {
    'first and last in each other’s place': (all) =>
      all.with(first, all[last]!).with(last, all[first]!),
    'the first one twice': (all) => [all[0]!, ...all],
    'the first one again at the end': (all) => [...all, all[0]!],
    'the last one twice': (all) => [...all, all[last]!],
    'without the first': (all) => all.slice(1),
    'without one in the middle': (all) => all.toSpliced(all.length >> 1, 1),
  };
  for (const [what, edit] of Object.entries(edits)) {
    await expectNoticed(target, name, what, (b) => withBlocks(b, edit));
  }
}

/** Puts a block of `source` where one of the same length and type stands; returns how many. */
async function graft(
  target: Target,
  name: string,
  blocks: readonly Uint8Array[],
  source: string,
  sourceBytes: Uint8Array,
): Promise<number> {
  const candidates = takeApart(sourceBytes).blocks;
  const at = blocks.findIndex((block) => candidates.some((other) => isAlike(block, other)));
  if (at < 0) return 0;
  const same = candidates[at] !== undefined && isAlike(blocks[at]!, candidates[at]);
  const found = same ? candidates[at] : candidates.find((other) => isAlike(blocks[at]!, other));
  await expectNoticed(target, name, `block ${at} from ${source}`, (bytes) =>
    withBlocks(bytes, (all) => all.with(at, found!)),
  );
  return 1;
}

function isAlike(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a[FIELDS.type] === b[FIELDS.type];
}
