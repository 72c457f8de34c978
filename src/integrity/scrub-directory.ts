/**
 * The scrub of a database that nobody has open: every byte of every file is read and held against
 * its checksums, parity sections and copies, and healed in place if that is asked for. No key is
 * needed.
 * @module
 */
import { loadChecksum } from '../block/checksum.ts';
import type { HostLoop } from '../env/port.ts';
import { isVarveError, VarveError } from '../errors.ts';
import { HeldFs } from '../fs/held.ts';
import { closeFile, type Fs, type FsLock, joinPath } from '../fs/port.ts';
import { LOCK_NAME, parseFileName } from '../manifest/file-names.ts';
import { refuseForeign } from '../manifest/foreign.ts';
import { type ExpectedFiles, expectedFiles, type NamedFile } from './expected-files.ts';
import { FileCheck, openToCheck } from './file-check.ts';
import type { Finding } from './finding.ts';
import { healFile } from './heal.ts';

const STEP_BYTES = 1024 * 1024;
/** Findings that are healed together. */
const BATCH_FINDINGS = 256;

/** How a directory is scrubbed. */
export interface ScrubOptions {
  /** Heal what can be healed; takes the lock. False if absent: nothing is written. */
  readonly heal?: boolean | undefined;
  /** Names of the only files to look at; all of the database if absent. */
  readonly files?: readonly string[] | undefined;
  /** Told as bytes are read; `bytesTotal` may be exceeded where files have grown. */
  readonly onProgress?: ((bytesRead: number, bytesTotal: number) => void) | undefined;
  /** Told of each damage at once. */
  readonly onFinding?: ((finding: ScrubFinding) => void) | undefined;
  /** Gives the host turns between two steps; without it the thread is held up. */
  readonly hostLoop?: HostLoop | undefined;
}

/** A damage, and what became of it. */
export interface ScrubFinding extends Finding {
  /** Its bytes are right again, on stable storage, and were read once more. */
  readonly isHealed: boolean;
  /** Why it was not healed although that was asked for and the bytes are known. */
  readonly refusal: string | undefined;
}

/** What a scrub has found. */
export interface ScrubReport {
  /** Files that were looked at; one that is missing counts. */
  readonly fileCount: number;
  /** Bytes of files that were read. */
  readonly bytesRead: number;
  /** Every damage, file by file. */
  readonly findings: readonly ScrubFinding[];
  /** Logs whose last record was not completely written: no damage. */
  readonly tornLogs: readonly { readonly file: string; readonly offset: number }[];
  /** Names of files that nothing refers to, which were not looked at. */
  readonly unnamed: readonly string[];
  /**
   * The manifest could be read, so that files that are missing, or another database's, were
   * noticed: false where it is encrypted, or too damaged.
   */
  readonly isManifestRead: boolean;
}

/**
 * Scrubs the files of a database that is closed. With `heal` it takes the lock; without, it reads
 * beside whoever may hold it, whose unfinished writes may then look like damage.
 * @param directory in the terms of `fs`
 * @throws TypeError for wrong options
 * @throws VarveError `LOCKED` when somebody has the database open and `heal` is asked for;
 * `INVALID` when there is no database, or one of another program; `UNSUPPORTED` for a later format;
 * `DETACHED` when the directory was replaced meanwhile; of the `Fs`
 */
export async function scrubDirectory(
  fs: Fs,
  directory: string,
  options: ScrubOptions = {},
): Promise<ScrubReport> {
  checkOptions(options);
  const resolved = fs.resolve(directory);
  refuseForeign(fs, resolved, true);
  await loadChecksum();
  if (options.heal !== true) return new Scrub(fs, resolved, options).run();
  requireDatabase(fs, resolved);
  const lockPath = joinPath(resolved, LOCK_NAME);
  const lock: FsLock = await fs.lock(lockPath);
  try {
    return await new Scrub(new HeldFs(fs, lockPath, lock.token), resolved, options).run();
  } finally {
    await lock.release();
  }
}

function checkOptions({ heal, files, onProgress, onFinding }: ScrubOptions): void {
  if (heal !== undefined && typeof heal !== 'boolean') throw new TypeError('heal is a boolean');
  if (files !== undefined && !Array.isArray(files)) throw new TypeError('files is an array');
  for (const callback of [onProgress, onFinding]) {
    if (callback === undefined || typeof callback === 'function') continue;
    throw new TypeError('onProgress and onFinding are functions');
  }
}

function requireDatabase(fs: Fs, directory: string): void {
  const isOne = fs.exists(directory) && fs.list(directory).some((name) => isOwn(name));
  if (!isOne) {
    throw new VarveError('INVALID', `${directory} holds no database`, { file: directory });
  }
}

