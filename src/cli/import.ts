/**
 * `varve import`.
 * @module
 */
import { createReadStream, statSync } from 'node:fs';
import { addAbortSignal, type Readable } from 'node:stream';
import { Command } from 'commander';
import { WriteBatch } from '../db/write-batch.ts';
import { isVarveError } from '../errors.ts';
import type { ColumnFamily, Db } from '../index.ts';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../key/kind.ts';
import { toText } from './encoding.ts';
import { CommandError, shortened, usageError } from './failure.ts';
import { formatBytes, formatItems, formatRate, formatSeconds } from './format.ts';
import { type ImportEntry, readEntries } from './json-lines.ts';
import {
  addCreate,
  addCreateFamily,
  addFamily,
  addJson,
  addSync,
  addWriting,
  givenOptions,
  type WriteOptions,
} from './options.ts';
import type { Output } from './output.ts';
import { Progress } from './progress.ts';
import { withWriter } from './session.ts';
import { readTreeFile, type Tree, type TreeSkip, walkTree } from './tree.ts';

/** A batch is written when it holds this much. */
const BATCH_BYTES = 1_048_576;
const BATCH_COUNT = 1000;
/** What opening a file costs, counted as bytes read. */
const FILE_COST_BYTES = 4096;
/** At most this many left out files are named one by one. */
const NAMED_SKIPS_MAX = 10;

interface ImportOptions extends WriteOptions {
  readonly create: boolean;
  readonly createFamily: boolean;
  readonly dir?: string;
  readonly whole?: boolean;
}

/** The command, which prints to `output`. */
export function importCommand(output: Output): Command {
  const command = new Command('import')
    .description('put many entries: JSON lines, or the files of a directory')
    .argument('<db>', 'directory of the database')
    .argument('[file]', "JSON lines as 'varve export' writes them; '-' or nothing: standard input")
    .option('--dir <directory>', 'import its files instead: path below it -> content')
    .option('--whole', "make a new database of a file that 'varve export --whole' wrote")
    .addHelpText('after', HELP)
    .action(async (path: string, file: string | undefined, options: ImportOptions, self) => {
      if (options.whole) {
        const others = givenOptions(self).filter((name) => !['whole', 'json'].includes(name));
        if (others.length > 0) {
          throw usageError('--whole makes the database that was exported: no option beside --json');
        }
        const { importWhole } = await import('./export-file.ts');
        return importWhole(path, file, options, output);
      }
      const begin = performance.now();
      const importer = await importInto(path, sourceOf(path, file, options), options);
      await report(output, importer, performance.now() - begin, options);
    });
  addCreateFamily(addCreate(addWriting(command)));
  addSync(command, 'wait for stable storage after every batch');
  return addJson(addFamily(command, 'column family of entries that name none; default if absent'));
}

const HELP = `
A line is {"key": "...", "value": "..."}, with {"base64": "..."} or {"hex": "..."} in place of a
string for bytes that are not UTF-8, and may have a "family", which is made unless --no-create
stands there. Entries are written in batches; what
was written stays when a later line is wrong, or when the command is interrupted.
Symbolic links are not followed. Files that cannot be read or are larger than 256 MiB are left out
and named, and the exit code is 4.`;

/** Feeds entries to an importer. */
type Source = (importer: Importer, stop: AbortSignal) => Promise<void>;

/** What the arguments name; checked before the database is touched. */
function sourceOf(path: string, file: string | undefined, options: ImportOptions): Source {
  const { dir, json } = options;
  if (dir !== undefined) {
    if (file !== undefined) throw usageError('give a file or --dir, not both');
    const tree = walkTree(dir, path);
    return (importer, stop) => importTree(importer, tree, stop, !json);
  }
  if (file === undefined && process.stdin.isTTY === true) {
    throw usageError('name a file or a directory to import, or pipe JSON lines in');
  }
  if (file === undefined || file === '-') {
    return (importer, stop) => importLines(importer, process.stdin, undefined, stop, !json);
  }
  const stat = statSync(file);
  if (stat.isDirectory()) throw usageError(`${file} is a directory; import it with --dir`);
  const totalBytes = stat.isFile() ? stat.size : undefined;
  return (importer, stop) => importLines(importer, createReadStream(file), totalBytes, stop, !json);
}

async function importInto(path: string, source: Source, options: ImportOptions): Promise<Importer> {
  const { create, family, sync } = options;
  let importer: Importer | undefined;
  try {
    await withWriter(path, options, async (db, stop) => {
      importer = new Importer(db, create, family, sync === true);
      try {
        await source(importer, stop);
      } catch (error) {
        // What was read before a wrong line or an interruption counts.
        if (!isVarveError(error)) importer.write();
        throw error;
      }
      importer.write();
    });
    return importer!;
  } catch (error) {
    throw importer === undefined ? error : withCount(error, importer.entryCount);
  }
}

/** Adds to a message how much of the import stays. */
function withCount(error: unknown, count: number): unknown {
  if (!(error instanceof CommandError)) return error;
  const kept = `${formatItems(count, 'entry was', 'entries were')} imported before`;
  return new CommandError(error.code, `${error.message}; ${kept}`, error.exitCode);
}

