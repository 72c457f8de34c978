/**
 * The main job, on real input: `npm run demo [-- folder] [--keep]`.
 *
 * Imports a folder (by default node_modules of this project) into two column families, kills the
 * importing process half way, and checks that nothing it acknowledged is lost; finishes the import,
 * compares every file with the disk, scans, takes a snapshot, compacts. Then it encrypts the
 * database, damages every kind of file, heals them without the key, repairs it without its
 * manifest, and restores a backup. Ends with 0 only if all checks held, with 1 otherwise, with 2
 * for wrong arguments.
 * @module
 */
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { toText } from '../src/cli/encoding.ts';
import { CommandError, failureOf } from '../src/cli/failure.ts';
import {
  formatBytes,
  formatCount,
  formatItems,
  formatRate,
  formatSeconds,
} from '../src/cli/format.ts';
import { Progress } from '../src/cli/progress.ts';
import { levelsText } from '../src/cli/stats-text.ts';
import { type Tree, type TreeFile, type TreeSkip, walkTree } from '../src/cli/tree.ts';
import type { Db } from '../src/index.ts';
import * as checks from './checks.ts';
import { halfFiles, importAndCrash, lostFiles } from './crash.ts';
import { CONTENT, importFiles, metadataOf, openStore } from './file-store.ts';
import { damageAndHeal, heldFiles } from './integrity.ts';
import { Screen } from './screen.ts';

const NAMED_KEYS = 3;

/** What the steps share. */
interface Stage {
  readonly root: string;
  readonly directory: string;
  readonly tree: Tree;
  readonly screen: Screen;
}

let child: ChildProcess | undefined;
process.exitCode = await main();

