/**
 * Healing what is lost of tables from sources that take their time to answer (`HealSource`).
 *
 * They are asked whenever a look has found a table lost: the looks come less and less often. What
 * has to be read is found out by a check of the file that is given nothing, then it is fetched, and
 * the check is done again with it. The thread of the database writes, in one go without awaiting,
 * so nothing of it happens after a close.
 * @module
 */
import { isVarveError } from '../../errors.ts';
import { closeFile, joinPath, type ReadableFile } from '../../fs/port.ts';
import { removeIfPossible } from '../../fs/removals.ts';
import { expectedTable } from '../../integrity/expected-files.ts';
import { FileCheck } from '../../integrity/file-check.ts';
import type { ExpectedFile, Finding, RestoreSource } from '../../integrity/finding.ts';
import { healFile } from '../../integrity/heal.ts';
import type { HealSource } from '../../integrity/heal-source.ts';
import { tableName } from '../../manifest/file-names.ts';
import type { TableMeta } from '../../sstable/table-meta.ts';
import type { DbCore } from '../core.ts';
import { lookAgain } from '../damage.ts';

const STEP_BYTES = 0x10_0000;
/** What is fetched may lead to more: a block whose length was lost, for instance. */
const ROUNDS_MAX = 4;
/** Of one table, held in memory at a time; what is lost beyond that is healed by a later look. */
const FETCHED_BYTES_MAX = 0x400_0000;

/** See the module head. */
export class SourceHeals {
  readonly #core: DbCore;
  readonly #sources: readonly HealSource[];
  /** Numbers of tables that wait. */
  readonly #waiting: Set<number>;
  #running: Promise<void> | undefined;

  constructor(core: DbCore) {
    this.#core = core;
    this.#sources = core.manifest === undefined ? [] : core.settings.healSources;
    this.#waiting = new Set();
    this.#running = undefined;
    if (this.#sources.length === 0) return;
    core.requests.health.onConfirmed = (fileNumber) => this.#add(fileNumber);
  }

  /** Resolves when the sources were asked for all that is known to be lost. */
  async settle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  #add(fileNumber: number): void {
    this.#waiting.add(fileNumber);
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    await this.#core.location.hostLoop.turn();
    for (const fileNumber of this.#waiting) {
      this.#waiting.delete(fileNumber);
      for (const source of this.#sources) {
        if (!this.#isWanted(fileNumber)) break;
        try {
          await this.#heal(fileNumber, source);
        } catch (error) {
          // It stays as damaged as it was, and the next look asks again.
          if (isVarveError(error, 'DETACHED')) this.#core.fail(error);
        }
      }
    }
  }

  #isWanted(fileNumber: number): boolean {
    const { isClosed, backgroundError, requests } = this.#core;
    return !isClosed && backgroundError === undefined && requests.health.lost.has(fileNumber);
  }

  async #heal(fileNumber: number, source: HealSource): Promise<void> {
    const { fs, location, tables, manifest } = this.#core;
    const { meta } = tables.slotOf(fileNumber);
    const path = joinPath(location.directory, tableName(fileNumber));
    const expected = expectedTable(meta, manifest!.databaseId);
    const isHealed = fs.exists(path)
      ? await this.#mend(path, meta, expected, source)
      : await this.#rebuild(path, meta, expected, source);
    if (!isHealed || !this.#isWanted(fileNumber)) return;
    lookAgain(this.#core, fileNumber);
    this.#core.events.deliver();
  }

  /** A file of which something is damaged. */
  async #mend(
    path: string,
    meta: TableMeta,
    expected: ExpectedFile,
    source: HealSource,
  ): Promise<boolean> {
    const fetched = new FetchedBytes();
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const findings = await this.#check(path, expected, fetched);
      const asked = fetched.takeAsked();
      if (!this.#isWanted(meta.fileNumber)) return false;
      if (asked.length === 0) return this.#write(path, expected, findings, fetched);
      let hasNew = false;
      for (const { from, length } of asked) {
        if (fetched.sizeBytes + length > FETCHED_BYTES_MAX) continue;
        const found = await source.read({ ...wantedOf(meta), from, length });
        if (found === undefined) return false;
        hasNew = (await fetched.add(found.name, from, length, found.pieces)) || hasNew;
      }
      if (!hasNew) return this.#write(path, expected, findings, fetched);
    }
    return false;
  }

