/**
 * Damage to databases in OPFS: what a code gives back is read, told and healed; what nothing gives
 * back costs its own keys; and what is left is put together again.
 * @module
 */
import {
  type DbEvent,
  type DbOptions,
  type Fs,
  isVarveError,
  mountOpfs,
  repairDatabase,
  salvageDatabase,
  scrubDirectory,
  systemHostLoop,
} from '../../src/core.ts';
import type { EccOptions } from '../../src/ecc/options.ts';
import type { Check } from '../executor/browser-checks.ts';
import { check, checkEntries, keyAt, SMALL, write } from '../executor/browser-world.ts';
import { environmentOn, OpfsWorld } from '../fs/opfs-world.ts';

const COUNT = 6000;
const DIRECTORY = 'db';
/** So far apart a code restores all bits that are turned. */
const STRIDE_BYTES = 20_000;
/** Behind the header of a file, which stands in copies. */
const FIRST_OFFSET = 700;
/** What a mount has some moments after it began. */
const MANY_FILES = 16;

const CODES: Readonly<Record<string, EccOptions>> = {
  secded: { scheme: 'secded' },
  xor: { scheme: 'xor', data: 4 },
  'reed-solomon': { scheme: 'reed-solomon', data: 4, parity: 2 },
  'stripes alone': { scheme: 'none', stripe: { data: 4, parity: 4 } },
  'reed-solomon and stripes': {
    scheme: 'reed-solomon',
    data: 4,
    parity: 2,
    stripe: { data: 8, parity: 2 },
  },
};
const ENCRYPTED: DbOptions = {
  encryption: { suite: 'aes-256-gcm', epoch: 1, keys: { 1: new Uint8Array(32).fill(7) } },
};
/** Compression and encryption, each on and off. */
const CLEAR_STAGES: Readonly<Record<string, DbOptions>> = {
  'neither compressed nor encrypted': { compression: 'none' },
  compressed: { compression: 'zstd' },
  encrypted: { compression: 'none', ...ENCRYPTED },
  'compressed and encrypted': { compression: 'lz4', ...ENCRYPTED },
};

let mounts = 0;

/** Writes a database, the last entries into its log, and takes its files from it. */
async function left(options: DbOptions): Promise<string> {
  const directory = `integrity-${mounts++}`;
  const world = await OpfsWorld.open(directory, options);
  write(world.db, COUNT, 0);
  await world.db.compact();
  for (let n = 0; n < 200; n++) world.db.put(keyAt(COUNT + n), 'logged', { sync: n === 199 });
  for (let n = 0; n < 200; n++) world.db.delete(keyAt(COUNT + n), { sync: n === 199 });
  await world.fs.close();
  return directory;
}

function pathsOf(fs: Fs, pattern: RegExp): string[] {
  const names = fs.list(DIRECTORY).filter((name) => pattern.test(name));
  check(names.length > 0, `there are files ${pattern}`);
  return names.map((name) => `${DIRECTORY}/${name}`);
}

function bytesOf(fs: Fs, path: string): Uint8Array {
  const file = fs.open(path, 'read');
  const bytes = new Uint8Array(file.size());
  file.read(bytes, 0, bytes.length, 0);
  file.close();
  return bytes;
}

function sameFiles(fs: Fs, before: ReadonlyMap<string, Uint8Array>): boolean {
  return [...before].every(([path, bytes]) => {
    const found = bytesOf(fs, path);
    return found.length === bytes.length && found.every((byte, at) => byte === bytes[at]);
  });
}

/** Turns a bit at a place of a file. */
function turnBit(fs: Fs, path: string, offset: number): void {
  const file = fs.open(path, 'update');
  const byte = new Uint8Array(1);
  file.read(byte, 0, 1, offset);
  byte[0]! ^= 1;
  file.write(byte, 0, 1, offset);
  file.sync();
  file.close();
}

/** Turns bits all over the files of a kind; returns how many. */
function turnBits(fs: Fs, pattern: RegExp): number {
  let count = 0;
  for (const path of pathsOf(fs, pattern)) {
    const { length } = bytesOf(fs, path);
    for (let at = FIRST_OFFSET; at < length; at += STRIDE_BYTES, count++) turnBit(fs, path, at);
  }
  return count;
}

