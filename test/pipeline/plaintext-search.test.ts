import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { DbOptions } from '../../src/db/options.ts';
import { WriteBatch } from '../../src/db/write-batch.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import {
  bytesOf,
  type CryptoName,
  ECC_CHOICES,
  encryptionOf,
  namesIn,
  openIn,
  SUITES,
} from './world.ts';

/** Length of the parts of keys and values that are searched for. */
const PART_BYTES = 8;
const FAMILY = 'family-of-Zanzibar';
const LATER_FAMILY = 'family-of-Ouagadougou';

/** The words of a workload, none of which occurs anywhere by chance. */
class Secrets {
  readonly words: Uint8Array[] = [];
  readonly #random = new SeededRandom(2718);

  /** A key or value of printable bytes, of at least 16 bytes. */
  word(lengthBytes: number): Uint8Array {
    const word = new Uint8Array(lengthBytes);
    for (let i = 0; i < lengthBytes; i++) word[i] = 0x21 + this.#random.below(94);
    this.words.push(word);
    return word;
  }
}

/** A database's life, as its disk was at some moments; at the last one its process died. */
async function makeUsed(options: DbOptions, crypto: CryptoName): Promise<[MemoryFs[], Secrets]> {
  const disks: MemoryFs[] = [];
  const fs = new MemoryFs();
  const secrets = new Secrets();
  const all = { ...options, columnFamilies: [FAMILY], blockSizeBytes: 512 };
  const first = await openIn(fs, all, { crypto });
  const write = (db: typeof first, count: number, columnFamily: string) => {
    for (let i = 0; i < count; i++) {
      db.put(secrets.word(16 + (i % 20)), secrets.word(20 + ((i * 37) % 300)), { columnFamily });
    }
  };
  write(first, 30, 'default');
  write(first, 30, FAMILY);
  disks.push(fs.clone());
  await first.flush();
  disks.push(fs.clone());
  for (const word of secrets.words.slice(0, 20)) first.put(word, secrets.word(40));
  for (const word of secrets.words.slice(20, 30)) first.delete(word);
  await first.compact();
  write(first, 5, 'default');
  await first.close();
  disks.push(fs.clone());
  const db = await openIn(fs, all, { crypto, seed: 2 });
  const later = db.createColumnFamily(LATER_FAMILY);
  write(db, 10, LATER_FAMILY);
  await db.flush();
  write(db, 10, FAMILY);
  db.write(new WriteBatch().put(secrets.word(30), secrets.word(2000), later));
  db.delete(secrets.words[0]!);
  disks.push(fs.clone());
  await db.close();
  return [disks, secrets];
}

/** The parts of a word that are searched for. */
function partsOf(word: Uint8Array): string[] {
  const text = Buffer.from(word).toString('latin1');
  return Array.from({ length: text.length - PART_BYTES + 1 }, (_, i) =>
    text.slice(i, i + PART_BYTES),
  );
}

/** What of the words can be read in a directory, by file. */
function findIn(fs: MemoryFs, words: readonly Uint8Array[]): Map<string, Set<number>> {
  const wordOf = new Map<string, number>();
  for (const [i, word] of words.entries()) for (const part of partsOf(word)) wordOf.set(part, i);
  const found = new Map<string, Set<number>>();
  for (const name of namesIn(fs)) {
    const bytes = Buffer.from(bytesOf(fs, name)).toString('latin1');
    const here = new Set<number>();
    for (let at = 0; at + PART_BYTES <= bytes.length; at++) {
      const word = wordOf.get(bytes.slice(at, at + PART_BYTES));
      if (word !== undefined) here.add(word);
    }
    found.set(name, here);
  }
  return found;
}

function wordsWithNames(secrets: Secrets): Uint8Array[] {
  return [...secrets.words, Buffer.from(FAMILY), Buffer.from(LATER_FAMILY)];
}

const COMPRESSIONS = ['none', 'lz4'] as const;

suite('a search of every byte of every file', () => {
  for (const compression of COMPRESSIONS) {
    for (const ecc of ECC_CHOICES) {
      const stages = `${compression}, ${ecc === false ? 'no code' : ecc.scheme}`;
      const options: DbOptions = { compression, ecc, walCompression: compression };

      test(`finds keys, values and names of families in the clear (${stages})`, async () => {
        const [disks, secrets] = await makeUsed(options, 'node');
        const words = wordsWithNames(secrets);
        const all = new Set<number>();
        for (const fs of disks) {
          for (const here of findIn(fs, words).values()) for (const word of here) all.add(word);
        }
        assert.equal(all.size, words.length);
        for (const [name, here] of findIn(disks.at(-1)!, words)) {
          if (name !== 'CURRENT') assert.ok(here.size >= 2, `${name}: ${here.size} words`);
        }
      });

      test(`finds nothing under encryption (${stages})`, async () => {
        for (const suiteName of SUITES) {
          const crypto = suiteName === 'aes-256-gcm' ? 'node' : 'noble';
          const encryption = encryptionOf(suiteName);
          const [disks, secrets] = await makeUsed({ ...options, encryption }, crypto);
          assert.ok(namesIn(disks.at(-1)!).filter((name) => name.endsWith('.sst')).length >= 3);
          for (const fs of disks) {
            assert.ok(namesIn(fs).some((name) => name.endsWith('.wal')));
            for (const [name, here] of findIn(fs, wordsWithNames(secrets))) {
              assert.deepEqual([...here], [], `${name}, ${suiteName}`);
            }
          }
        }
      });
    }
  }

  test('finds what a family that is left in the clear holds, in its tables alone', async () => {
    const fs = new MemoryFs();
    const secrets = new Secrets();
    const db = await openIn(fs, {
      encryption: encryptionOf('aes-256-gcm'),
      compression: 'none',
      columnFamilies: { open: { encryption: false }, sealed: {} },
    });
    const words = { open: [] as Uint8Array[], sealed: [] as Uint8Array[] };
    for (const columnFamily of ['open', 'sealed'] as const) {
      for (let i = 0; i < 20; i++) {
        const pair = [secrets.word(20), secrets.word(50)] as const;
        words[columnFamily].push(...pair);
        db.put(...pair, { columnFamily });
      }
    }
    const before = fs.clone();
    await db.flush();
    const after = fs.clone();
    await db.close();
    for (const here of findIn(before, secrets.words).values()) assert.equal(here.size, 0);
    const isTable = ([name]: [string, unknown]) => name.endsWith('.sst');
    for (const here of findIn(after, words.sealed).values()) assert.equal(here.size, 0);
    const found = [...findIn(after, words.open)];
    assert.ok(found.filter(isTable).some(([, here]) => here.size === words.open.length));
    for (const one of found) if (!isTable(one)) assert.equal(one[1].size, 0, one[0]);
  });
});