  async #check(path: string, expected: ExpectedFile, fetched: FetchedBytes): Promise<Finding[]> {
    const findings: Finding[] = [];
    const file = this.#core.fs.open(path, 'read');
    try {
      const check = new FileCheck(file, expected, (one) => findings.push(one), {
        sources: [fetched],
      });
      while (check.step(STEP_BYTES)) await this.#core.location.hostLoop.turn();
    } finally {
      closeFile(file);
    }
    return findings;
  }

  #write(
    path: string,
    expected: ExpectedFile,
    findings: readonly Finding[],
    fetched: FetchedBytes,
  ): boolean {
    if (findings.every(({ state }) => state === 'lost')) return false;
    const { healed } = healFile(this.#core.fs, path, expected, findings, [fetched]);
    for (const finding of healed) this.#tell(path, finding);
    return healed.length > 0;
  }

  /** A file that is gone. Until it is whole it is lost as before. */
  async #rebuild(
    path: string,
    meta: TableMeta,
    expected: ExpectedFile,
    source: HealSource,
  ): Promise<boolean> {
    const { fs, location } = this.#core;
    const found = await source.read({ ...wantedOf(meta), from: 0, length: meta.sizeBytes });
    if (found === undefined || !this.#isWanted(meta.fileNumber) || fs.exists(path)) return false;
    fs.open(path, 'create').close();
    let isWhole = false;
    try {
      let at = 0;
      for await (const piece of found.pieces) {
        if (!this.#isWanted(meta.fileNumber)) return false;
        if (at + piece.length > meta.sizeBytes) break;
        writeAt(fs, path, piece, at);
        at += piece.length;
      }
      isWhole = this.#isWanted(meta.fileNumber) && isSound(fs.open(path, 'read'), expected);
    } finally {
      if (!isWhole && !this.#core.isClosed) removeIfPossible(fs, path);
    }
    if (!isWhole) return false;
    fs.syncDirectory(location.directory);
    this.#tell(path, { ...WHOLE_FILE, lengthBytes: meta.sizeBytes, source: found.name });
    return true;
  }

  #tell(file: string, finding: Omit<Finding, 'file' | 'state' | 'cause' | 'ranges'>): void {
    const { fileClass, part, offset, lengthBytes, blockType, source } = finding;
    this.#core.counters.healCount++;
    const place = { file, fileClass, part, offset, lengthBytes, blockType };
    this.#core.events.tell({ type: 'healed', ...place, source });
  }
}

const WHOLE_FILE = { fileClass: 'table', part: 'file', offset: 0, blockType: 0 } as const;

/** What a source has given of one file. As a source it gives that, and notes what it lacks. */
class FetchedBytes implements RestoreSource {
  name: string;
  sizeBytes: number;
  readonly #parts: { readonly from: number; readonly bytes: Uint8Array }[];
  #asked: Map<string, { readonly from: number; readonly length: number }>;

  constructor() {
    this.name = '';
    this.sizeBytes = 0;
    this.#parts = [];
    this.#asked = new Map();
  }

  restore(from: number, to: number): Uint8Array | undefined {
    for (const part of this.#parts) {
      const off = from - part.from;
      if (off >= 0 && to - part.from <= part.bytes.length) {
        return part.bytes.slice(off, to - part.from);
      }
    }
    this.#asked.set(`${from} ${to}`, { from, length: to - from });
    return undefined;
  }

  /** What was asked for in vain since the last call. */
  takeAsked(): { readonly from: number; readonly length: number }[] {
    const asked = [...this.#asked.values()];
    this.#asked = new Map();
    return asked;
  }

  /** @returns false if less than `length` bytes come */
  async add(
    name: string,
    from: number,
    length: number,
    pieces: AsyncIterable<Uint8Array>,
  ): Promise<boolean> {
    const bytes = new Uint8Array(length);
    let at = 0;
    for await (const piece of pieces) {
      if (at + piece.length > length) return false;
      bytes.set(piece, at);
      at += piece.length;
    }
    if (at < length) return false;
    this.name = name;
    this.sizeBytes += length;
    this.#parts.push({ from, bytes });
    return true;
  }
}

function wantedOf({ fileNumber, salt }: TableMeta) {
  return { fileNumber, salt };
}

function writeAt(fs: DbCore['fs'], path: string, piece: Uint8Array, at: number): void {
  const file = fs.open(path, 'update');
  try {
    file.write(piece, 0, piece.length, at);
    file.sync();
  } finally {
    closeFile(file);
  }
}

/** Takes the file. */
function isSound(file: ReadableFile, expected: ExpectedFile): boolean {
  try {
    let isRight = true;
    const check = new FileCheck(file, expected, () => {
      isRight = false;
    });
    while (isRight && check.step(STEP_BYTES));
    return isRight;
  } finally {
    closeFile(file);
  }
}
