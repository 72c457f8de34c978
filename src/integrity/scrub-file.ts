/**
 * The file SCRUB: how far the scrub has come. It protects nothing and is protected by little:
 * without it a new cycle begins. Two slots of 4096 bytes; a write replaces the older one, so one
 * slot is whole at any moment.
 *
 * A slot holds two equal copies of 256 bytes (block/replicas.ts), and zeros. One copy:
 *
 *     offset  size  meaning
 *     0       8     "VARVESCR"
 *     8       2     format version: 1
 *     10      1     1 while a cycle is under way, else 0
 *     11      1     1 if that has found what no cycle before has told, else 0
 *     12      1     where the cycle is: 1 CURRENT, 2 manifest, 3 logs, 4 tables
 *     13      3     reserved, 0
 *     16      8     generation, from 1: the higher one of the valid slots counts
 *     24      16    database id
 *     40      8     the cycle: its number, from 1
 *     48      8     when it began, in ms since 1970
 *     56      8     logs and tables of this number and above are left to the next one
 *     64      8     number of the file that it is at
 *     72      8     bytes of that file that were looked at
 *     80      32    bytes looked at, places corrected, healed, lost: 4 x u64
 *     112     8     the last cycle that is over: its number; 0 for none
 *     120     8     when it began, in ms since 1970
 *     128     8     when it ended
 *     136     32    as at 80, of that cycle
 *     168     24    places corrected, healed, lost in all: 3 x u64
 *     192     56    reserved, 0
 *     248     8     XXH64, seed 0, of bytes 0 to 247
 *
 * Integers are little-endian. Generation g stands in slot (g - 1) mod 2. What is not said is 0.
 * @module
 */
import { isSoundReplica, writeReplicas } from '../block/replicas.ts';
import { readU16, readU64, U64_TOO_LARGE, writeU16, writeU64 } from '../bytes/fixed.ts';
import { closeFile, type Fs, joinPath, readAt } from '../fs/port.ts';
import { SCRUB_NAME } from '../manifest/file-names.ts';
import {
  type FinishedCycle,
  NEW_SCRUB,
  RANK_CURRENT,
  RANK_TABLE,
  type ScrubCounts,
  type ScrubCycle,
  type ScrubState,
} from './scrub-state.ts';

const SLOTS = 2;
const SLOT_BYTES = 4096;
const COPY_BYTES = 256;
const COPIES = 2;
const FORMAT_VERSION = 1;
const MAGIC = new TextEncoder().encode('VARVESCR');

const GENERATION_OFF = 16;
const DATABASE_ID_OFF = 24;
const CYCLE_OFF = 40;
const CYCLE_COUNTS_OFF = 80;
const LAST_OFF = 112;
const LAST_COUNTS_OFF = 136;
const TOTALS_OFF = 168;
/** All from here to there are u64. */
const NUMBERS_END = 192;

/** Keeps the state in the file of one database. */
export class ScrubFile {
  readonly #fs: Fs;
  readonly #directory: string;
  readonly #databaseId: Uint8Array;
  /** Of the slot that counts; 0 before there is one. */
  #generation: number;

  /** @param databaseId borrowed for as long as this is used */
  constructor(fs: Fs, directory: string, databaseId: Uint8Array) {
    this.#fs = fs;
    this.#directory = directory;
    this.#databaseId = databaseId;
    this.#generation = 0;
  }

