/**
 * The end of the demo: the imported database is encrypted and protected, damaged in every kind of
 * file, healed without its key, robbed of its manifest, repaired, and restored from a backup.
 * @module
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { Backups, DirectoryTarget } from '../src/backup/index.ts';
import { formatBytes, formatItems, formatRate, formatTable } from '../src/cli/format.ts';
import type { TreeFile } from '../src/cli/tree.ts';
import {
  type Db,
  type DbOptions,
  isVarveError,
  NodeFs,
  repair,
  type ScrubReport,
  scrubDirectory,
} from '../src/index.ts';
import { parseFileName } from '../src/manifest/file-names.ts';
import * as checks from './checks.ts';
import { CONTENT, openStore } from './file-store.ts';
import type { Screen } from './screen.ts';

const SECTOR_BYTES = 512;
/** A log whose records are that long can lose a sector of one. */
const LOG_VALUE_BYTES = 65_536;
const LOG_KEY = '\u0000 kept in the log';
/** Less than the parity section that ends a table. */
const CUT_BYTES = 8;

/** What the steps share. */
export interface DamageStage {
  /** Of the database. */
  readonly directory: string;
  /** For backups, and what is restored of them; removed with the database. */
  readonly besides: string;
  readonly screen: Screen;
}

/**
 * Plays it; the database is closed at the end.
 * @param db taken: a database in the clear, with the files of a tree
 * @param files all that it holds
 */
export async function damageAndHeal(
  stage: DamageStage,
  db: Db,
  files: readonly TreeFile[],
): Promise<void> {
  const options = await protect(stage, db);
  await backUp(stage, options);
  const damaged = damageFiles(stage);
  await healWithoutKey(stage, damaged);
  await repairWithoutManifest(stage, options, files);
  await restore(stage, options, files);
}

/** Returns the options with which the database is opened from now on. */
async function protect({ directory, screen }: DamageStage, db: Db): Promise<DbOptions> {
  screen.step('Encrypt it, and add Reed-Solomon parity');
  const options: DbOptions = {
    encryption: {
      suite: 'aes-256-gcm',
      epoch: 1,
      keys: { 1: randomBytes(32) },
      encryptExisting: true,
    },
    ecc: { scheme: 'reed-solomon', data: 10, parity: 4 },
  };
  await db.close();
  const begin = performance.now();
  const sealed = await openStore(directory, options);
  await sealed.compact({ bottommost: true });
  const { tableBytes } = sealed.stats();
  screen.time('rewrite, encrypted and with parity', performance.now() - begin, tableBytes);
  screen.line(
    `${formatBytes(tableBytes)} of tables, each block sealed, with 4 parity shards per 10`,
  );
  // What is in no table yet: it stays in the log, as a session of few writes leaves it.
  await sealed.close();
  const session = await openStore(directory, options);
  session.put(LOG_KEY, randomBytes(LOG_VALUE_BYTES), { sync: true });
  await session.close();
  return options;
}

async function backUp({ directory, besides, screen }: DamageStage, options: DbOptions) {
  screen.step('Back it up');
  const begin = performance.now();
  const db = await openStore(directory, options);
  const report = await backupsIn(besides).create(db);
  await db.close();
  screen.time('backup', performance.now() - begin, report.bytesStored);
  const { damaged, fileCount, bytesStored } = report;
  screen.check(`${formatItems(fileCount, 'file')}, ${formatBytes(bytesStored)}`, damaged);
}

function backupsIn(besides: string): Backups {
  return new Backups(new DirectoryTarget(new NodeFs(), join(besides, 'backups')));
}

/** Damage to one kind of file. */
interface Damaged {
  readonly kind: string;
  readonly files: Set<string>;
  flips: number;
  sectors: number;
  cuts: number;
}

function damageFiles({ directory, screen }: DamageStage): Damaged[] {
  screen.step('Damage every kind of file: flip bits, zero sectors, cut parity off');
  const all = new Map<string, Damaged>();
  for (const name of readdirSync(directory).sort()) {
    const kind = kindOf(name);
    if (kind === undefined) continue;
    const damaged = all.get(kind) ?? { kind, files: new Set(), flips: 0, sectors: 0, cuts: 0 };
    all.set(kind, damaged);
    damaged.files.add(name);
    damageFile(join(directory, name), damaged);
  }
  const rows = [...all.values()].map(({ kind, files, flips, sectors, cuts }) => [
    kind,
    `${files.size}`,
    `${flips}`,
    `${sectors}`,
    `${cuts}`,
  ]);
  const head = ['kind', 'files', 'bits flipped', 'sectors zeroed', 'ends cut'];
  screen.block(formatTable(head, rows));
  return [...all.values()];
}

const KINDS = ['current', 'manifest', 'table', 'wal'];

function kindOf(name: string): string | undefined {
  const kind = parseFileName(name)?.kind ?? '';
  return KINDS.includes(kind) ? kind : undefined;
}

function damageFile(path: string, damaged: Damaged): void {
  const file = openSync(path, 'r+');
  const { size } = fstatSync(file);
  const flip = (at: number) => {
    const byte = Buffer.alloc(1);
    readSync(file, byte, 0, 1, at);
    byte[0]! ^= 1 << (at % 8);
    writeSync(file, byte, 0, 1, at);
    damaged.flips++;
  };
  const zero = (at: number) => {
    writeSync(file, Buffer.alloc(SECTOR_BYTES), 0, SECTOR_BYTES, at - (at % SECTOR_BYTES));
    damaged.sectors++;
  };
  // One bit of the first copy of the header, or of the first slot of CURRENT.
  flip(20);
  if (damaged.kind === 'manifest') flip(Math.floor(size / 2));
  const isLong = size > LOG_VALUE_BYTES / 2;
  if (damaged.kind === 'table') flip(Math.floor(size / 3));
  if (damaged.kind === 'table' && isLong) zero(Math.floor((size * 2) / 3));
  if (damaged.kind === 'wal' && isLong) zero(LOG_VALUE_BYTES / 2);
  if (damaged.kind === 'table') {
    ftruncateSync(file, size - CUT_BYTES);
    damaged.cuts++;
  }
  closeSync(file);
}

