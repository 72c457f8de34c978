import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import { writeU16, writeU64 } from '../../src/bytes/fixed.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import {
  declareClear,
  FIELDS,
  putTogether,
  relabelled,
  SLOT_FIELDS,
  takeApart,
  withBlocks,
  withSlots,
} from './attacker.ts';
import { filesOf, judge, makeSample, type Sample } from './sample.ts';
import {
  expectHarmless,
  expectNoticed,
  expectNoticedIn,
  makeTarget,
  replaceAll,
  type Target,
  WAYS,
} from './threats.ts';
import { bytesOf, DIRECTORY, encryptionOf, headerOf, namesIn, openIn, setBytes } from './world.ts';

const RANDOM_CHANGES = 60;

/** Changes to a copy of CURRENT's slot. */
const SLOT_CHANGES: Record<string, (copy: Uint8Array) => void> = {
  'a clean close more or less': (copy) => flip(copy, SLOT_FIELDS.isClean),
  'the other suite': (copy) => {
    copy[SLOT_FIELDS.suite] = 3 - copy[SLOT_FIELDS.suite]!;
  },
  'an unknown suite': (copy) => {
    copy[SLOT_FIELDS.suite] = 77;
  },
  'the epoch before': (copy) => writeU16(copy, SLOT_FIELDS.epoch, 1),
  'an epoch without a key': (copy) => writeU16(copy, SLOT_FIELDS.epoch, 9),
  'a higher generation': (copy) => writeU64(copy, SLOT_FIELDS.generation, 1001),
  'another manifest': (copy) => flip(copy, SLOT_FIELDS.manifestNumber),
  'fewer durable bytes': (copy) => writeU64(copy, SLOT_FIELDS.manifestBytes, 1),
  'another database': (copy) => flip(copy, SLOT_FIELDS.databaseId),
  'another key check': (copy) => flip(copy, SLOT_FIELDS.keyCheck),
  'another salt': (copy) => flip(copy, SLOT_FIELDS.salt),
  'another tag': (copy) => flip(copy, SLOT_FIELDS.tag),
  'another manifest salt': (copy) => flip(copy, SLOT_FIELDS.manifestSalt),
  'no manifest salt': (copy) => copy.fill(0, SLOT_FIELDS.manifestSalt, 120),
};

function flip(copy: Uint8Array, offset: number): void {
  copy[offset] = copy[offset]! ^ 1;
}