/** Gathers entries to batches and writes them. */
class Importer {
  /** What was written. */
  entryCount: number;
  byteCount: number;
  readonly skipped: TreeSkip[];
  readonly #db: Db;
  readonly #creates: boolean;
  readonly #family: string | undefined;
  readonly #sync: boolean;
  readonly #batch: WriteBatch;
  readonly #families: Map<string, ColumnFamily>;
  #pendingBytes: number;

  constructor(db: Db, creates: boolean, family: string | undefined, sync: boolean) {
    this.entryCount = 0;
    this.byteCount = 0;
    this.skipped = [];
    this.#db = db;
    this.#creates = creates;
    this.#family = family;
    this.#sync = sync;
    this.#batch = new WriteBatch();
    this.#families = new Map();
    this.#pendingBytes = 0;
  }

  /** Adds an entry; borrows its bytes. */
  add(key: Uint8Array, value: Uint8Array, family: string | undefined): void {
    const batch = this.#batch;
    const length = key.length + value.length;
    if (batch.count > 0 && batch.sizeBytes + length > BATCH_BYTES) this.write();
    const name = family ?? this.#family;
    batch.put(key, value, name === undefined ? undefined : this.#familyNamed(name));
    this.#pendingBytes += length;
    if (batch.count >= BATCH_COUNT || batch.sizeBytes >= BATCH_BYTES) this.write();
  }

  /** Writes what is gathered. */
  write(): void {
    const batch = this.#batch;
    if (batch.count === 0) return;
    this.#db.write(batch, { sync: this.#sync });
    this.entryCount += batch.count;
    this.byteCount += this.#pendingBytes;
    batch.clear();
    this.#pendingBytes = 0;
  }

  #familyNamed(name: string): ColumnFamily {
    let family = this.#families.get(name);
    if (family === undefined) {
      const isMissing = this.#creates && !this.#db.listColumnFamilies().includes(name);
      family = isMissing ? this.#db.createColumnFamily(name) : this.#db.columnFamily(name);
      this.#families.set(name, family);
    }
    return family;
  }
}

async function importLines(
  importer: Importer,
  stream: Readable,
  totalBytes: number | undefined,
  stop: AbortSignal,
  isForPeople: boolean,
): Promise<void> {
  const progress = new Progress('importing', totalBytes, isForPeople);
  try {
    for await (const { entries, bytesRead } of readEntries(addAbortSignal(stop, stream))) {
      for (const entry of entries) addLine(importer, entry);
      progress.update(bytesRead);
    }
  } finally {
    progress.stop();
    stream.destroy();
  }
}

function addLine(importer: Importer, { key, value, family }: ImportEntry): void {
  if (key.length > KEY_BYTES_MAX || value.length > VALUE_BYTES_MAX) {
    const limits = `${KEY_BYTES_MAX} bytes in keys and ${VALUE_BYTES_MAX} in values`;
    throw new CommandError(
      'INVALID',
      `an entry exceeds ${limits}: key ${shortened(toText(key, 'utf8'))}`,
    );
  }
  importer.add(key, value, family);
}

async function importTree(
  importer: Importer,
  tree: Tree,
  stop: AbortSignal,
  isForPeople: boolean,
): Promise<void> {
  importer.skipped.push(...tree.skipped);
  const progress = new Progress('importing', tree.totalBytes, isForPeople);
  let doneBytes = 0;
  let turnBytes = 0;
  try {
    for (const file of tree.files) {
      const content = readTreeFile(file);
      if (content.skip !== undefined) importer.skipped.push(content.skip);
      else importer.add(file.key, content.bytes, undefined);
      doneBytes += file.sizeBytes;
      turnBytes += file.sizeBytes + FILE_COST_BYTES;
      progress.update(doneBytes);
      if (turnBytes < BATCH_BYTES) continue;
      turnBytes = 0;
      // Signals arrive between two turns of the event loop only.
      await new Promise<void>((resolve) => setImmediate(resolve));
      stop.throwIfAborted();
    }
  } finally {
    progress.stop();
  }
}

async function report(
  output: Output,
  { entryCount, byteCount, skipped }: Importer,
  milliseconds: number,
  { json }: ImportOptions,
): Promise<void> {
  const lost = skipped.filter((skip) => skip.isLoss);
  if (json) {
    await output.json({
      entries: entryCount,
      bytes: byteCount,
      milliseconds: Math.round(milliseconds),
      skipped: skipped.map(({ key, reason }) => ({ path: toText(key, 'utf8'), reason })),
    });
  } else {
    const rate = formatRate(byteCount, milliseconds);
    const amount = `${formatItems(entryCount, 'entry', 'entries')}, ${formatBytes(byteCount)}`;
    await output.text(`imported ${amount} in ${formatSeconds(milliseconds)} (${rate})\n`);
    const harmless = skipped.length - lost.length;
    if (harmless > 0) {
      const what = formatItems(harmless, 'link or special file', 'links and special files');
      await output.text(`left out ${what}\n`);
    }
  }
  if (lost.length > 0) throw new CommandError('SYSTEM', lossText(lost));
}

function lossText(lost: readonly TreeSkip[]): string {
  const named = lost.slice(0, NAMED_SKIPS_MAX).map(({ key, reason }) => {
    return `\n  ${toText(key, 'utf8')}: ${reason}`;
  });
  const more = lost.length - named.length;
  const rest = more === 0 ? '' : `\n  and ${formatItems(more, 'other')}`;
  const count = formatItems(lost.length, 'file was', 'files were');
  return `${count} not imported:${named.join('')}${rest}`;
}
