/**
 * The manifest: the log of version edits that says what a database consists of.
 *
 * A manifest file (manifest-log.ts) begins with a snapshot of the state as edits; each later
 * record is one edit, synced before it counts. Every process writes a manifest of its own and never
 * appends to an older one. A new manifest is installed in this order:
 *
 * 1. write the snapshot, sync the file and the directory;
 * 2. write one slot of CURRENT (slot-writer.ts) and sync it, then the other one without a sync;
 * 3. write the other slot again and sync it, and remove the manifests before. From here on edits
 *    are appended.
 *
 * Step 3 comes at once, except where nothing but the first log of a process has been added since a
 * clean close: then it waits for the next edit, or the close. Until then the slot may come to name
 * the manifest before again, if power is lost: that lacks nothing but the log.
 * @module
 */
import type { Pipeline } from '../block/pipeline.ts';
import { DATABASE_ID_BYTES } from '../crypto/derive.ts';
import { assert, corruption, isVarveError, VarveError } from '../errors.ts';
import { type Fs, joinPath } from '../fs/port.ts';
import { inspectDirectory, ownContents } from './directory.ts';
import {
  CURRENT_NAME,
  CURRENT_REPLACEMENT_NAME,
  manifestName,
  parseFileName,
  REPLACEMENT_NAME,
  UNFINISHED_NAME,
} from './file-names.ts';
import { ManifestLog } from './manifest-log.ts';
import { readUnnamed, recoverState } from './manifest-recovery.ts';
import { applyToState, emptyState, isAhead, type ManifestState } from './manifest-state.ts';
import { SlotWriter } from './slot-writer.ts';
import type { Version } from './version.ts';
import {
  type CreatedFamily,
  emptyEdit,
  type LogIdentity,
  type VersionEdit,
  type WalEnd,
} from './version-edit.ts';

/** Of a process that died over it; nothing depends on them where there is a CURRENT. */
const LEFT_OVER: ReadonlySet<string> = new Set([
  CURRENT_REPLACEMENT_NAME,
  REPLACEMENT_NAME,
  UNFINISHED_NAME,
]);

/** How the manifest of an earlier process was found. */
interface FoundManifest {
  readonly isClean: boolean;
  readonly isSealedAsNow: boolean;
  readonly manifestNumber: number;
  readonly generation: number;
}

const NOTHING_FOUND: FoundManifest = {
  isClean: false,
  isSealedAsNow: true,
  manifestNumber: 0,
  generation: 0,
};

/** What the last edit of a clean close records. */
export interface CleanEnd {
  /** Every log that some family still needs, with its size. */
  readonly walEnds: WalEnd[];
  readonly lastSeqno: number;
}

/**
 * The state of a database and the way to change it. After `recover` it only reads; `start` makes it
 * writable, and so does `startLater`, which writes nothing yet. After a failed `append` it is
 * poisoned: it is not known whether the edit will count after a crash, so the files of both sides
 * must stay until a further `start` has succeeded; until then every `append` throws the first error
 * again.
 */
export class Manifest {
  /** 16 random bytes, the same over the life of the database. */
  readonly databaseId: Uint8Array;
  /** The state was found as a clean close left it. */
  readonly wasClosedCleanly: boolean;
  /** The manifest that was found is encrypted as one that is written now, or neither is. */
  readonly isSealedAsNow: boolean;
  readonly #fs: Fs;
  readonly #directory: string;
  readonly #pipeline: Pipeline;
  #state: ManifestState;
  /** The next file number that stands in the log, which never falls. */
  #loggedFileNumber: number;
  /** 0 before the first one. */
  #manifestNumber: number;
  readonly #slots: SlotWriter;
  #log: ManifestLog | undefined;
  /** The first edit installs a manifest of this process. */
  #startsLater: boolean;
  #failure: VarveError | undefined;

