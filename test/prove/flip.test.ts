import assert from 'node:assert/strict';
import { before, type TestContext, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import { VarveError } from '../../src/errors.ts';
import type { MemoryFile, MemoryFs } from '../../src/fs/memory.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { contentOf, examine, fileOf, makeDeadSample, makeSample, type Sample } from './damage.ts';
import { DIRECTORY, openSeeded } from './environment.ts';
import type { History } from './history.ts';

const SECTOR_BYTES = 512;
/** Of so many damages one is looked at through a read-only database too, and once more later. */
const CLOSER_LOOK = 4;

let sample: Sample;

before(async () => {
  sample = await makeSample();
});

/** Looks at one damage; `what` and the file's name go into messages. */
async function examineDamage(
  name: string,
  what: string,
  damage: (file: MemoryFile, fs: MemoryFs) => void,
  isCloser: boolean,
): Promise<'refused' | 'failed' | 'right'> {
  const fs = sample.fs.clone();
  damage(fileOf(fs, name), fs);
  try {
    if (isCloser) await examine(sample, fs.clone(), true);
    const { isRefused, failedReads, reported } = await examine(sample, fs, false);
    if (isCloser) await examine(sample, fs, false);
    if (isRefused) return 'refused';
    if (name.endsWith('.sst')) assert.deepEqual(reported, [name], 'verify must name the table');
    else assert.deepEqual(reported, [], 'no table is damaged');
    return failedReads > 0 ? 'failed' : 'right';
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${name} with ${what}: ${why}`, { cause });
  }
}

/** Counts outcomes of the damages of a test and prints them. */
class Tally {
  readonly counts = { refused: 0, failed: 0, right: 0 };
  total = 0;

  async add(
    name: string,
    what: string,
    damage: (file: MemoryFile, fs: MemoryFs) => void,
  ): Promise<void> {
    this.total++;
    this.counts[await examineDamage(name, what, damage, this.total % CLOSER_LOOK === 0)]++;
  }

  print(t: TestContext): void {
    t.diagnostic(`${this.total} damages: ${JSON.stringify(this.counts)}`);
  }
}

test('the sample has a file of every kind, and all of it can be read', async () => {
  const kinds = sample.files.map((name) => name.replace(/\d+/, 'n'));
  for (const kind of ['CURRENT', 'MANIFEST-n', 'n.sst', 'n.wal']) assert.ok(kinds.includes(kind));
  assert.ok(kinds.filter((kind) => kind === 'n.sst').length >= 3);
  const outcome = await examine(sample, sample.fs.clone(), false);
  assert.deepEqual(outcome, { isRefused: false, failedReads: 0, reported: [] });
});

test('a flipped byte, wherever it is, gives right values or typed errors', async (t) => {
  const random = new SeededRandom(42);
  const tally = new Tally();
  for (const name of sample.files) {
    const bytes = contentOf(fileOf(sample.fs, name));
    for (let at = 0; at < bytes.length; at++) {
      const flip = at % 3 === 0 ? 0xff : 1 << random.below(8);
      const flipped = Uint8Array.of(bytes[at]! ^ flip);
      await tally.add(name, `byte ${at} flipped by ${flip}`, (file) =>
        file.write(flipped, 0, 1, at),
      );
    }
  }
  tally.print(t);
  assert.ok(tally.total > 5000, `${tally.total} bytes`);
  assert.ok(tally.counts.refused > 500 && tally.counts.failed > 500 && tally.counts.right > 500);
});

test('a lost sector gives right values or typed errors', async (t) => {
  const tally = new Tally();
  for (const name of sample.files) {
    const bytes = contentOf(fileOf(sample.fs, name));
    for (let at = 0; at < bytes.length; at += SECTOR_BYTES) {
      const length = Math.min(SECTOR_BYTES, bytes.length - at);
      if (bytes.subarray(at, at + length).every((byte) => byte === 0)) continue;
      for (const fill of [0, 0xff, 0x55]) {
        const lost = new Uint8Array(length).fill(fill);
        await tally.add(name, `${fill} from ${at} on`, (file) => file.write(lost, 0, length, at));
      }
    }
  }
  tally.print(t);
});

test('a file that is cut off gives right values or typed errors', async (t) => {
  const tally = new Tally();
  for (const name of sample.files) {
    const { size } = fileOf(sample.fs, name);
    for (let left = 0; left < size; left += left < 64 || left > size - 64 ? 1 : 13) {
      await tally.add(name, `only ${left} bytes`, (file) => file.resize(left));
    }
  }
  tally.print(t);
});

test('a file that is gone or has grown gives right values or typed errors', async (t) => {
  const tally = new Tally();
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
  const tally = new Tally();
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

test('a flipped byte after the death of the process hides nothing that was synced', async (t) => {
  const { fs, history } = await makeDeadSample();
  const counts = { refused: 0, failed: 0, recovered: 0 };
  for (const name of fs.list(DIRECTORY).sort()) {
    const bytes = contentOf(fileOf(fs, name));
    for (let at = 0; at < bytes.length; at++) {
      const damaged = fs.clone();
      fileOf(damaged, name).write(Uint8Array.of(bytes[at]! ^ (1 << (at % 8))), 0, 1, at);
      try {
        counts[await recogniseDamaged(damaged, history)]++;
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`${name}, byte ${at}: ${why}`, { cause });
      }
    }
  }
  t.diagnostic(JSON.stringify(counts));
  assert.ok(counts.refused > 500 && counts.failed > 500 && counts.recovered > 100);
});

async function recogniseDamaged(
  fs: MemoryFs,
  history: History,
): Promise<'refused' | 'failed' | 'recovered'> {
  let db: Db | undefined;
  try {
    db = await openSeeded(fs, 10, { createIfMissing: false });
    history.recognise(db);
    return 'recovered';
  } catch (error) {
    if (!(error instanceof VarveError)) throw error;
    return db === undefined ? 'refused' : 'failed';
  } finally {
    await db?.close();
  }
}
