/**
 * OPFS in a real browser: what opfs-program.ts runs. Each check throws if it fails, and may return
 * what it has measured.
 * @module
 */
import { type DbOptions, isVarveError, mountOpfs } from '../../src/core.ts';
import { fsSuite } from '../../src/testing/fs-suite.ts';
import type { Check } from '../executor/browser-checks.ts';
import { check, checkEntries, SMALL, write } from '../executor/browser-world.ts';
import { OpfsWorld } from './opfs-world.ts';

const COUNT = 20_000;
const LOAD_COUNT = 100_000;
const EVERY_STAGE = {
  compression: ['none', 'zstd'],
  encryption: [
    undefined,
    { suite: 'chacha20-poly1305', epoch: 1, keys: { 1: new Uint8Array(32).fill(7) } },
  ],
  ecc: [undefined, { scheme: 'reed-solomon', data: 4, parity: 2 }],
} as const;

let mounts = 0;

/** The conformance suite, as checks. */
function suite(handlesMax: number): Record<string, Check> {
  const checks: Record<string, Check> = {};
  fsSuite({
    name: `OPFS with ${handlesMax} handles`,
    test: (name, run) => {
      checks[name] = async () => {
        await run();
        return undefined;
      };
    },
    create: async () => {
      const fs = await mountOpfs({ directory: `suite-${mounts++}`, handlesMax });
      fs.createDirectory('some/place');
      for (let n = 0; handlesMax === 8 && n < 10; n++) fs.open(`some/f${n}`, 'create').close();
      return { fs, directory: 'some/place', cleanup: () => fs.close() };
    },
  });
  return checks;
}

/** Databases of all combinations of stages, written, closed and read again. */
async function allStages(): Promise<undefined> {
  let n = 0;
  for (const compression of EVERY_STAGE.compression) {
    for (const encryption of EVERY_STAGE.encryption) {
      for (const ecc of EVERY_STAGE.ecc) {
        const stages = { compression, ...(encryption && { encryption }), ...(ecc && { ecc }) };
        await writeAndReopen(`stages-${n++}`, { ...SMALL, ...stages }, 128);
      }
    }
  }
  return undefined;
}

async function writeAndReopen(
  directory: string,
  options: DbOptions,
  handlesMax: number,
): Promise<void> {
  const world = await OpfsWorld.open(directory, options, handlesMax);
  write(world.db, COUNT, 0);
  write(world.db, COUNT, 1);
  checkEntries(world.db, COUNT, 1);
  await world.close();
  const again = await OpfsWorld.open(directory, options, handlesMax);
  checkEntries(again.db, COUNT, 1);
  await again.db.compact();
  checkEntries(again.db, COUNT, 1);
  const { uncorrectable } = await again.db.verify();
  check(uncorrectable.length === 0, 'verify finds nothing');
  check(again.fs.openCount <= handlesMax, `${again.fs.openCount} files are open`);
  await again.close();
}

export const CHECKS: Readonly<Record<string, Check>> = {
  ...suite(128),
  ...suite(8),

  'a database with any stages is written, closed and read again': allStages,

  async 'a database with fewer handles than files lives on'() {
    await writeAndReopen('few-handles', SMALL, 12);
    return undefined;
  },

  async 'a directory that is mounted is refused to others'() {
    const world = await OpfsWorld.open('held', {});
    const error: unknown = await mountOpfs({ directory: 'held' }).catch((thrown) => thrown);
    check(isVarveError(error, 'LOCKED'), `a second mount says ${error}`);
    await world.close();
    return undefined;
  },

  async 'writes and reads, for the record'() {
    const world = await OpfsWorld.open('speed', {});
    const { db } = world;
    const started = performance.now();
    write(db, LOAD_COUNT, 0);
    const written = performance.now();
    checkEntries(db, LOAD_COUNT, 0);
    const read = performance.now();
    for (let n = 0; n < 500; n++) db.put(`single${n}`, 'value', { sync: true });
    const synced = performance.now();
    await world.close();
    const closed = performance.now();
    const again = await OpfsWorld.open('speed', {});
    check(again.db.get('single7') !== undefined, 'a synced entry is there');
    const opened = performance.now();
    await again.close();
    const rate = (ms: number) => `${Math.round(LOAD_COUNT / ms)} k/s`;
    const single = `${Math.round(500_000 / (synced - read))} synced puts/s`;
    const reopened = `mount, open and get ${Math.round(opened - closed)} ms`;
    return `put ${rate(written - started)}, scan ${rate(read - written)}, ${single}, ${reopened}`;
  },
};