function isOwn(name: string): boolean {
  const kind = parseFileName(name)?.kind;
  return kind !== undefined && kind !== 'lock';
}

/** One scrub. */
class Scrub {
  readonly #fs: Fs;
  readonly #directory: string;
  readonly #options: ScrubOptions;
  readonly #findings: ScrubFinding[];
  readonly #tornLogs: { readonly file: string; readonly offset: number }[];
  #bytesRead: number;
  #bytesTotal: number;

  constructor(fs: Fs, directory: string, options: ScrubOptions) {
    this.#fs = fs;
    this.#directory = directory;
    this.#options = options;
    this.#findings = [];
    this.#tornLogs = [];
    this.#bytesRead = 0;
    this.#bytesTotal = 0;
  }

  async run(): Promise<ScrubReport> {
    requireDatabase(this.#fs, this.#directory);
    const { files, unnamed, isManifestRead } = this.#wanted();
    this.#bytesTotal = files.reduce((sum, file) => sum + this.#sizeOf(file), 0);
    for (const file of files) await this.#scrubFile(file);
    return {
      fileCount: files.length,
      bytesRead: this.#bytesRead,
      findings: this.#findings,
      tornLogs: this.#tornLogs,
      unnamed,
      isManifestRead,
    };
  }

  #wanted(): ExpectedFiles {
    const all = expectedFiles(this.#fs, this.#directory);
    const { files: names } = this.#options;
    if (names === undefined) return all;
    const files = names.map((name) => {
      const found = all.files.find((file) => file.name === name);
      if (found !== undefined) return found;
      throw new VarveError('INVALID', `${name} is no file of the database`);
    });
    return { ...all, files, unnamed: [] };
  }

  #sizeOf({ name, expected }: NamedFile): number {
    if (expected.endBytes !== undefined) return expected.endBytes;
    const path = joinPath(this.#directory, name);
    if (!this.#fs.exists(path)) return 0;
    const file = this.#fs.open(path, 'read');
    try {
      return file.size();
    } finally {
      closeFile(file);
    }
  }

  async #scrubFile({ name, expected }: NamedFile): Promise<void> {
    const path = joinPath(this.#directory, name);
    let found: Finding[] = [];
    const settle = () => {
      this.#settle(path, expected, found);
      found = [];
    };
    const file = openToCheck(this.#fs, path, expected, (finding) => found.push(finding));
    if (file === undefined) {
      settle();
      return;
    }
    try {
      const check = new FileCheck(file, expected, (finding) => found.push(finding));
      const before = this.#bytesRead;
      for (let goesOn = true; goesOn; ) {
        goesOn = check.step(STEP_BYTES);
        this.#bytesRead = before + check.position;
        if (found.length >= BATCH_FINDINGS) settle();
        this.#options.onProgress?.(this.#bytesRead, this.#bytesTotal);
        await this.#options.hostLoop?.turn();
      }
      const { tornAt } = check;
      if (tornAt !== undefined && tornAt < check.sizeBytes) {
        this.#tornLogs.push({ file: path, offset: tornAt });
      }
    } catch (error) {
      if (!isVarveError(error, 'IO')) throw error;
      const place = { part: 'file', offset: 0, lengthBytes: 0, blockType: 0 } as const;
      found.push({ file: path, fileClass: expected.fileClass, ...place, ...unread(error) });
    } finally {
      closeFile(file);
    }
    settle();
  }

  /** Heals, if that is asked for, and tells. */
  #settle(path: string, expected: NamedFile['expected'], found: readonly Finding[]): void {
    const healable = found.filter(({ state }) => state === 'healable');
    if (this.#options.heal !== true || healable.length === 0) {
      for (const finding of found) this.#tell(finding, false, undefined);
      return;
    }
    for (const finding of found)
      if (finding.state === 'lost') this.#tell(finding, false, undefined);
    const { healed, left, refusal } = healFile(this.#fs, path, expected, healable);
    for (const finding of healed) this.#tell(finding, true, undefined);
    for (const finding of left) this.#tell(finding, false, refusal);
  }

  #tell(finding: Finding, isHealed: boolean, refusal: string | undefined): void {
    const told = { ...finding, isHealed, refusal };
    this.#findings.push(told);
    this.#options.onFinding?.(told);
  }
}

function unread(error: VarveError): Pick<Finding, 'state' | 'cause' | 'source' | 'ranges'> {
  return { state: 'lost', cause: error.message, source: '', ranges: [] };
}