  get path(): string {
    return joinPath(this.#directory, SCRUB_NAME);
  }

  /**
   * The state that counts; a new one where the file is missing, damaged, another database's or of a
   * later version.
   * @throws VarveError of the `Fs`
   */
  read(): ScrubState {
    if (!this.#fs.exists(this.path)) return NEW_SCRUB;
    const buf = new Uint8Array(SLOTS * SLOT_BYTES);
    const file = this.#fs.open(this.path, 'read');
    try {
      readAt(file, buf, 0, buf.length, 0);
    } finally {
      closeFile(file);
    }
    let found = NEW_SCRUB;
    this.#generation = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      for (let copy = 0; copy < COPIES; copy++) {
        const off = slot * SLOT_BYTES + copy * COPY_BYTES;
        const generation = this.#generationAt(buf, off, slot);
        if (generation <= this.#generation) continue;
        const state = decode(buf, off);
        if (state === undefined) continue;
        this.#generation = generation;
        found = state;
      }
    }
    return found;
  }

  /**
   * Writes the older slot; on stable storage when it returns.
   * @throws VarveError of the `Fs`; the file is as good as before then
   */
  write(state: ScrubState): void {
    const generation = this.#generation + 1;
    const slot = new Uint8Array(SLOT_BYTES);
    encode(state, slot);
    writeU64(slot, GENERATION_OFF, generation);
    slot.set(this.#databaseId, DATABASE_ID_OFF);
    writeReplicas(slot, 0, COPY_BYTES, COPIES);
    const isNew = this.#makeOwn();
    const file = this.#fs.open(this.path, isNew ? 'create' : 'update');
    try {
      file.write(slot, 0, SLOT_BYTES, slotOf(generation) * SLOT_BYTES);
      file.sync();
    } finally {
      closeFile(file);
    }
    if (isNew) this.#fs.syncDirectory(this.#directory);
    this.#generation = generation;
  }

  /** Leaves alone what has a second name. Returns true where there is no file then. */
  #makeOwn(): boolean {
    if (!this.#fs.exists(this.path)) return true;
    const file = this.#fs.open(this.path, 'read');
    let isShared: boolean;
    try {
      isShared = file.linkCount() > 1;
    } finally {
      closeFile(file);
    }
    if (isShared) this.#fs.remove(this.path);
    return isShared;
  }

  /** The generation of the copy at `buf[off]`; 0 if it does not count. */
  #generationAt(buf: Uint8Array, off: number, slot: number): number {
    if (!MAGIC.every((byte, i) => buf[off + i] === byte)) return 0;
    if (!isSoundReplica(buf, off, COPY_BYTES) || readU16(buf, off + 8) !== FORMAT_VERSION) return 0;
    const id = this.#databaseId;
    if (!id.every((byte, i) => buf[off + DATABASE_ID_OFF + i] === byte)) return 0;
    const generation = readU64(buf, off + GENERATION_OFF);
    return generation > 0 && slotOf(generation) === slot ? generation : 0;
  }
}

function slotOf(generation: number): number {
  return (generation - 1) % SLOTS;
}

/** Fills `buf`, but for generation and database id; the rest of the copy is 0 before. */
function encode({ cycle, last, totals }: ScrubState, buf: Uint8Array): void {
  buf.set(MAGIC, 0);
  writeU16(buf, 8, FORMAT_VERSION);
  if (cycle !== undefined) {
    buf[10] = 1;
    buf[11] = cycle.isUrgent ? 1 : 0;
    buf[12] = cycle.place.rank;
    const { fileNumber, offset } = cycle.place;
    const numbers = [cycle.number, cycle.begunAtMs, cycle.endFileNumber, fileNumber, offset];
    writeNumbers(buf, CYCLE_OFF, numbers);
    writeNumbers(buf, CYCLE_COUNTS_OFF, countsOf(cycle));
  }
  if (last !== undefined) {
    writeNumbers(buf, LAST_OFF, [last.number, last.begunAtMs, last.endedAtMs]);
    writeNumbers(buf, LAST_COUNTS_OFF, countsOf(last));
  }
  const { correctedCount, healedCount, lostCount } = totals;
  writeNumbers(buf, TOTALS_OFF, [correctedCount, healedCount, lostCount]);
}

/** Undefined for what no version has written. */
function decode(buf: Uint8Array, off: number): ScrubState | undefined {
  for (let at = CYCLE_OFF; at < NUMBERS_END; at += 8) {
    if (readU64(buf, off + at) === U64_TOO_LARGE) return undefined;
  }
  const number = (at: number) => readU64(buf, off + at);
  const rank = buf[off + 12]!;
  const isUnderWay = buf[off + 10] === 1;
  if (isUnderWay && (rank < RANK_CURRENT || rank > RANK_TABLE)) return undefined;
  return {
    cycle: isUnderWay ? decodeCycle(buf, off, rank) : undefined,
    last: number(LAST_OFF) === 0 ? undefined : decodeLast(buf, off),
    totals: {
      correctedCount: number(TOTALS_OFF),
      healedCount: number(TOTALS_OFF + 8),
      lostCount: number(TOTALS_OFF + 16),
    },
  };
}

function decodeCycle(buf: Uint8Array, off: number, rank: number): ScrubCycle {
  const number = (i: number) => readU64(buf, off + CYCLE_OFF + 8 * i);
  return {
    number: number(0),
    begunAtMs: number(1),
    endFileNumber: number(2),
    place: { rank, fileNumber: number(3), offset: number(4) },
    isUrgent: buf[off + 11] === 1,
    ...readCounts(buf, off + CYCLE_COUNTS_OFF),
  };
}

function decodeLast(buf: Uint8Array, off: number): FinishedCycle {
  const number = (i: number) => readU64(buf, off + LAST_OFF + 8 * i);
  return {
    number: number(0),
    begunAtMs: number(1),
    endedAtMs: number(2),
    ...readCounts(buf, off + LAST_COUNTS_OFF),
  };
}

function countsOf(counts: ScrubCounts): number[] {
  return [counts.bytesChecked, counts.correctedCount, counts.healedCount, counts.lostCount];
}

function readCounts(buf: Uint8Array, off: number): ScrubCounts {
  return {
    bytesChecked: readU64(buf, off),
    correctedCount: readU64(buf, off + 8),
    healedCount: readU64(buf, off + 16),
    lostCount: readU64(buf, off + 24),
  };
}

function writeNumbers(buf: Uint8Array, off: number, numbers: readonly number[]): void {
  for (const [i, number] of numbers.entries()) writeU64(buf, off + 8 * i, number);
}
