/**
 * Does work on a disk whose power is cut at each operation in turn, or on a file system of which
 * each call in turn fails, and looks at what is left.
 * @module
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { isVarveError } from '../../src/errors.ts';
import type { MemoryFs } from '../../src/fs/memory.ts';
import type { Fs } from '../../src/fs/port.ts';
import { CrashFs } from '../../src/testing/crash-fs.ts';
import { CRASH_VARIANTS } from '../../src/testing/crash-state.ts';
import { FaultFs, type FaultOperation } from '../../src/testing/fault-fs.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';

/** What is done, and what must hold afterwards. */
export interface Trouble {
  /** Everything on it is durable. */
  readonly disk: MemoryFs;
  readonly work: (fs: Fs) => Promise<void>;
  /** @param isDone the work came to its end before the trouble, or in spite of it */
  readonly check: (disk: MemoryFs, isDone: boolean) => Promise<void>;
}

const CALLS: readonly FaultOperation[] = [
  ...(['createDirectory', 'lock', 'list', 'open', 'read', 'write', 'sync'] as const),
  ...(['syncAsync', 'syncDirectory', 'remove', 'link', 'rename'] as const),
];

/** Cuts the power at every `stride`-th operation from `first` on, under all variants. */
export async function cutEverywhere(
  t: TestContext,
  trouble: Trouble,
  stride = 1,
  first = 1,
): Promise<void> {
  const { disk, work, check } = trouble;
  let cuts = 0;
  for (let cut = first; ; cut += stride) {
    const fs = new CrashFs(disk.clone());
    fs.cutAfter(cut);
    const isDone = await ends(work, fs, () => fs.isOff);
    for (const variant of CRASH_VARIANTS) {
      const left = fs.crash(variant, new SeededRandom(cut));
      await within(`cut at operation ${cut}, ${variant}`, () => check(left, isDone));
    }
    if (!fs.isOff) break;
    cuts++;
  }
  t.diagnostic(`${cuts} power cuts`);
  assert.ok(cuts >= 5, `only ${cuts} cuts`);
}

/** Fails every `stride`-th call once, as `effect` says; the work must throw that, or be done. */
export async function failEverywhere(
  t: TestContext,
  trouble: Trouble,
  effect: 'IO' | 'NOSPACE',
  stride = 1,
): Promise<void> {
  const { disk, work, check } = trouble;
  let faults = 0;
  for (let call = 1; ; call += stride) {
    const inner = disk.clone();
    const fs = new FaultFs(inner);
    const operation = effect === 'IO' ? CALLS : (['write', 'open', 'createDirectory'] as const);
    fs.failCall(call, { operation, effect });
    const isDone = await ends(work, fs, isVarveError);
    await within(`call ${call} fails with ${effect}`, () => check(inner, isDone));
    if (fs.faults === 0) break;
    faults++;
  }
  t.diagnostic(`${faults} failing calls`);
  assert.ok(faults >= 10, `only ${faults} faults`);
}

/** True if the work was done; what it throws must be expected. */
async function ends(
  work: (fs: Fs) => Promise<void>,
  fs: Fs,
  isExpected: (error: unknown) => boolean,
): Promise<boolean> {
  try {
    await work(fs);
    return true;
  } catch (error) {
    if (!isExpected(error)) throw error;
    return false;
  }
}

async function within(where: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${where}: ${why}`, { cause });
  }
}