async function healWithoutKey(
  { directory, screen }: DamageStage,
  damaged: readonly Damaged[],
): Promise<void> {
  screen.step('Scrub it, without the key');
  const fs = new NodeFs();
  const begin = performance.now();
  const report = await scrubDirectory(fs, directory, { heal: true });
  const milliseconds = performance.now() - begin;
  screen.time('scrub and heal, without the key', milliseconds, report.bytesRead);
  const { fileCount, bytesRead, findings } = report;
  const amount = `${formatItems(fileCount, 'file')}, ${formatBytes(bytesRead)}`;
  screen.line(`${amount}, ${formatRate(bytesRead, milliseconds)}`);
  screen.block(formatTable(['kind', 'damaged', 'healed', 'by'], healRows(report)));
  const unhealed = findings
    .filter(({ isHealed }) => !isHealed)
    .map(({ file, offset, cause, refusal }) => `${file} at ${offset}: ${refusal ?? cause}`);
  const found = new Set(findings.map(({ file }) => file.slice(directory.length + 1)));
  for (const { files } of damaged) {
    for (const name of files) if (!found.has(name)) unhealed.push(`${name}: nothing was found`);
  }
  screen.check('all damage was found and healed on the disk', unhealed);
  const again = await scrubDirectory(fs, directory);
  const left = again.findings.map(({ file, offset, cause }) => `${file} at ${offset}: ${cause}`);
  screen.check('a second scrub finds nothing', left);
}

function healRows({ findings }: ScrubReport): string[][] {
  const kinds = new Map<string, { found: number; healed: number; sources: Set<string> }>();
  for (const { fileClass, part, isHealed, source } of findings) {
    const kind = `${fileClass}: ${part}`;
    const row = kinds.get(kind) ?? { found: 0, healed: 0, sources: new Set() };
    kinds.set(kind, row);
    row.found++;
    if (isHealed) row.healed++;
    row.sources.add(source);
  }
  const rows = [...kinds].sort(([a], [b]) => (a < b ? -1 : 1));
  return rows.map(([kind, { found, healed, sources }]) => [
    kind,
    `${found}`,
    `${healed}`,
    [...sources].join(', '),
  ]);
}

async function repairWithoutManifest(
  { directory, screen }: DamageStage,
  options: DbOptions,
  files: readonly TreeFile[],
): Promise<void> {
  screen.step('Delete its manifest, and repair it');
  const manifests = readdirSync(directory).filter((name) => kindOf(name) === 'manifest');
  for (const name of manifests) rmSync(join(directory, name));
  const refusal = await openStore(directory, options).then(
    () => 'it opens all the same',
    (error: unknown) => (isVarveError(error, 'CORRUPTION') ? undefined : String(error)),
  );
  screen.check('it is refused as damaged', refusal === undefined ? [] : [refusal]);
  const { encryption, ecc } = options;
  const begin = performance.now();
  const report = await repair(directory, { encryption: encryption!, ecc: ecc!, dryRun: false });
  screen.time('repair', performance.now() - begin);
  const losses = [...report.losses, ...report.doubts].map(({ reason }) => reason);
  const tableCount = report.columnFamilies.reduce((sum, family) => sum + family.tableCount, 0);
  const families = report.columnFamilies.map(({ name }) => name).join(', ');
  screen.line(`${formatItems(tableCount, 'table')} of ${families}`);
  if (tableCount === 0) {
    screen.line('without tables nothing tells that the older writes were deleted ones');
  } else {
    screen.check('its tables and logs say everything: nothing is lost, nothing in doubt', losses);
  }
  const db = await openStore(directory, options);
  await compare(screen, db, files, 'the repaired database');
  const kept = db.get(LOG_KEY)?.length === LOG_VALUE_BYTES;
  screen.check('what only the log held is there too', kept ? [] : [`${LOG_KEY} is not`]);
  await db.close();
}

async function restore(
  { besides, screen }: DamageStage,
  options: DbOptions,
  files: readonly TreeFile[],
): Promise<void> {
  screen.step('Restore the backup');
  const directory = join(besides, 'restored');
  const begin = performance.now();
  const report = await backupsIn(besides).restore(new NodeFs(), directory);
  screen.time('restore', performance.now() - begin, report.bytesWritten);
  screen.check(`${formatItems(report.fileCount, 'file')} restored`, report.damaged);
  const db = await openStore(directory, { ...options, createIfMissing: false });
  await compare(screen, db, files, 'the restored database');
  await db.close();
}

async function compare(
  screen: Screen,
  db: Db,
  files: readonly TreeFile[],
  what: string,
): Promise<void> {
  const { equalCount, bytesRead, changedCount, different } = await checks.compareWithDisk(
    db,
    files,
  );
  const wrong = [...different];
  const count = checks.countFiles(db);
  if (count !== files.length) wrong.push(`it has ${count} files instead of ${files.length}`);
  const amount = `${formatItems(equalCount, 'file')}, ${formatBytes(bytesRead)}`;
  screen.check(`${what} has ${amount}, equal to the disk`, wrong);
  if (changedCount > 0) screen.line(`not compared, because they changed: ${changedCount}`);
}

/** The files of a tree that a database holds. */
export function heldFiles(db: Db, files: readonly TreeFile[]): TreeFile[] {
  return files.filter(({ key }) => db.has(key, { columnFamily: CONTENT }));
}