async function main(): Promise<number> {
  let root: string;
  let isKept: boolean;
  try {
    const { values, positionals } = parseArgs({
      options: { keep: { type: 'boolean', default: false } },
      allowPositionals: true,
    });
    if (positionals.length > 1) throw new TypeError('name one folder');
    root = resolve(positionals[0] ?? join(projectFolder(), 'node_modules'));
    isKept = values.keep;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nUsage: npm run demo -- [folder] [--keep]\n`);
    return 2;
  }
  const folder = mkdtempSync(join(tmpdir(), 'varve-demo-'));
  const directory = join(folder, 'db');
  cleanUpAtExit(folder, isKept);
  const screen = new Screen((text) => process.stdout.write(text));
  const stop = (error: unknown, code: number) => {
    process.stderr.write(`The demo stopped: ${failureOf(error).message}\n`);
    return code;
  };
  let tree: Tree;
  try {
    tree = walkTree(root, folder);
    if (tree.files.length === 0)
      throw new CommandError('INVALID', `there is no file to import in ${root}`);
  } catch (error) {
    return stop(error, 2);
  }
  try {
    await play({ root, directory, tree, screen });
  } catch (error) {
    return stop(error, 1);
  }
  if (isKept) screen.block(`\nThe database stays in ${directory}\n`);
  return conclude(screen);
}

/** Ends the child and removes the database, however the process ends. */
function cleanUpAtExit(directory: string, isKept: boolean): void {
  process.once('exit', () => {
    child?.kill('SIGKILL');
    if (!isKept) rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => process.exit(128 + constants.signals[signal]));
  }
}

async function play(stage: Stage): Promise<void> {
  const { root, tree, screen } = stage;
  const where = relative(process.cwd(), root);
  const shown = where === '' || where.startsWith('..') ? root : where;
  const amount = `${formatItems(tree.files.length, 'file')}, ${formatBytes(tree.totalBytes)}`;
  screen.block(`Varve demo: ${amount} of ${shown}\n`);
  if (tree.skipped.length > 0) screen.block(`${skippedText(tree.skipped)}\n`);
  let db = await crashAndReopen(stage);
  try {
    const files = await finishImport(stage, db);
    await readBack(stage, db, files);
    scanPrefix(stage, db, files);
    await holdSnapshot(stage, db, files);
    db = await compactAndReopen(stage, db);
    showLevels(stage, db);
    const besides = join(stage.directory, '..');
    await damageAndHeal({ ...stage, besides }, db, heldFiles(db, files));
    screen.step('Times');
    screen.block(screen.timesText());
  } finally {
    await db.close();
  }
}

async function crashAndReopen({ root, directory, tree, screen }: Stage): Promise<Db> {
  screen.step('Import in another process, killed half way with SIGKILL');
  const begin = performance.now();
  const crash = await importAndCrash(root, directory, tree, (started) => {
    child = started;
  });
  const milliseconds = performance.now() - begin;
  const { batchCount, syncedCount, contentBytes, files } = crash;
  screen.time('import until SIGKILL, with process start', milliseconds, contentBytes);
  const batches = `${formatItems(batchCount, 'batch', 'batches')} (${syncedCount} synced)`;
  const amount = `${formatItems(files.size, 'file')}, ${formatBytes(contentBytes)}`;
  screen.line(`it acknowledged ${batches}: ${amount}, ${formatRate(contentBytes, milliseconds)}`);
  const lastWords = crash.complaints.trim() || 'it ended by itself';
  screen.check('the process died of SIGKILL', crash.wasKilled ? [] : [lastWords]);

  screen.step('Reopen');
  const reopening = performance.now();
  const db = await openStore(directory);
  screen.time('reopen after SIGKILL', performance.now() - reopening);
  const { recordCount } = db.stats().recovery;
  const opened = formatSeconds(performance.now() - reopening);
  screen.line(`recovered ${formatItems(recordCount, 'WAL record')} in ${opened}`);
  const found = checks.countFiles(db);
  screen.check(
    `all ${formatItems(files.size, 'acknowledged file')} are there, byte for byte`,
    lostFiles(db, crash),
  );
  const extra = Math.max(0, found - files.size);
  const beyond = extra === 0 ? '' : `; ${extra} came in after the last acknowledgement`;
  screen.check(`no batch is there in part: content and metadata match${beyond}`, halfFiles(db));
  return db;
}

/** Returns the files that could be read, which must be in the database from now on. */
async function finishImport({ tree, screen }: Stage, db: Db): Promise<readonly TreeFile[]> {
  screen.step('Finish the import');
  const begin = performance.now();
  const missing = tree.files.filter(({ key, sizeBytes, modifiedMs }) => {
    const about = metadataOf(db, key);
    return about?.sizeBytes !== sizeBytes || about.modifiedMs !== modifiedMs;
  });
  const skipped: TreeSkip[] = [];
  const totalBytes = missing.reduce((sum, file) => sum + file.sizeBytes, 0);
  const progress = new Progress('   importing', totalBytes, true);
  let bytes = 0;
  let count = 0;
  for (const batch of importFiles(db, missing, skipped)) {
    for (const { sizeBytes } of batch.files) bytes += sizeBytes;
    count += batch.files.length;
    progress.update(bytes);
    await checks.turn();
  }
  await db.sync();
  progress.stop();
  const milliseconds = performance.now() - begin;
  screen.time('rest of the import', milliseconds, bytes);
  const rate = formatRate(bytes, milliseconds);
  screen.line(`${formatItems(count, 'more file')}, ${formatBytes(bytes)}, ${rate}`);
  if (skipped.length === 0) return tree.files;
  screen.line(skippedText(skipped));
  const left = new Set(skipped.map(({ key }) => key));
  return tree.files.filter(({ key }) => !left.has(key));
}

async function readBack({ screen }: Stage, db: Db, files: readonly TreeFile[]): Promise<void> {
  screen.step('Read every file back and compare it with the disk');
  const begin = performance.now();
  const { equalCount, bytesRead, changedCount, different } = await checks.compareWithDisk(
    db,
    files,
  );
  const milliseconds = performance.now() - begin;
  screen.time('read back and compare', milliseconds, bytesRead);
  screen.check(
    `${formatItems(equalCount, 'file')}, ${formatBytes(bytesRead)}, are equal to the disk`,
    different,
  );
  if (changedCount > 0) {
    screen.line(
      `not compared, because they changed meanwhile: ${formatItems(changedCount, 'file')}`,
    );
  }
}

function scanPrefix({ screen }: Stage, db: Db, files: readonly TreeFile[]): void {
  const prefix = checks.prefixToShow(files);
  screen.step(`Scan the prefix ${toText(prefix, 'utf8')}`);
  const begin = performance.now();
  const keys = [...db.keys({ columnFamily: CONTENT, prefix })];
  screen.time('prefix scan of keys', performance.now() - begin);
  for (const key of keys.slice(0, NAMED_KEYS)) {
    const size = metadataOf(db, key)?.sizeBytes ?? 0;
    screen.line(`${toText(key, 'utf8')}  ${formatBytes(size)}`);
  }
  if (keys.length > NAMED_KEYS) screen.line('...');
  screen.check(
    `${formatItems(keys.length, 'key')} in order, the same as on the disk`,
    checks.wrongKeys(files, prefix, keys),
  );
}

async function holdSnapshot({ screen }: Stage, db: Db, files: readonly TreeFile[]): Promise<void> {
  const prefix = checks.prefixToShow(files);
  screen.step(`Take a snapshot, then delete everything below ${toText(prefix, 'utf8')}`);
  const keys = [...db.keys({ columnFamily: CONTENT, prefix })];
  const before = checks.countFiles(db);
  const snapshot = db.snapshot();
  checks.deleteFiles(db, keys);
  const left = checks.countFiles(db);
  const present = checks.presentFiles(db, keys);
  if (left !== before - keys.length) present.push(`${left} of ${before} files are left`);
  screen.check(
    `${formatItems(keys.length, 'file is', 'files are')} deleted, ${formatCount(left)} are left`,
    present,
  );
  const begin = performance.now();
  await db.compact();
  screen.time('compact, with the snapshot', performance.now() - begin, db.stats().tableBytes);
  const seen = checks.countFiles(db, snapshot);
  const unseen = checks.unseenFiles(db, keys, snapshot);
  if (seen !== before) unseen.push(`it shows ${seen} files instead of ${before}`);
  const shown = `the snapshot still shows all ${formatCount(before)}`;
  screen.check(`${shown}, after a compaction as well`, unseen);
  snapshot.release();
}

async function compactAndReopen({ directory, screen }: Stage, db: Db): Promise<Db> {
  screen.step('Compact, verify, close and open again');
  const count = checks.countFiles(db);
  const begin = performance.now();
  await db.compact();
  const compacted = db.stats().tableBytes;
  screen.time('compact, without it', performance.now() - begin, compacted);
  const verifying = performance.now();
  const { tableCount, bytesRead, uncorrectable } = await db.verify();
  screen.time('verify', performance.now() - verifying, bytesRead);
  screen.check(
    `${formatItems(tableCount, 'table')} verified without damage`,
    uncorrectable.map(({ cause }) => cause),
  );
  await db.close();
  const opening = performance.now();
  const again = await openStore(directory, { createIfMissing: false });
  screen.time('open after a clean close', performance.now() - opening);
  const found = checks.countFiles(again);
  const wrong = found === count ? [] : [`there are ${found}`];
  screen.check(`all ${formatItems(count, 'file')} are there again`, wrong);
  return again;
}

function showLevels({ screen }: Stage, db: Db): void {
  const { columnFamilies } = db.stats();
  const used = columnFamilies.filter(({ levels }) =>
    levels.some(({ tableCount }) => tableCount > 0),
  );
  screen.step('Levels and sizes');
  screen.block(levelsText(used));
}

/** Prints the verdict; returns the exit code. */
function conclude(screen: Screen): number {
  const { checkCount, failures } = screen;
  if (failures.length === 0) {
    screen.block(`\nAll ${checkCount} checks held.\n`);
    return 0;
  }
  const failed = failures.map((claim) => `  ${claim}\n`).join('');
  screen.block(`\n${failures.length} of ${checkCount} checks FAILED:\n${failed}`);
  return 1;
}

function skippedText(skipped: readonly TreeSkip[]): string {
  const reasons = new Map<string, number>();
  for (const { reason } of skipped) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  const list = [...reasons].map(([reason, count]) => `${count} (${reason})`).join(', ');
  return `left out: ${list}`;
}

/** The folder of package.json, from that of the compiled demo. */
function projectFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}