  private constructor(
    fs: Fs,
    directory: string,
    pipeline: Pipeline,
    state: ManifestState,
    found: FoundManifest,
  ) {
    this.databaseId = pipeline.databaseId;
    this.wasClosedCleanly = found.isClean;
    this.isSealedAsNow = found.isSealedAsNow;
    this.#fs = fs;
    this.#directory = directory;
    this.#pipeline = pipeline;
    this.#state = state;
    this.#loggedFileNumber = state.nextFileNumber;
    this.#manifestNumber = found.manifestNumber;
    this.#slots = new SlotWriter(fs, directory, pipeline, found.generation);
    this.#log = undefined;
    this.#startsLater = false;
    this.#failure = undefined;
  }

  /**
   * Makes a database in a directory for which `inspectDirectory` says that it is fresh, removing
   * what a creation that was cut off left there. It counts once this returns; after a power cut
   * before that there is no database or this one. The result is started.
   * @param families at least one
   */
  static create(
    fs: Fs,
    directory: string,
    pipeline: Pipeline,
    families: readonly CreatedFamily[],
  ): Manifest {
    const { isFresh, manifestNumbers } = inspectDirectory(fs, directory, pipeline);
    assert(isFresh, 'a database is created where none is');
    const currentPath = joinPath(directory, CURRENT_NAME);
    if (fs.exists(currentPath)) fs.remove(currentPath);
    for (const number of manifestNumbers) fs.remove(joinPath(directory, manifestName(number)));
    pipeline.databaseId = new Uint8Array(DATABASE_ID_BYTES);
    pipeline.random.fill(pipeline.databaseId);
    const edit = { ...emptyEdit(), createdFamilies: [...families] };
    const state = applyToState(emptyState(), edit, currentPath, 0);
    const manifest = new Manifest(fs, directory, pipeline, state, NOTHING_FOUND);
    manifest.#install();
    return manifest;
  }

  /**
   * Reads the state of a database and writes nothing.
   * @param pipeline learns what it has to know of the database
   * @throws VarveError `CORRUPTION` naming what is damaged, `UNSUPPORTED` for a later format, `KEY`
   */
  static recover(fs: Fs, directory: string, pipeline: Pipeline): Manifest {
    const { state, current } = recoverState(fs, directory, pipeline);
    const { suiteId, epoch } = pipeline.logProtection;
    const isSealedAsNow = current.suiteId === suiteId && current.epoch === epoch;
    return new Manifest(fs, directory, pipeline, state, { ...current, isSealedAsNow });
  }

  /** The next edit installs a manifest, and syncs the directory before that counts. */
  get startsLater(): boolean {
    return this.#startsLater;
  }

  get version(): Version {
    return this.#state.version;
  }

  /** Unused by any file, and so are all above it; see {@link newFileNumber}. */
  get nextFileNumber(): number {
    return this.#state.nextFileNumber;
  }

  get lastSeqno(): number {
    return this.#state.lastSeqno;
  }

  /** Log number to size at the last clean close, for logs that some family still needs. */
  get walEnds(): ReadonlyMap<number, number> {
    return this.#state.walEnds;
  }

  /** By number: of every log that is some family's, unless an older version named it. */
  get logIdentities(): ReadonlyMap<number, LogIdentity> {
    return this.#state.logIdentities;
  }

  /** File number to what is lost of a table. */
  get losses(): ManifestState['losses'] {
    return this.#state.losses;
  }

  get manifestNumber(): number {
    return this.#manifestNumber;
  }

  /** Bytes of the current manifest; 0 before `start`. */
  get sizeBytes(): number {
    return this.#log?.sizeBytes ?? 0;
  }

  /**
   * The first of `count` numbers that no file had before, which follow each other. They are
   * persisted by the next edit.
   * @throws VarveError `INVALID` when there are no numbers left
   */
  newFileNumber(count = 1): number {
    const { nextFileNumber } = this.#state;
    if (nextFileNumber > Number.MAX_SAFE_INTEGER - count) {
      throw new VarveError('INVALID', 'the database has used up its file numbers');
    }
    this.#state = { ...this.#state, nextFileNumber: nextFileNumber + count };
    return nextFileNumber;
  }