for (const way of WAYS) {
  suite(`in a database with ${way.name}`, () => {
    let dead: Target;
    let closed: Target;
    let clear: Sample;
    before(async () => {
      dead = await makeTarget(way, false);
      closed = await makeTarget(way, true);
      clear = await makeSample({ ...way.options, encryption: false }, false, way.world);
    });

    test('CURRENT with a changed field is refused', async () => {
      for (const target of [dead, closed]) {
        for (const [what, change] of Object.entries(SLOT_CHANGES)) {
          const forge = (bytes: Uint8Array) => withSlots(bytes, change);
          await expectNoticed(target, 'CURRENT', what, forge, ['CORRUPTION', 'KEY', 'UNSUPPORTED']);
        }
      }
    });

    test('CURRENT that says that nothing is encrypted is refused, whatever is let in', async () => {
      const forge = (bytes: Uint8Array) => withSlots(bytes, declareClear);
      await expectNoticed(dead, 'CURRENT', 'in the clear', forge, ['KEY']);
      const encryption = { ...encryptionOf('aes-256-gcm', 2), ...way.options.encryption };
      const isLax = {
        ...dead.sample.options,
        encryption: { ...encryption, encryptExisting: true },
      };
      const lax = { ...dead, sample: { ...dead.sample, options: isLax as DbOptions } };
      await expectNoticed(lax, 'CURRENT', 'in the clear', forge);
    });

    test('CURRENT that is gone, empty or of another database is refused', async () => {
      const { sample, other } = dead;
      await expectNoticedIn(dead, 'no CURRENT', (fs) => fs.remove(`${DIRECTORY}/CURRENT`));
      await expectNoticed(dead, 'CURRENT', 'empty', () => new Uint8Array(0));
      await expectNoticed(dead, 'CURRENT', 'zeros', (bytes) => bytes.slice().fill(0));
      await expectNoticed(dead, 'CURRENT', 'of another', () => bytesOf(other.fs, 'CURRENT'));
      await expectNoticed(dead, 'CURRENT', 'its slots in each other’s place', (bytes) =>
        Uint8Array.from([...bytes.subarray(1024), ...bytes.subarray(0, 1024)]),
      );
      assert.ok(sample.fs.exists(`${DIRECTORY}/CURRENT`));
    });

    test('any byte that is changed, under right checksums, does harm to nobody', async () => {
      const random = new SeededRandom(31);
      const { sample } = dead;
      const names = namesIn(sample.fs);
      const counts = { refused: 0, failed: 0, unnoticed: 0 };
      for (let i = 0; i < RANDOM_CHANGES; i++) {
        const fs = sample.fs.clone();
        const name = names[random.below(names.length)]!;
        setBytes(fs, name, changedAnywhere(name, bytesOf(fs, name), random));
        const { kind, errors } = await judge(fs, sample.options, sample.contents, way.world);
        counts[kind]++;
        assert.ok(kind !== 'unnoticed' || name === 'CURRENT', `${name} is not noticed`);
        assert.ok(errors.every(({ message }) => message.length > 0));
      }
      assert.ok(counts.refused > 0 && counts.failed > 0, JSON.stringify(counts));
    });

    test('a slot of CURRENT that is gone leaves the other one', async () => {
      for (const target of [dead, closed]) {
        for (const from of [0, 1024]) {
          await expectHarmless(target, `no slot at ${from}`, (fs) => {
            setBytes(fs, 'CURRENT', bytesOf(fs, 'CURRENT').fill(0, from, from + 1024));
          });
        }
      }
    });

    test('a file in the clear in the place of an encrypted one is refused', async () => {
      for (const kind of ['sst', 'wal', 'MANIFEST'] as const) {
        for (const name of filesOf(dead.sample.fs, kind)) {
          const found = namesIn(clear.fs).includes(name) ? name : filesOf(clear.fs, kind)[0]!;
          const { header, blocks } = takeApart(bytesOf(clear.fs, found));
          const { fileNumber } = headerOf(dead.sample.fs, name);
          const plain = putTogether({ header: { ...header, fileNumber }, blocks });
          await expectNoticed(dead, name, 'in the clear', () => plain);
          const { length } = bytesOf(dead.sample.fs, name);
          const fitted = new Uint8Array(length);
          fitted.set(plain.subarray(0, length));
          await expectNoticed(dead, name, 'in the clear, of the same size', () => fitted);
        }
      }
    });

    test('a whole database in the clear in the place of the encrypted one is KEY', async () => {
      const swap = (fs: MemoryFs) => replaceAll(fs, clear.fs);
      await expectNoticedIn(dead, 'all in the clear', swap, ['KEY']);
    });

    test('a log in the clear beside the encrypted ones is refused', async () => {
      const last = filesOf(dead.sample.fs, 'wal').at(-1)!;
      const { header } = takeApart(bytesOf(dead.sample.fs, last));
      const protection = { suiteId: 0, epoch: 0, ecc: header.protection.ecc };
      const fileNumber = header.fileNumber + 10;
      const added = putTogether({ header: { ...header, fileNumber, protection }, blocks: [] });
      const add = (fs: MemoryFs) => setBytes(fs, nameOf(fileNumber), added);
      await expectNoticedIn(dead, 'a log in the clear', add);
      await expectNoticedIn(closed, 'a log in the clear', add);
    });

    test('any file that is missing or of another database is refused', async () => {
      const { sample, other } = dead;
      for (const name of namesIn(sample.fs)) {
        await expectNoticedIn(dead, `no ${name}`, (fs) => fs.remove(`${DIRECTORY}/${name}`));
        if (!namesIn(other.fs).includes(name)) continue;
        await expectNoticed(dead, name, 'of another database', () => bytesOf(other.fs, name));
      }
    });

    test('an old manifest under the name of the present one is refused', async () => {
      const { fs, old } = await makeHistory(way.options);
      const target: Target = { ...dead, sample: { ...dead.sample, fs } };
      const [present] = filesOf(fs, 'MANIFEST');
      const [before] = filesOf(old, 'MANIFEST');
      await expectNoticed(target, present!, 'of before', () => bytesOf(old, before!));
      await expectNoticed(target, present!, 'of before, renumbered', () => {
        const { header, blocks } = takeApart(bytesOf(old, before!));
        const { fileNumber } = headerOf(fs, present!);
        return putTogether({ header: { ...header, fileNumber }, blocks });
      });
      await expectNoticed(target, 'CURRENT', 'of before', () => bytesOf(old, 'CURRENT'));
    });

    test('a log that is cut is refused after a clean close', async () => {
      const name = filesOf(closed.sample.fs, 'wal').at(-1)!;
      const { blocks } = takeApart(bytesOf(closed.sample.fs, name));
      for (let count = 0; count < blocks.length; count++) {
        await expectNoticed(closed, name, `${count} records left`, (bytes) =>
          withBlocks(bytes, (all) => all.slice(0, count)),
        );
      }
      await expectNoticed(closed, name, 'empty', () => new Uint8Array(0));
      await expectNoticed(closed, name, 'half', (bytes) => bytes.slice(0, bytes.length >> 1));
      const [manifest] = filesOf(closed.sample.fs, 'MANIFEST');
      await expectNoticed(closed, manifest!, 'without its last edit', (bytes) =>
        withBlocks(bytes, (all) => all.slice(0, -1)),
      );
      await expectNoticed(closed, manifest!, 'with an edit twice', (bytes) =>
        withBlocks(bytes, (all) => [...all, all.at(-1)!]),
      );
    });

    test('what stands behind the end of a log that was closed cleanly is not read', async () => {
      const name = filesOf(closed.sample.fs, 'wal').at(-1)!;
      await expectHarmless(closed, 'records behind the end', (fs) => {
        const more = withBlocks(bytesOf(fs, name), (all) => [...all, ...all]);
        setBytes(fs, name, more);
      });
    });

    test('a log that was made up takes nothing away after a clean close', async () => {
      const last = filesOf(closed.sample.fs, 'wal').at(-1)!;
      const { header } = takeApart(bytesOf(closed.sample.fs, last));
      for (const baseSeqno of [0, header.baseSeqno, header.baseSeqno + 3]) {
        const fileNumber = header.fileNumber + 10;
        const made = putTogether({ header: { ...header, fileNumber, baseSeqno }, blocks: [] });
        // Refused or not looked at; `judge` sees to it that no value is lost.
        const fs = closed.sample.fs.clone();
        setBytes(fs, nameOf(fileNumber), made);
        await judge(fs, closed.sample.options, closed.sample.contents, way.world);
      }
    });
  });
}

