/**
 * Files with one bit or more turned.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { VarveError } from '../../src/errors.ts';
import type { MemoryFile, MemoryFs } from '../../src/fs/memory.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { testKeys } from '../block/pipelines.ts';
import {
  contentOf,
  examine,
  fileOf,
  makeDeadSample,
  makeSample,
  NO_STAGES,
  type Sample,
} from './damage.ts';
import { DIRECTORY, openSeeded } from './environment.ts';
import type { History } from './history.ts';

const SECTOR_BYTES = 512;
/** Of so many damages one is looked at through a read-only database too, and once more later. */
const CLOSER_LOOK = 4;

const encryption = { suite: 'aes-256-gcm', epoch: 2, keys: testKeys(2) } as const;
const ecc = { scheme: 'reed-solomon', data: 4, parity: 2 } as const;

/** What the samples are made with, and how far apart the bytes are that are flipped in them. */
const STAGES: Readonly<Record<string, { stages: DbOptions; stride: number }>> = {
  'no stage': { stages: NO_STAGES, stride: 1 },
  'the usual compression': { stages: {}, stride: 29 },
  encryption: { stages: { encryption, walCompression: 'lz4' }, stride: 29 },
  'encryption and a code': { stages: { encryption, ecc }, stride: 41 },
};