  /** Takes back the numbers from `first` on, which no file got, if they were given out last. */
  returnFileNumbers(first: number, count: number): void {
    const isLast = first + count === this.#state.nextFileNumber;
    if (!isLast || first < this.#loggedFileNumber) return;
    this.#state = { ...this.#state, nextFileNumber: first };
  }

  /**
   * Makes sure, of a manifest in the directory after `recover`, that CURRENT does not keep back
   * what it says. One that CURRENT never named holds at most the state of the one it names.
   * @throws VarveError `CORRUPTION` when that manifest knows more; any error of the `Fs`
   */
  expectNotAhead(fileNumber: number): void {
    if (fileNumber <= this.#manifestNumber) return;
    const state = readUnnamed(this.#fs, this.#directory, fileNumber, this.#pipeline);
    if (state === undefined || !isAhead(state, this.#state)) return;
    const what = `CURRENT is older than ${manifestName(fileNumber)}, which has later edits`;
    throw corruption(what, joinPath(this.#directory, CURRENT_NAME), 0);
  }

  /**
   * Installs a manifest of its own with the present state, and raises the next file number above
   * every number in the directory. A further call after a failure ends it when it succeeds.
   */
  start(): void {
    const contents = inspectDirectory(this.#fs, this.#directory, this.#pipeline);
    this.passOver(ownContents(contents, this.#state.nextFileNumber).numbers);
    this.#install();
    this.#startsLater = false;
  }

  /**
   * Makes it writable and writes nothing: the first edit installs a manifest of this process that
   * begins with it. Only after a clean close, whose manifest holds the same state meanwhile.
   */
  startLater(): void {
    assert(this.wasClosedCleanly && this.#log === undefined, 'only a whole manifest can wait');
    this.#startsLater = true;
  }

  /**
   * Gives out no number that a file has; to be called before the first new file.
   * @param numbers of own files in the directory
   */
  passOver(numbers: readonly number[]): void {
    let { nextFileNumber } = this.#state;
    for (const number of numbers) nextFileNumber = Math.max(nextFileNumber, number + 1);
    this.#state = { ...this.#state, nextFileNumber };
  }

  /**
   * Makes an edit durable and returns the version that it leads to. Takes the metas in the edit;
   * adds the next file number. After `startLater` the first edit must add nothing but logs: until
   * the next one the manifest before may still count, which does not have it.
   * @throws VarveError when the file system fails: see the class. An edit that does not fit is an
   * engine bug and reaches no file.
   */
  append(edit: VersionEdit): Version {
    if (this.#startsLater) return this.#startWith(edit);
    const log = this.#writableLog();
    if (!this.#slots.areAlike) this.#endInstall();
    if (log.isLong) this.#install();
    this.#appendEdit(edit);
    return this.#state.version;
  }

  /**
   * Releases the file. With `cleanEnd` records before where every log ends, and in CURRENT where
   * the manifest ends, so that later damage to either is seen as such; what was found so, and has
   * not changed, stays as it is. Closing twice is allowed.
   */
  close(cleanEnd?: CleanEnd): void {
    const log = this.#log;
    if (log === undefined) return;
    try {
      if (cleanEnd !== undefined) {
        this.#appendEdit({ ...emptyEdit(), ...cleanEnd });
        this.#slots.write(log, log.sizeBytes, true);
        this.#removeOthers();
      }
    } finally {
      this.#log = undefined;
      log.close();
    }
  }

  #writableLog(): ManifestLog {
    if (this.#failure !== undefined) throw this.#failure;
    assert(this.#log !== undefined, 'a manifest is started before it is written');
    return this.#log;
  }

  #appendEdit(edit: VersionEdit): void {
    const log = this.#writableLog();
    const nextFileNumber = Math.max(this.#state.nextFileNumber, edit.nextFileNumber ?? 0);
    const whole = { ...edit, nextFileNumber };
    const next = this.#applyOwn(whole);
    // From here on it may be there, even if the append fails.
    this.#loggedFileNumber = nextFileNumber;
    this.#poisonOnFailure(() => log.append(whole));
    this.#state = next;
  }

  #applyOwn(edit: VersionEdit): ManifestState {
    try {
      return applyToState(this.#state, edit, 'an edit of this process', 0);
    } catch (cause) {
      throw new Error('varve invariant broken: an own edit fits', { cause });
    }
  }

  /** Installs a manifest of this process that has the edit in its snapshot. */
  #startWith(edit: VersionEdit): Version {
    if (this.#failure !== undefined) throw this.#failure;
    const before = this.#state;
    this.#state = this.#applyOwn({ ...edit, nextFileNumber: before.nextFileNumber });
    try {
      this.#installInOneSlot();
    } catch (error) {
      const { nextFileNumber } = this.#state;
      this.#state = { ...before, nextFileNumber };
      throw error;
    }
    this.#startsLater = false;
    return this.#state.version;
  }

  /** See the module head. */
  #install(): void {
    this.#installInOneSlot();
    this.#endInstall();
  }

  #installInOneSlot(): void {
    const fileNumber = this.newFileNumber();
    this.#noteKey(fileNumber);
    this.#loggedFileNumber = this.#state.nextFileNumber;
    const log = this.#poisonOnFailure(() => {
      // Before the manifest is synced, so that one sync of the directory covers both names.
      this.#slots.createFile();
      return ManifestLog.create(this.#fs, this.#directory, fileNumber, this.#state, this.#pipeline);
    });
    try {
      this.#poisonOnFailure(() => {
        this.#manifestNumber = fileNumber;
        this.#slots.begin();
        this.#slots.write(log, log.snapshotBytes, false);
      });
    } catch (error) {
      log.close();
      throw error;
    }
    this.#log?.close();
    this.#log = log;
    this.#failure = undefined;
  }

  /** Leaves no slot to the manifest before. */
  #endInstall(): void {
    const log = this.#log!;
    this.#poisonOnFailure(() => this.#slots.write(log, log.snapshotBytes, false));
    this.#removeOthers();
  }

  /** With keys, this manifest and all logs to come are encrypted, which the state says. */
  #noteKey(fileNumber: number): void {
    const { keys, databaseId } = this.#pipeline;
    if (keys === undefined) return;
    const { sealedFrom, keyChecks } = this.#state;
    const checks = new Map(keyChecks);
    if (!checks.has(keys.epoch)) {
      checks.set(keys.epoch, keys.keyCheck(keys.epoch, databaseId, this.#directory));
    }
    this.#state = {
      ...this.#state,
      sealedFrom: Math.min(sealedFrom, fileNumber),
      keyChecks: checks,
    };
    this.#pipeline.sealedFrom = this.#state.sealedFrom;
    this.#pipeline.keyChecks = checks;
  }

  /** What cannot be removed now is removed when the next manifest is installed. */
  #removeOthers(): void {
    try {
      for (const name of this.#fs.list(this.#directory)) {
        const parsed = parseFileName(name);
        // Those of this database have numbers that were given out.
        const isOwn = parsed?.kind === 'manifest' && parsed.number < this.#state.nextFileNumber;
        const isOther = isOwn && parsed.number !== this.#manifestNumber;
        if (!isOther && !LEFT_OVER.has(name)) continue;
        this.#fs.remove(joinPath(this.#directory, name));
      }
    } catch (error) {
      if (!isVarveError(error)) throw error;
    }
  }

  #poisonOnFailure<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      this.#failure ??= isVarveError(error)
        ? error
        : new VarveError('IO', `manifest failed (${this.#directory})`, { cause: error });
      throw error;
    }
  }
}
