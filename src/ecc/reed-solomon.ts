/**
 * Reed-Solomon erasure code of k data and m parity shards over packets of 32-bit words: any m of
 * the k + m shards can be lost. Parity is byte for byte that of @ronomon/reed-solomon 6. With m = 1
 * parity is the XOR of the data shards, with k = 1 a copy of the data.
 * @module
 */
import {
  type CodingMatrix,
  codingMatrix,
  DATA_SHARDS_MAX,
  PARITY_SHARDS_MAX,
} from './coding-matrix.ts';
import { decodeSchedule, encodeSchedule, runSchedule } from './packet-schedule.ts';

/** Decoding schedules that one code remembers; a device usually fails in few patterns. */
const DECODE_SCHEDULES_MAX = 16;

/**
 * One code. Its methods work on a caller's array of `(k + m) * shardPackets` packets, data shards
 * first, each of `packetWords` words: shard s begins at word `s * shardPackets * packetWords`.
 */
export class ReedSolomon {
  /** k. */
  readonly dataShards: number;
  /** m. */
  readonly parityShards: number;
  /** w: packets in a shard, 1, 2, 4 or 8. */
  readonly shardPackets: number;
  readonly #matrix: CodingMatrix;
  readonly #encodeSchedule: Int32Array;
  /** By erasure pattern, the least recently used first. */
  readonly #decodeSchedules: Map<number, Int32Array>;

  /**
   * @param dataShards k, 1 to 24
   * @param parityShards m, 1 to 6
   * @throws RangeError for other values
   */
  constructor(dataShards: number, parityShards: number) {
    checkRange('data shards', dataShards, DATA_SHARDS_MAX);
    checkRange('parity shards', parityShards, PARITY_SHARDS_MAX);
    this.dataShards = dataShards;
    this.parityShards = parityShards;
    this.#matrix = codingMatrix(dataShards, parityShards);
    this.shardPackets = this.#matrix.shardPackets;
    this.#encodeSchedule = encodeSchedule(this.#matrix);
    this.#decodeSchedules = new Map();
  }

  /** Computes all parity shards from the data shards. Borrows `words`. */
  encode(words: Int32Array, packetWords: number): void {
    runSchedule(this.#encodeSchedule, words, packetWords);
  }

  /**
   * Restores the data shards that are lost. Parity shards are worked upon: they hold no parity
   * afterwards, and {@link encode} brings them back, the lost ones too. Borrows `words`.
   * @param erased bit s is set when shard s (data first, then parity) is lost
   * @returns false, with nothing changed, when more than m shards are lost
   */
  decode(words: Int32Array, packetWords: number, erased: number): boolean {
    const lost = shardsOf(erased, 0, this.dataShards, true);
    const used = shardsOf(erased, this.dataShards, this.parityShards, false);
    if (lost.length > used.length) return false;
    if (lost.length === 0) return true;
    let schedule = this.#decodeSchedules.get(erased);
    if (schedule === undefined) {
      schedule = decodeSchedule(this.#matrix, lost, used.slice(0, lost.length));
      const oldest = this.#decodeSchedules.keys().next();
      if (this.#decodeSchedules.size === DECODE_SCHEDULES_MAX && !oldest.done) {
        this.#decodeSchedules.delete(oldest.value);
      }
    } else {
      this.#decodeSchedules.delete(erased);
    }
    this.#decodeSchedules.set(erased, schedule);
    runSchedule(schedule, words, packetWords);
    return true;
  }
}

/** The shards `[first, first + count)`, from 0, whose bit in `mask` is `isSet`. */
function shardsOf(mask: number, first: number, count: number, isSet: boolean): number[] {
  const shards: number[] = [];
  for (let i = 0; i < count; i++)
    if (((mask >>> (first + i)) & 1) === (isSet ? 1 : 0)) shards.push(i);
  return shards;
}

/** @throws RangeError unless `count` is an integer from 1 to `max` */
function checkRange(what: string, count: number, max: number): void {
  if (!Number.isInteger(count) || count < 1 || count > max) {
    throw new RangeError(`${what} must be an integer from 1 to ${max}, not ${count}`);
  }
}
