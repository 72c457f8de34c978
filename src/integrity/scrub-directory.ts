/**
 * The scrub of a database that nobody has open: every byte of every file is read and held against
 * its checksums, parity sections and copies, and healed in place if that is asked for. No key is
 * needed.
 * @module
 */
import { loadChecksum } from '../block/checksum.ts';
import type { HostLoop, StopSignal } from '../env/port.ts';
import { systemHostLoop } from '../env/system.ts';
import { isVarveError, VarveError } from '../errors.ts';
import { HeldFs } from '../fs/held.ts';
import { closeFile, type Fs, joinPath } from '../fs/port.ts';
import { LOCK_NAME, parseFileName } from '../manifest/file-names.ts';
import { refuseForeign } from '../manifest/foreign.ts';
import { type ExpectedFiles, expectedFiles, type NamedFile } from './expected-files.ts';
import { FileCheck, openToCheck } from './file-check.ts';
import type { Finding, ScrubFinding } from './finding.ts';
import { type HealResult, healByReplacing, healFile } from './heal.ts';

const STEP_BYTES = 1024 * 1024;
/** Findings that are healed together. */
const BATCH_FINDINGS = 256;
/** How often a file is looked at that seems damaged, where somebody may be writing it. */
const LOOKS = 5;

/** How a directory is scrubbed. */
export interface ScrubOptions {
  /** Heal what can be healed; takes the lock. False if absent: nothing is written. */
  readonly heal?: boolean | undefined;
  /** Names of the only files to look at; all of the database if absent. */
  readonly files?: readonly string[] | undefined;
  /** Called after each step, of at most about 1 MiB. What it throws ends the scrub. */
  readonly onProgress?: ((bytesDone: number, bytesTotal: number) => void) | undefined;
  /** Told of each damage, as soon as it is known what becomes of it. */
  readonly onFinding?: ((finding: ScrubFinding) => void) | undefined;
  /** Ends the scrub when it is aborted: an `AbortSignal`. It then rejects with the reason. */
  readonly signal?: StopSignal | undefined;
  /** Gives the host turns between two steps; that of the runtime if absent. */
  readonly hostLoop?: HostLoop | undefined;
}

/** What a scrub has found. */
export interface ScrubReport {
  /** Files that were looked at; one that is missing counts. */
  readonly fileCount: number;
  /** Bytes of files that were read, each file once. */
  readonly bytesRead: number;
  /** Every damage, file by file. */
  readonly findings: readonly ScrubFinding[];
  /** Logs whose last record was not completely written, and where that begins: no damage. */
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
 * Scrubs the files of a database that is closed, or looks at them beside whoever has it open.
 *
 * With `heal` it takes the lock. Without, it writes nothing and takes none; a file that seems
 * damaged is then looked at several times, for somebody may have been in the midst of writing it.
 * A file that is written slowly, by a process that nobody told of, may look cut short all the same.
 * @param directory in the terms of `fs`
 * @throws TypeError for wrong options
 * @throws VarveError `LOCKED` when somebody has the database open and `heal` is asked for;
 * `INVALID` when there is no database, or one of another program, or no such file; `UNSUPPORTED`
 * for a later format; `DETACHED` when the directory was replaced meanwhile; of the `Fs`
 */
export async function scrubDirectory(
  fs: Fs,
  directory: string,
  options: ScrubOptions = {},
): Promise<ScrubReport> {
  checkOptions(options);
  const path = fs.resolve(directory);
  refuseForeign(fs, path, true);
  requireDatabase(fs, path);
  await loadChecksum();
  if (options.heal !== true) return new Scrub(fs, path, options).run();
  const lockPath = joinPath(path, LOCK_NAME);
  const lock = await fs.lock(lockPath);
  try {
    const held = new HeldFs(fs, lockPath, lock.token);
    requireDatabase(held, path);
    return await new Scrub(held, path, options).run();
  } finally {
    await lock.release();
  }
}

const OPTION_TYPES: Readonly<Record<keyof ScrubOptions, string>> = {
  heal: 'boolean',
  files: 'object',
  onProgress: 'function',
  onFinding: 'function',
  signal: 'object',
  hostLoop: 'object',
};

function checkOptions(options: ScrubOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('the options of a scrub must be an object');
  }
  for (const [name, value] of Object.entries(options)) {
    const type = (OPTION_TYPES as Readonly<Record<string, string>>)[name];
    if (type === undefined) throw new TypeError(`unknown option of a scrub: ${name}`);
    if (value === undefined || (typeof value === type && value !== null)) continue;
    throw new TypeError(`${name} must be of type ${type}`);
  }
  const { files } = options;
  if (files === undefined) return;
  const areNames = Array.isArray(files) && files.every((name) => typeof name === 'string');
  if (!areNames) throw new TypeError('files must be an array of names');
}