/** Looks at one damage; `what` and the file's name go into messages. */
async function examineDamage(
  sample: Sample,
  name: string,
  what: string,
  damage: (file: MemoryFile, fs: MemoryFs) => void,
  isCloser: boolean,
): Promise<'refused' | 'failed' | 'right'> {
  const fs = sample.fs.clone();
  damage(fileOf(fs, name), fs);
  try {
    if (isCloser) await examine(sample, fs.clone(), true);
    const { isRefused, failedReads, reported, corrected } = await examine(sample, fs, false);
    if (isCloser) await examine(sample, fs, false);
    if (isRefused) return 'refused';
    const isCoded = sample.options.ecc !== undefined;
    const known = isCoded && reported.length === 0 ? corrected : reported;
    if (known.length === 0 && isPutRight(sample, fs, name)) return 'right';
    if (name.endsWith('.sst')) assert.deepEqual(known, [name], 'verify must name the table');
    else assert.deepEqual(reported, [], 'no table is damaged');
    return failedReads > 0 ? 'failed' : 'right';
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${name} with ${what}: ${why}`, { cause });
  }
}

/** Before a table's turn came it may have been healed, or replaced by a compaction that read it. */
function isPutRight(sample: Sample, fs: MemoryFs, name: string): boolean {
  if (!name.endsWith('.sst')) return false;
  if (!fs.list(DIRECTORY).includes(name)) return true;
  const [is, was] = [fs, sample.fs].map((one) => contentOf(fileOf(one, name)));
  return Buffer.compare(is!, was!) === 0;
}

/** Counts outcomes of the damages of a test and prints them. */
class Tally {
  readonly counts = { refused: 0, failed: 0, right: 0 };
  readonly sample: Sample;
  total = 0;

  constructor(sample: Sample) {
    this.sample = sample;
  }

  async add(
    name: string,
    what: string,
    damage: (file: MemoryFile, fs: MemoryFs) => void,
  ): Promise<void> {
    this.total++;
    const isCloser = this.total % CLOSER_LOOK === 0;
    this.counts[await examineDamage(this.sample, name, what, damage, isCloser)]++;
  }

  print(t: TestContext): void {
    t.diagnostic(`${this.total} damages: ${JSON.stringify(this.counts)}`);
  }
}

for (const [title, { stages, stride }] of Object.entries(STAGES)) {
  suite(`a sample with ${title}`, async () => {
    const sample = await makeSample(stages);

    test('the sample has a file of every kind, and all of it can be read', async () => {
      const kinds = sample.files.map((name) => name.replace(/\d+/, 'n'));
      for (const kind of ['CURRENT', 'MANIFEST-n', 'n.sst', 'n.wal'])
        assert.ok(kinds.includes(kind));
      assert.ok(kinds.filter((kind) => kind === 'n.sst').length >= 3);
      const outcome = await examine(sample, sample.fs.clone(), false);
      assert.deepEqual(outcome, {
        isRefused: false,
        failedReads: 0,
        reported: [],
        corrected: [],
      });
    });

    test('a flipped byte, wherever it is, gives right values or typed errors', async (t) => {
      const random = new SeededRandom(42);
      const tally = new Tally(sample);
      for (const name of sample.files) {
        const bytes = contentOf(fileOf(sample.fs, name));
        for (let at = 0; at < bytes.length; at += stride) {
          const flip = at % 3 === 0 ? 0xff : 1 << random.below(8);
          const flipped = Uint8Array.of(bytes[at]! ^ flip);
          await tally.add(name, `byte ${at} flipped by ${flip}`, (file) =>
            file.write(flipped, 0, 1, at),
          );
        }
      }
      tally.print(t);
      const { refused, failed, right } = tally.counts;
      assert.ok(tally.total * stride > 5000, `${tally.total} bytes`);
      if (stages.ecc !== undefined) assert.deepEqual([refused, failed], [0, 0]);
      else assert.ok(refused * stride > 500 && failed * stride > 500 && right * stride > 500);
    });

    test('a lost sector gives right values or typed errors', async (t) => {
      const tally = new Tally(sample);
      for (const name of sample.files) {
        const bytes = contentOf(fileOf(sample.fs, name));
        for (let at = 0; at < bytes.length; at += SECTOR_BYTES) {
          const length = Math.min(SECTOR_BYTES, bytes.length - at);
          if (bytes.subarray(at, at + length).every((byte) => byte === 0)) continue;
          for (const fill of [0, 0xff, 0x55]) {
            const lost = new Uint8Array(length).fill(fill);
            await tally.add(name, `${fill} from ${at} on`, (file) =>
              file.write(lost, 0, length, at),
            );
          }
        }
      }
      tally.print(t);
    });

    test('a file that is cut off gives right values or typed errors', async (t) => {
      const tally = new Tally(sample);
      for (const name of sample.files) {
        const { size } = fileOf(sample.fs, name);
        const step = stride === 1 ? 13 : 90;
        const edge = stride === 1 ? 64 : 16;
        for (let left = 0; left < size; left += left < edge || left > size - edge ? 1 : step) {
          await tally.add(name, `only ${left} bytes`, (file) => file.resize(left));
        }
      }
      tally.print(t);
    });

    test('a file that is gone or has grown gives right values or typed errors', async (t) => {
      const tally = new Tally(sample);
      for (const name of sample.files) {
        await tally.add(name, 'no entry', (_, fs) => fs.remove(`${DIRECTORY}/${name}`));
        for (const more of [1, 100, 5000]) {
          await tally.add(name, `${more} zeros more`, (file) => file.resize(file.size + more));
          const junk = new Uint8Array(more).fill(0xa5);
          await tally.add(name, `${more} bytes of junk more`, (file) =>
            file.write(junk, 0, more, file.size),
          );
        }
      }
      tally.print(t);
    });

    test('files that changed places give right values or typed errors', async (t) => {
      const tally = new Tally(sample);
      const others = (name: string) => sample.files.filter((other) => other !== name);
      for (const name of sample.files) {
        for (const other of others(name)) {
          const bytes = contentOf(fileOf(sample.fs, other));
          await tally.add(name, `the content of ${other}`, (file) => {
            file.resize(0);
            file.write(bytes, 0, bytes.length, 0);
          });
        }
      }
      tally.print(t);
    });

    test('a flipped byte after the death of a process hides nothing synced', async (t) => {
      const { fs, history } = await makeDeadSample(stages);
      const counts = { refused: 0, failed: 0, recovered: 0 };
      for (const name of fs.list(DIRECTORY).sort()) {
        const bytes = contentOf(fileOf(fs, name));
        for (let at = 0; at < bytes.length; at += stride) {
          const damaged = fs.clone();
          fileOf(damaged, name).write(Uint8Array.of(bytes[at]! ^ (1 << (at % 8))), 0, 1, at);
          try {
            counts[await recogniseDamaged(damaged, stages, history)]++;
          } catch (cause) {
            const why = cause instanceof Error ? cause.message : String(cause);
            throw new Error(`${name}, byte ${at}: ${why}`, { cause });
          }
        }
      }
      t.diagnostic(JSON.stringify(counts));
      const { refused, failed, recovered } = counts;
      if (stages.ecc !== undefined) assert.deepEqual([refused, failed], [0, 0]);
      else assert.ok(refused * stride > 500 && failed * stride > 500 && recovered * stride > 100);
    });
  });
}

async function recogniseDamaged(
  fs: MemoryFs,
  stages: DbOptions,
  history: History,
): Promise<'refused' | 'failed' | 'recovered'> {
  let db: Db | undefined;
  try {
    db = await openSeeded(fs, 10, { ...stages, createIfMissing: false });
    history.recognise(db);
    return 'recovered';
  } catch (error) {
    if (!(error instanceof VarveError)) throw error;
    return db === undefined ? 'refused' : 'failed';
  } finally {
    await db?.close();
  }
}
