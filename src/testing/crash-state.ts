/**
 * What a disk holds and what it may hold after power loss: for each file the content at its last
 * sync and the changes since, for each directory the entries at its last sync and the changes
 * since. `CrashFs` records here and asks for a survivor.
 * @module
 */
import type { MemoryFile } from '../fs/memory.ts';
import type { SeededRandom } from './seeded-random.ts';

/** Disks write whole sectors; a torn write keeps some of them. */
const SECTOR_BYTES = 512;

/**
 * Which of the unsynced changes survive:
 *
 * - `dropAll` none
 * - `keepAll` all
 * - `torn` of each file and each directory the first few, in order; a file's next write in part, up
 *   to any byte
 * - `reorder` of each file and each directory any of them; writes also in part, by sectors of 512
 *   bytes; an extension may survive without its data, as zeros
 * - `dropWrites` all directory entries, no writes: new files are there and empty
 * - `dropEntries` all writes, no directory entries
 * - `zeros` all entries and sizes, no data: what files grew by is zeros
 */
export type CrashVariant =
  | 'dropAll'
  | 'keepAll'
  | 'torn'
  | 'reorder'
  | 'dropWrites'
  | 'dropEntries'
  | 'zeros';

/** All variants, for tests that loop over them. */
export const CRASH_VARIANTS: readonly CrashVariant[] = [
  'dropAll',
  'keepAll',
  'torn',
  'reorder',
  'dropWrites',
  'dropEntries',
  'zeros',
];

type Survival = 'none' | 'all' | 'prefix' | 'subset' | 'sizes';

const SURVIVAL: Record<CrashVariant, { entries: Survival; writes: Survival }> = {
  dropAll: { entries: 'none', writes: 'none' },
  keepAll: { entries: 'all', writes: 'all' },
  torn: { entries: 'prefix', writes: 'prefix' },
  reorder: { entries: 'subset', writes: 'subset' },
  dropWrites: { entries: 'all', writes: 'none' },
  dropEntries: { entries: 'none', writes: 'all' },
  zeros: { entries: 'all', writes: 'sizes' },
};

/** A write (`data` set, at `position`) or a truncation (`position` is the new size). */
interface FileChange {
  readonly sequence: number;
  readonly position: number;
  readonly data: Uint8Array | undefined;
}

/** Changes of one object in order, each durable once a sync has covered it. */
class ChangeLog<Change extends { readonly sequence: number }> {
  pending: Change[];
  nextSequence: number;
  /** A sync that the power cut interrupts may or may not have covered changes below this. */
  private syncingBelow: number;

  constructor() {
    this.pending = [];
    this.nextSequence = 0;
    this.syncingBelow = 0;
  }

  /** A sync starts that covers every change so far. @returns its mark, for `takeSynced` */
  beginSync(): number {
    this.syncingBelow = this.nextSequence;
    return this.nextSequence;
  }

  /** The sync with this mark has ended: removes and returns what it made durable. */
  takeSynced(mark: number): Change[] {
    const synced = this.pending.filter((change) => change.sequence < mark);
    this.pending = this.pending.filter((change) => change.sequence >= mark);
    return synced;
  }

  /** How many of the first pending changes an interrupted sync has covered in this crash. */
  certain(survival: Survival, random: SeededRandom): number {
    const open = this.pending.findIndex((change) => change.sequence >= this.syncingBelow);
    const covered = open < 0 ? this.pending.length : open;
    return covered > 0 && survival !== 'none' && random.chance(0.5) ? covered : 0;
  }
}

/** One file: its live content, its durable content and the changes between them. */
export class CrashFile {
  readonly durable: MemoryFile;
  private readonly log: ChangeLog<FileChange>;

  /** @param durable what is on stable storage; owned from now on */
  constructor(durable: MemoryFile) {
    this.durable = durable;
    this.log = new ChangeLog();
  }

  /** Notes a write; copies the range. */
  recordWrite(buf: Uint8Array, off: number, length: number, position: number): void {
    if (length === 0) return;
    this.record(position, buf.slice(off, off + length));
  }

  recordTruncate(size: number): void {
    this.record(size, undefined);
  }

  beginSync(): number {
    return this.log.beginSync();
  }

  endSync(mark: number): void {
    for (const change of this.log.takeSynced(mark)) apply(this.durable, change);
  }

