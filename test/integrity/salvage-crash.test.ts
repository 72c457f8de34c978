/**
 * Salvages that a power cut ends, at every operation on files: also where there are no renames and
 * no hard links. What is damaged stays to be looked at, and no sound entry is lost.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isVarveError, type MemoryFs } from '../../src/index.ts';
import { CrashFs } from '../../src/testing/crash-fs.ts';
import { CRASH_VARIANTS } from '../../src/testing/crash-state.ts';
import { PowerCut } from '../../src/testing/power-cut.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { openSeeded } from '../prove/environment.ts';
import {
  contentAfter,
  contentOf,
  type Left,
  type Model,
  makeHistory,
  namesIn,
  pathOf,
  STAGES,
  salvageIn,
} from './repair-fixture.ts';

const COMPACTED_EVERY = 20;

const CASES = [
  { name: 'with links', stage: 0, isPlain: false },
  { name: 'without links and renames', stage: 0, isPlain: true },
  { name: 'all stages', stage: 7, isPlain: false },
] as const;

/** A file system that can do no more than it must. */
function plain(fs: MemoryFs): MemoryFs {
  const capabilities = { ...fs.capabilities, atomicRename: false, hardLinks: false };
  return Object.assign(fs, { capabilities });
}

function bytesOf(fs: MemoryFs, name: string): Uint8Array {
  const file = fs.open(pathOf(name), 'read');
  const bytes = new Uint8Array(file.size());
  file.read(bytes, 0, bytes.length, 0);
  file.close();
  return bytes;
}

/** Everything between two places of the largest table is noise. */
function damage(fs: MemoryFs): string {
  const tables = namesIn(fs).filter((name) => name.endsWith('.sst'));
  const size = (name: string) => bytesOf(fs, name).length;
  const name = tables.sort((a, b) => size(b) - size(a))[0]!;
  const file = fs.open(pathOf(name), 'update');
  const from = Math.floor(size(name) * 0.4);
  const noise = new Uint8Array(Math.floor(size(name) * 0.2)).map((_, i) => (i * 89 + 7) & 0xff);
  file.write(noise, 0, noise.length, from);
  file.close();
  return name;
}

for (const { name: what, stage, isPlain } of CASES) {
  test(`a salvage that is cut off is done again (${what})`, async () => {
    const copyOf = (fs: MemoryFs) => (isPlain ? plain(fs.clone()) : fs.clone());
    const left = await makeHistory(930 + stage * 2, 30, STAGES[stage]!.options, 'closed');
    const damaged = copyOf(left.fs);
    const name = damage(damaged);
    const evidence = bytesOf(damaged, name);
    const options = { ...left.options, dryRun: false };
    const whole = new CrashFs(copyOf(damaged));
    const report = await salvageIn(whole as never, options);
    assert.equal(report.tables.length, 1);
    const wanted = await contentAfter(whole.crash('keepAll', new SeededRandom(1)), left.options);
    let disks = 0;
    for (let cut = 1; cut <= whole.operations; cut++) {
      const fs = new CrashFs(copyOf(damaged));
      fs.cutAfter(cut);
      await salvageIn(fs as never, options).catch(expectCut);
      for (const variant of CRASH_VARIANTS) {
        const disk = fs.crash(variant, new SeededRandom(cut));
        if (isPlain) plain(disk);
        const where = `cut ${cut}, ${variant}`;
        await readsRightOrNot(copyOf(disk), left, wanted, where);
        await salvageIn(disk, options);
        const isCompacted = disks++ % COMPACTED_EVERY === 0;
        const found = isCompacted
          ? await contentAfter(disk, left.options)
          : await contentIn(disk, left.options);
        assert.deepEqual(found, wanted, where);
        assert.deepEqual(bytesOf(disk, `${name}.lost`), evidence, `${where}: what was damaged`);
      }
    }
  });
}

function expectCut(error: unknown): void {
  let cause = error;
  while (!(cause instanceof PowerCut) && cause instanceof Error) cause = cause.cause;
  if (!(cause instanceof PowerCut)) throw error;
}

async function contentIn(fs: MemoryFs, options: Parameters<typeof openSeeded>[2]): Promise<Model> {
  const db = await openSeeded(fs, 6, options);
  const found = contentOf(db);
  await db.close();
  return found;
}

/** It opens, and reads give what the salvaged database has, or fail over the damaged table. */
async function readsRightOrNot(
  fs: MemoryFs,
  { model, options }: Left,
  wanted: Model,
  where: string,
): Promise<void> {
  const db = await openSeeded(fs, 6, options);
  for (const [columnFamily, entries] of wanted) {
    for (const [key, value] of entries) {
      try {
        const found = db.get(key, { columnFamily });
        const text = found === undefined ? undefined : Buffer.from(found).toString();
        const isRight = text === value || text === model.get(columnFamily)!.get(key);
        assert.ok(isRight, `${where}: ${key}`);
      } catch (error) {
        assert.ok(isVarveError(error, 'CORRUPTION'), where);
      }
    }
  }
  await db.close();
}