/** Damages tables and `CURRENT` within the code: all of it is found, read around and healed. */
async function healed(options: DbOptions): Promise<string> {
  const directory = await left(options);
  const fs = await mountOpfs({ directory });
  const tables = pathsOf(fs, /\.sst$/);
  const sound = new Map(tables.map((path) => [path, bytesOf(fs, path)]));
  const bitCount = turnBits(fs, /\.sst$/);
  turnBit(fs, `${DIRECTORY}/CURRENT`, 20);
  const damaged = new Map(tables.map((path) => [path, bytesOf(fs, path)]));
  const look = await scrubDirectory(fs, DIRECTORY);
  check(look.findings.length > 0, 'the look finds it');
  const stuck = look.findings.filter(({ state, isHealed }) => state === 'lost' || isHealed);
  check(stuck.length === 0, `all findings can be healed, but ${JSON.stringify(stuck)}`);
  check(sameFiles(fs, damaged), 'a look changes nothing');
  const events: DbEvent[] = [];
  const onEvent = (event: DbEvent) => events.push(event);
  const world = await OpfsWorld.openOn(fs, { ...options, onEvent });
  checkEntries(world.db, COUNT, 0);
  check(world.db.stats().counters.corrections > 0, 'reads correct');
  await world.db.scrub();
  const again = await world.db.scrub();
  check(again.findings.length === 0, `after the heal: ${JSON.stringify(again.findings)}`);
  const { corrected, uncorrectable } = await world.db.verify();
  check(corrected.length + uncorrectable.length === 0, 'verify finds nothing');
  check(sameFiles(fs, sound), 'the tables are what they were');
  for (const type of ['corrected', 'healed']) {
    check(
      events.some((event) => event.type === type),
      `an event ${type}`,
    );
  }
  await world.close();
  return `${bitCount} bits`;
}

/** Heals a database that nobody has open, without its key. */
async function healedWhileClosed(): Promise<undefined> {
  const options: DbOptions = { ...SMALL, ...ENCRYPTED, ecc: CODES['reed-solomon']! };
  const directory = await left(options);
  const fs = await mountOpfs({ directory });
  const paths = [...pathsOf(fs, /\.sst$/), ...pathsOf(fs, /\.wal$/), ...pathsOf(fs, /^MANIFEST/)];
  const sound = new Map(paths.map((path) => [path, bytesOf(fs, path)]));
  for (const pattern of [/\.sst$/, /\.wal$/, /^MANIFEST/]) turnBits(fs, pattern);
  const { findings } = await scrubDirectory(fs, DIRECTORY, { heal: true });
  check(findings.length > 0 && findings.every(({ isHealed }) => isHealed), 'all of it is healed');
  check(sameFiles(fs, sound), 'the files are what they were');
  const world = await OpfsWorld.openOn(fs, options);
  checkEntries(world.db, COUNT, 0);
  await world.close();
  return undefined;
}

/** Damages a table that has no code: its own keys are lost, and nothing else. */
async function lost(options: DbOptions): Promise<string> {
  const directory = await left(options);
  const fs = await mountOpfs({ directory });
  const [path] = pathsOf(fs, /\.sst$/);
  turnBit(fs, path!, FIRST_OFFSET);
  const { findings } = await scrubDirectory(fs, DIRECTORY);
  check(findings.length === 1 && findings[0]!.state === 'lost', `${findings.length} findings`);
  const world = await OpfsWorld.openOn(fs, options);
  const { db } = world;
  let error: unknown;
  try {
    checkEntries(db, COUNT, 0);
  } catch (thrown) {
    error = thrown;
  }
  check(isVarveError(error, 'CORRUPTION') && error.file === path, `a scan says ${error}`);
  const entries = db.entries({ onDamage: 'skip' });
  const found = new Set([...entries].map(([key]) => new TextDecoder().decode(key)));
  const { lostRanges } = entries;
  check(lostRanges.length === 1, `${lostRanges.length} ranges are lost`);
  const [from, to] = [lostRanges[0]!.gte, lostRanges[0]!.lt].map((key) =>
    new TextDecoder().decode(key),
  );
  let lostCount = 0;
  for (let n = 0; n < COUNT; n++) {
    const key = keyAt(n);
    const isLost = key >= from! && key < to!;
    if (isLost) lostCount++;
    check(found.has(key) !== isLost, `key ${n} is ${isLost ? 'lost' : 'there'}`);
  }
  check(lostCount > 0 && lostCount < COUNT / 4, `${lostCount} keys are lost`);
  check((await db.verify()).uncorrectable.length === 1, 'verify finds it');
  check(db.stats().damage.length === 1, 'the statistics tell of it');
  db.put(keyAt(0), 'new', { sync: true });
  await world.db.close();
  const salvage = await salvageDatabase(
    DIRECTORY,
    { ...options, dryRun: false },
    environmentOn(fs),
  );
  check(salvage.tables.length === 1, `${salvage.tables.length} tables are salvaged`);
  const again = await OpfsWorld.openOn(fs, options);
  const kept = new Set([...again.db.keys()].map((key) => new TextDecoder().decode(key)));
  // The first key behind the gap may have newer versions in it, and is given up.
  const missing = [...found].filter((key) => !kept.has(key) && key !== to);
  check(missing.length === 0, `the salvage loses ${missing}`);
  check((await again.db.verify()).uncorrectable.length === 0, 'verify finds nothing');
  await again.close();
  return `${lostCount} of ${COUNT} keys`;
}