  /** Forgets the pending changes: no later sync makes them durable. */
  losePending(): void {
    this.log.pending = [];
  }

  /** A new file with the content that `variant` leaves. */
  survivor(variant: CrashVariant, random: SeededRandom): MemoryFile {
    const content = this.durable.copy();
    const survival = SURVIVAL[variant].writes;
    const { pending } = this.log;
    const certain = this.log.certain(survival, random);
    const whole = survival === 'prefix' ? certain + random.below(pending.length - certain + 1) : 0;
    for (let i = 0; i < pending.length; i++) {
      const change = pending[i]!;
      if (i < certain || i < whole || survival === 'all') apply(content, change);
      else if (survival === 'prefix' && i === whole) applyTorn(content, change, random);
      else if (survival === 'subset') applyAnyPart(content, change, random);
      else if (survival === 'sizes') applySize(content, change);
    }
    return content;
  }

  private record(position: number, data: Uint8Array | undefined): void {
    this.log.pending.push({ sequence: this.log.nextSequence++, position, data });
  }
}

function apply(file: MemoryFile, change: FileChange): void {
  if (change.data === undefined) file.resize(change.position);
  else file.write(change.data, 0, change.data.length, change.position);
}

/** Keeps the bytes before a random cut; a truncation is atomic and lost. */
function applyTorn(file: MemoryFile, change: FileChange, random: SeededRandom): void {
  if (change.data === undefined) return;
  file.write(change.data, 0, random.below(change.data.length + 1), change.position);
}

function applySize(file: MemoryFile, change: FileChange): void {
  const end = change.position + (change.data?.length ?? 0);
  if (change.data === undefined || end > file.size) file.resize(end);
}

/** Keeps a change, or some of its sectors, or its effect on the size, or nothing. */
function applyAnyPart(file: MemoryFile, change: FileChange, random: SeededRandom): void {
  const fate = random.below(4);
  if (fate === 0) return;
  if (fate === 1) apply(file, change);
  else applySize(file, change);
  if (fate !== 3 || change.data === undefined) return;
  const { data, position } = change;
  const end = position + data.length;
  for (let at = position; at < end; ) {
    const sectorEnd = Math.min(end, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
    if (random.chance(0.5)) file.write(data, at - position, sectorEnd - at, at);
    at = sectorEnd;
  }
}

/** New meaning of some names, all at once; undefined removes the name. */
interface EntryChange {
  readonly sequence: number;
  readonly names: readonly (readonly [string, CrashFile | undefined])[];
}

/** One directory: its durable entries and the changes since. */
export class CrashDirectory {
  private readonly durable: Map<string, CrashFile>;
  private readonly log: ChangeLog<EntryChange>;

  constructor() {
    this.durable = new Map();
    this.log = new ChangeLog();
  }

  /** Enters a file that is on stable storage already. */
  addDurable(name: string, file: CrashFile): void {
    this.durable.set(name, file);
  }

  /** Notes a change of entries that survives as a whole or not at all. */
  record(names: readonly (readonly [string, CrashFile | undefined])[]): void {
    this.log.pending.push({ sequence: this.log.nextSequence++, names });
  }

  beginSync(): number {
    return this.log.beginSync();
  }

  endSync(mark: number): void {
    for (const change of this.log.takeSynced(mark)) applyEntries(this.durable, change);
  }

  /** The entries that `variant` leaves. */
  survivors(variant: CrashVariant, random: SeededRandom): Map<string, CrashFile> {
    const entries = new Map(this.durable);
    const survival = SURVIVAL[variant].entries;
    const { pending } = this.log;
    const certain = this.log.certain(survival, random);
    const whole = survival === 'prefix' ? certain + random.below(pending.length - certain + 1) : 0;
    for (let i = 0; i < pending.length; i++) {
      const kept =
        survival === 'all' ||
        i < certain ||
        i < whole ||
        (survival === 'subset' && random.chance(0.5));
      if (kept) applyEntries(entries, pending[i]!);
    }
    return entries;
  }
}

function applyEntries(entries: Map<string, CrashFile>, change: EntryChange): void {
  for (const [name, file] of change.names) {
    if (file === undefined) entries.delete(name);
    else entries.set(name, file);
  }
}