/** One byte of one block, or of both slots, is another one; everything else is made to fit. */
function changedAnywhere(name: string, bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const flips = 1 + random.below(255);
  if (name === 'CURRENT') {
    const at = random.below(120);
    return withSlots(bytes, (copy) => {
      copy[at] = copy[at]! ^ flips;
    });
  }
  return withBlocks(bytes, (blocks) => {
    const index = random.below(blocks.length);
    const block = blocks[index]!;
    // The length of the payload is where the next block begins.
    const at = random.below(block.length - 4);
    const offset = at < FIELDS.payloadLen ? at : at + 4;
    return blocks.with(index, relabelled(block, offset, block[offset]! ^ flips));
  });
}

function nameOf(fileNumber: number): string {
  return `${String(fileNumber).padStart(6, '0')}.wal`;
}

/** A database after three openings, and its directory as it was before the last two. */
async function makeHistory(options: DbOptions): Promise<{ fs: MemoryFs; old: MemoryFs }> {
  const fs = new MemoryFs();
  const families = { ...options, columnFamilies: ['orders'] };
  await (await openIn(fs, families)).close();
  const old = fs.clone();
  for (const seed of [2, 3]) {
    const db = await openIn(fs, families, { seed });
    db.put('k', `${seed}`);
    await db.flush();
    await db.close();
  }
  return { fs, old };
}