function requireDatabase(fs: Fs, directory: string): void {
  if (fs.exists(directory) && fs.list(directory).some(isOwn)) return;
  throw new VarveError('INVALID', `${directory} holds no database`, { file: directory });
}

function isOwn(name: string): boolean {
  const kind = parseFileName(name)?.kind;
  return kind !== undefined && kind !== 'lock';
}

/** What one look at a file has seen. */
interface Look {
  readonly findings: readonly Finding[];
  readonly sizeBytes: number;
  readonly tornAt: number | undefined;
}

/** One scrub. */
class Scrub {
  readonly #fs: Fs;
  readonly #directory: string;
  readonly #options: ScrubOptions;
  readonly #hostLoop: HostLoop;
  readonly #findings: ScrubFinding[];
  readonly #tornLogs: { readonly file: string; readonly offset: number }[];
  #bytesDone: number;
  #bytesTotal: number;

  constructor(fs: Fs, directory: string, options: ScrubOptions) {
    this.#fs = fs;
    this.#directory = directory;
    this.#options = options;
    this.#hostLoop = options.hostLoop ?? systemHostLoop;
    this.#findings = [];
    this.#tornLogs = [];
    this.#bytesDone = 0;
    this.#bytesTotal = 0;
  }

  async run(): Promise<ScrubReport> {
    const { files, unnamed, isManifestRead } = this.#wanted();
    const sizes = files.map((file) => this.#sizeOf(file));
    this.#bytesTotal = sizes.reduce((sum, size) => sum + size, 0);
    for (const [i, file] of files.entries()) {
      const before = this.#bytesDone;
      await this.#scrubFile(file);
      this.#bytesDone = before + sizes[i]!;
    }
    return {
      fileCount: files.length,
      bytesRead: this.#bytesDone,
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

  #sizeOf({ name }: NamedFile): number {
    const path = joinPath(this.#directory, name);
    try {
      const file = this.#fs.open(path, 'read');
      try {
        return file.size();
      } finally {
        closeFile(file);
      }
    } catch (error) {
      if (!isVarveError(error, 'IO')) throw error;
      return 0;
    }
  }

  async #scrubFile(file: NamedFile): Promise<void> {
    const { heal } = this.#options;
    const path = joinPath(this.#directory, file.name);
    const first = await this.#look(file, heal === true);
    let last =
      heal === true || first.findings.length === 0 ? first : await this.#settled(file, first);
    const isHealedTable = heal === true && file.expected.fileClass === 'table';
    if (isHealedTable) last = await this.#healFully(path, file, last);
    const { findings, tornAt, sizeBytes } = last;
    this.#settle(path, file, findings);
    if (tornAt !== undefined && tornAt < sizeBytes) {
      this.#tornLogs.push({ file: path, offset: tornAt });
    }
  }

  /** Reads one file. Findings are settled on the way if they may, so that they do not pile up. */
  async #look(file: NamedFile, mayHeal: boolean): Promise<Look> {
    const path = joinPath(this.#directory, file.name);
    let findings: Finding[] = [];
    const opened = openToCheck(this.#fs, path, file.expected, (one) => findings.push(one));
    if (opened === undefined) return { findings, sizeBytes: 0, tornAt: undefined };
    try {
      const check = new FileCheck(opened, file.expected, (one) => findings.push(one));
      for (let goesOn = true; goesOn; ) {
        goesOn = check.step(STEP_BYTES);
        if (mayHeal && findings.length >= BATCH_FINDINGS) {
          this.#settle(path, file, findings);
          findings = [];
        }
        this.#options.onProgress?.(this.#bytesDone + check.position, this.#bytesTotal);
        await this.#turn();
      }
      return { findings, sizeBytes: check.sizeBytes, tornAt: check.tornAt };
    } catch (error) {
      if (!isVarveError(error, 'IO')) throw error;
      findings.push(unreadable(file, path, error));
      return { findings, sizeBytes: 0, tornAt: undefined };
    } finally {
      closeFile(opened);
    }
  }

  /** What is still wrong when whoever writes to the file has had time to end that. */
  async #settled(file: NamedFile, first: Look): Promise<Look> {
    let last = first;
    let isGrowing = false;
    for (let look = 1; look < LOOKS && last.findings.length > 0; look++) {
      const { sizeBytes } = last;
      await (this.#hostLoop.delay?.(2 ** look) ?? this.#turn());
      const now = expectedFiles(this.#fs, this.#directory);
      const named = now.files.find(({ name }) => name === file.name);
      // Nobody needs it any more, or it was never complete.
      if (named === undefined) return { ...last, findings: [] };
      last = await this.#look(named, false);
      isGrowing = last.sizeBytes !== sizeBytes;
    }
    return isGrowing ? { ...last, findings: [] } : last;
  }

  /**
   * Heals a table as far as that goes: what parity of blocks heals may bring a stripe within its
   * budget. @returns what the last look has found and is not told yet
   */
  async #healFully(path: string, file: NamedFile, first: Look): Promise<Look> {
    let last = first;
    for (let look = 1; look < LOOKS && last.findings.some(isHealable); look++) {
      const { healed, left, refusal } = this.#heal(path, file, last.findings.filter(isHealable));
      if (healed.length === 0 || refusal !== undefined) {
        for (const finding of left) this.#tell(finding, false, refusal);
        return { ...last, findings: last.findings.filter((one) => !isHealable(one)) };
      }
      last = await this.#look(file, true);
    }
    return last;
  }

  /** Heals, if that is asked for, and tells. */
  #settle(path: string, file: NamedFile, findings: readonly Finding[]): void {
    const healable = this.#options.heal === true ? findings.filter(isHealable) : [];
    for (const finding of findings) {
      if (!healable.includes(finding)) this.#tell(finding, false, undefined);
    }
    if (healable.length === 0) return;
    const { left, refusal } = this.#heal(path, file, healable);
    for (const finding of left) this.#tell(finding, false, refusal);
  }

  /** Heals, and tells what is healed. */
  #heal(path: string, file: NamedFile, healable: readonly Finding[]): HealResult {
    const inPlace = healFile(this.#fs, path, file.expected, healable);
    const result = inPlace.refusal === undefined ? inPlace : this.#replace(file, inPlace);
    for (const finding of result.healed) this.#tell(finding, true, undefined);
    return result;
  }

  /** Heals what is left by a copy in the file's place; nobody has it open. */
  #replace({ name, expected }: NamedFile, { healed, left, refusal }: HealResult): HealResult {
    const lost = left.filter(({ state }) => state === 'lost');
    const rest = left.filter(isHealable);
    const result = healByReplacing(this.#fs, this.#directory, name, expected, rest);
    const why = result.refusal === undefined ? undefined : `${refusal}; ${result.refusal}`;
    return {
      healed: [...healed, ...result.healed],
      left: [...lost, ...result.left],
      refusal: why,
    };
  }

  #tell(finding: Finding, isHealed: boolean, refusal: string | undefined): void {
    const told = { ...finding, isHealed, refusal };
    this.#findings.push(told);
    this.#options.onFinding?.(told);
  }

  async #turn(): Promise<void> {
    await this.#hostLoop.turn();
    const { signal } = this.#options;
    if (signal?.aborted === true) throw signal.reason ?? new Error('the scrub was aborted');
  }
}

/** Of a file, or the rest of one, of which nothing can be read. */
function unreadable({ expected }: NamedFile, file: string, { message }: VarveError): Finding {
  const place = { part: 'file', offset: 0, lengthBytes: 0, blockType: 0, ranges: [] } as const;
  return {
    file,
    fileClass: expected.fileClass,
    ...place,
    state: 'lost',
    cause: message,
    source: '',
  };
}

function isHealable({ state }: Finding): boolean {
  return state === 'healable';
}