/** Takes manifest and `CURRENT` away, and has them made again out of tables and logs. */
async function repaired(options: DbOptions): Promise<undefined> {
  const directory = await left(options);
  const fs = await mountOpfs({ directory });
  for (const path of pathsOf(fs, /^(MANIFEST|CURRENT)/)) fs.remove(path);
  fs.syncDirectory(DIRECTORY);
  const names = fs.list(DIRECTORY).sort().join();
  const error: unknown = await OpfsWorld.openOn(fs, options).catch((thrown) => thrown);
  check(isVarveError(error), `open says ${error}`);
  const { compression, ...others } = options;
  const settings = { ...others, ...(compression !== undefined && { compression }) };
  await repairDatabase(DIRECTORY, settings, environmentOn(fs));
  check(fs.list(DIRECTORY).sort().join() === names, 'a look changes nothing');
  await repairDatabase(DIRECTORY, { ...settings, dryRun: false }, environmentOn(fs));
  const world = await OpfsWorld.openOn(fs, options);
  checkEntries(world.db, COUNT, 0);
  check((await world.db.verify()).uncorrectable.length === 0, 'verify finds nothing');
  await world.close();
  return undefined;
}

/** What a file of the browser is, below the mount. */
async function rawFile(directory: string, name: string): Promise<FileSystemFileHandle> {
  const root = await navigator.storage.getDirectory();
  return (await root.getDirectoryHandle(directory)).getFileHandle(name);
}

interface RawAccess {
  getSize(): number;
  truncate(sizeBytes: number): void;
  write(bytes: Uint8Array, options: { at: number }): number;
  flush(): void;
  close(): void;
}

async function changeRaw(
  directory: string,
  name: string,
  change: (access: RawAccess) => void,
): Promise<void> {
  const file = (await rawFile(directory, name)) as unknown as {
    createSyncAccessHandle(): Promise<RawAccess>;
  };
  const access = await file.createSyncAccessHandle();
  change(access);
  access.flush();
  access.close();
}

/** Damages the name map of a mount: one copy, the other one, and then both. */
async function damagedMap(): Promise<undefined> {
  const directory = await left(SMALL);
  const scribble = (access: RawAccess) => access.write(new Uint8Array(64).fill(0xff), { at: 0 });
  for (const name of ['MAP-A', 'MAP-B']) {
    await changeRaw(directory, name, scribble);
    const world = await OpfsWorld.open(directory, SMALL);
    checkEntries(world.db, COUNT, 0);
    await world.close();
  }
  await changeRaw(directory, 'MAP-A', (access) => access.truncate(0));
  await changeRaw(directory, 'MAP-B', scribble);
  const error: unknown = await mountOpfs({ directory }).catch((thrown) => thrown);
  check(isVarveError(error, 'CORRUPTION'), `without a map a mount says ${error}`);
  return undefined;
}

/** Takes files of the browser away, as nobody should: their paths are told, the rest is there. */
async function lostContainer(): Promise<string> {
  const directory = 'lost-file';
  const options: DbOptions = { ...SMALL, compression: 'none' };
  const first = await OpfsWorld.open(directory, options);
  // With so many files of the browser no two of ours share one.
  while (first.fs.openCount < MANY_FILES) await systemHostLoop.delay!(20);
  write(first.db, COUNT, 0);
  await first.db.compact();
  await first.close();
  // What a mount finds free has no content any more.
  await (await mountOpfs({ directory })).close();
  const root = await navigator.storage.getDirectory();
  const handle = await root.getDirectoryHandle(directory);
  const sizes: [name: string, sizeBytes: number][] = [];
  for await (const name of (handle as unknown as { keys(): AsyncIterable<string> }).keys()) {
    const { size } = await (await handle.getFileHandle(name)).getFile();
    if (name.startsWith('c')) sizes.push([name, size]);
  }
  const [largest] = sizes.sort(([, a], [, b]) => b - a);
  await handle.removeEntry(largest![0]);
  const fs = await mountOpfs({ directory });
  check(fs.lostPaths.length === 1 && /\.sst$/.test(fs.lostPaths[0]!), `lost: ${fs.lostPaths}`);
  const world = await OpfsWorld.openOn(fs, options);
  const entries = world.db.entries({ onDamage: 'skip' });
  const count = [...entries].length;
  check(count > 0 && count < COUNT && entries.lostRanges.length > 0, `${count} entries are left`);
  await world.close();
  return `${count} of ${COUNT} entries are left`;
}

const checks: Record<string, Check> = {};
for (const [name, ecc] of Object.entries(CODES)) {
  checks[`damage within the code is read around, told and healed (${name})`] = () =>
    healed({ ...SMALL, ecc });
}
for (const [name, stages] of Object.entries(CLEAR_STAGES)) {
  const ecc = CODES['reed-solomon']!;
  checks[`damage within the code is healed, and its table ${name}`] = () =>
    healed({ ...SMALL, ...stages, ecc });
  checks[`damage without a code costs its own keys (${name})`] = () =>
    lost({ ...SMALL, ...stages });
  checks[`a database without its manifest is repaired (${name})`] = () =>
    repaired({ ...SMALL, ...stages });
}
checks['a database that nobody has open is healed without its key'] = healedWhileClosed;
checks['a damaged copy of the name map is made good, and without any a mount says so'] = damagedMap;
checks['a file that the browser has lost costs its own keys'] = lostContainer;

export const CHECKS: Readonly<Record<string, Check>> = checks;
