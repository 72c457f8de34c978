/**
 * The check of the stripes of a table: every chunk of its body and every unit of parity, and what
 * stands behind them. Stripes come before blocks: what they restore is told here, chunk by chunk,
 * and blocks are then looked at as if it were restored already.
 *
 * A stripe without a sound unit, or with too many losses, says nothing of its chunks. Its units are
 * made anew when the look at the blocks has found nothing wrong with the body.
 * @module
 */
import { encodeFileHeader, type FileHeader } from '../block/file-header.ts';
import type { StripeDamage, StripeReader } from '../block/stripe-reader.ts';
import { CHUNK_BYTES, HEADER_COPY_BYTES } from '../ecc/stripe-layout.ts';
import { readAt } from '../fs/port.ts';
import { differences } from './differences.ts';
import type { FileRange } from './finding.ts';
import type { CheckedFile } from './patchy-file.ts';
import type { Report } from './report.ts';

const CHUNK_CAUSE = 'chunk is damaged';
const UNIT_CAUSE = 'unit of a stripe is damaged';
const COPY_CAUSE = 'last copy of the file header is damaged';
const BEHIND_CAUSE = 'something stands behind the end';

/** Checks the stripes of one file. */
export class StripesCheck {
  /** The body of the file, with what stripes restore in its place. */
  readonly body: MendedBody;
  readonly #file: CheckedFile;
  readonly #header: FileHeader;
  readonly #stripes: StripeReader;
  readonly #report: Report;
  /** The stripes that are looked at, modulo their count: from the first to the end. */
  #first: number;
  #next: number;
  #end: number;
  /** Stripes that could not be restored. */
  readonly #pending: number[];

  /** @param file stays the caller's */
  constructor(file: CheckedFile, header: FileHeader, stripes: StripeReader, report: Report) {
    this.body = new MendedBody(file, stripes);
    this.#file = file;
    this.#header = header;
    this.#stripes = stripes;
    this.#report = report;
    this.#first = 0;
    this.#next = 0;
    this.#end = stripes.layout.stripeCount;
    this.#pending = [];
  }

  /** How much of the stripes was looked at: 0 to 1. */
  get share(): number {
    const { stripeCount } = this.#stripes.layout;
    return (this.#next - this.#first) / stripeCount;
  }

  /** True if units wait for a look at all of the body. */
  get isPending(): boolean {
    return this.#pending.length > 0;
  }

  /** Looks at nothing but the stripes of this range: of its chunks, and of its units. */
  restrict({ offset, lengthBytes }: FileRange): void {
    const { layout } = this.#stripes;
    const { bodyBytes, unitBytes, stripeCount } = layout;
    const chunk = Math.floor(offset / CHUNK_BYTES);
    const chunkEnd = Math.ceil(Math.min(offset + lengthBytes, bodyBytes) / CHUNK_BYTES);
    const unit = Math.max(0, Math.floor((offset - bodyBytes) / unitBytes));
    const unitEnd = Math.ceil((offset + lengthBytes - bodyBytes) / unitBytes);
    const chunks = Math.max(0, chunkEnd - chunk);
    const units = Math.max(0, Math.min(unitEnd, layout.unitCount) - unit);
    this.#first = chunks > 0 ? layout.stripeOf(chunk) : unit % stripeCount;
    this.#next = this.#first;
    // The turns of the stripes go on from the chunks to the units.
    this.#end = this.#next + Math.min(chunks + units, stripeCount);
  }

  /**
   * Ends a {@link restrict} to units that can only be made anew: what the other stripes restore has
   * to be known before the look at all of the body.
   * @returns false if all stripes were looked at
   */
  widen(): boolean {
    const end = this.#first + this.#stripes.layout.stripeCount;
    if (this.#end === end) return false;
    this.#end = end;
    return true;
  }

  /**
   * Looks at stripes of about `budgetBytes` more, one at least.
   * @returns false when all were looked at
   */
  step(budgetBytes: number): boolean {
    const { data, parity, unitBytes, stripeCount } = this.#stripes.layout;
    const stripeBytes = data * CHUNK_BYTES + parity * unitBytes;
    let left = Math.max(1, Math.ceil(budgetBytes / stripeBytes));
    while (this.#next < this.#end && left > 0) {
      const first = this.#next % stripeCount;
      const count = Math.min(left, this.#end - this.#next, stripeCount - first);
      this.#stripes.checkEach(first, count, (stripe, damage) => this.#take(stripe, damage));
      this.#next += count;
      left -= count;
    }
    return left === 0;
  }

  /**
   * Ends the check, after the look at the blocks.
   * @param isBodySound that has found nothing
   * @param isHeaderSound nor has the look at the header, which stands in the first chunk
   * @param sizeBytes of the file
   */
  finish(isBodySound: boolean, isHeaderSound: boolean, sizeBytes: number): void {
    const { layout } = this.#stripes;
    const left = isHeaderSound ? -1 : layout.stripeOf(0);
    if (isBodySound) this.#remake(this.#pending.filter((stripe) => stripe !== left));
    const copy = encodeFileHeader(this.#header).subarray(0, HEADER_COPY_BYTES);
    this.#compare(copy, layout.headerCopyPosition, COPY_CAUSE, 'copies');
    const lengthBytes = sizeBytes - layout.fileBytes;
    if (lengthBytes <= 0) return;
    const place = { offset: layout.fileBytes, lengthBytes, blockType: 0, cause: BEHIND_CAUSE };
    this.#report.healable({ ...place, part: 'end' }, 'copies', []);
  }

  #take(stripe: number, { state, chunks, units }: StripeDamage): void {
    if (state === 'sound') return;
    if (state !== 'restored') {
      this.#pending.push(stripe);
      return;
    }
    for (const chunk of chunks) {
      this.body.mend(chunk);
      const right = this.#stripes.restoredChunk(chunk);
      this.#compare(right, chunk * CHUNK_BYTES, CHUNK_CAUSE, 'stripes');
    }
    this.#compareUnits(stripe, units);
  }

  /** Makes units anew, of chunks that are as they should be. */
  #remake(pending: readonly number[]): void {
    const units = Array.from({ length: this.#stripes.layout.parity }, (_, j) => j);
    for (let i = 0; i < pending.length; ) {
      const first = pending[i]!;
      let count = 1;
      while (pending[i + count] === first + count) count++;
      this.#stripes.encodeEach(first, count, (stripe) => this.#compareUnits(stripe, units));
      i += count;
    }
  }

  #compareUnits(stripe: number, units: readonly number[]): void {
    const { layout } = this.#stripes;
    for (const j of units) {
      const right = new Uint8Array(layout.unitBytes);
      this.#stripes.restoredUnit(stripe, j, right, 0);
      this.#compare(right, layout.unitPosition(stripe, j), UNIT_CAUSE, 'stripes');
    }
  }

  /** Tells where the file differs from what should stand at `offset`, if it does. */
  #compare(right: Uint8Array, offset: number, cause: string, source: string): void {
    const lengthBytes = right.length;
    const stored = new Uint8Array(lengthBytes);
    const length = readAt(this.#file, stored, 0, lengthBytes, offset);
    this.#file.spoil(stored.subarray(0, length), right, offset);
    const runs = [{ lengthBytes, unitBytes: lengthBytes }];
    const restored = differences(right, stored.subarray(0, length), offset, runs);
    if (restored.length === 0) return;
    const place = { part: 'stripe', offset, lengthBytes, blockType: 0, cause } as const;
    this.#report.healable(place, source, restored);
  }
}

/** Where the next chunk begins. */
function nextChunk(position: number): number {
  return (Math.floor(position / CHUNK_BYTES) + 1) * CHUNK_BYTES;
}

/** The body of a table, in which damaged chunks are restored as they are read. */
class MendedBody implements CheckedFile {
  readonly path: string;
  readonly #file: CheckedFile;
  readonly #stripes: StripeReader;
  /** Numbers of the chunks that their stripes restore. */
  readonly #chunks: Set<number>;

  constructor(file: CheckedFile, stripes: StripeReader) {
    this.path = file.path;
    this.#file = file;
    this.#stripes = stripes;
    this.#chunks = new Set();
  }

  /** From here on this chunk is restored where it is read. */
  mend(chunk: number): void {
    this.#chunks.add(chunk);
  }

  read(buf: Uint8Array, off: number, length: number, position: number): number {
    const { bodyBytes } = this.#stripes.layout;
    const count = Math.max(0, Math.min(length, bodyBytes - position));
    const got = readAt(this.#file, buf, off, count, position);
    if (this.#chunks.size === 0) return got;
    buf.fill(0, off + got, off + count);
    const end = position + count;
    let mendedEnd = position + got;
    for (const [from, to] of this.#mended(position, end)) {
      this.#stripes.restore(buf, off + from - position, to - from, from);
      mendedEnd = Math.max(mendedEnd, to);
    }
    return mendedEnd - position;
  }

  /** Chunks that are restored have no holes. */
  hasHole(from: number, to: number): boolean {
    for (const [start, end] of this.#unmended(from, to)) {
      if (this.#file.hasHole(start, end)) return true;
    }
    return false;
  }

  spoil(stored: Uint8Array, right: Uint8Array, position: number): void {
    for (const [start, end] of this.#unmended(position, position + stored.length)) {
      const [from, to] = [start - position, end - position];
      this.#file.spoil(stored.subarray(from, to), right.subarray(from, to), start);
    }
  }

  /** The parts of a range that stand in chunks that are restored, each as long as can be. */
  *#mended(from: number, to: number): Generator<[start: number, end: number]> {
    for (let start = from; start < to; ) {
      const isMended = this.#chunks.has(Math.floor(start / CHUNK_BYTES));
      let end = nextChunk(start);
      while (end < to && this.#chunks.has(end / CHUNK_BYTES) === isMended) end = nextChunk(end);
      end = Math.min(to, end);
      if (isMended) yield [start, end];
      start = end;
    }
  }

  /** The parts of a range that stand in chunks that are not restored. */
  *#unmended(from: number, to: number): Generator<[start: number, end: number]> {
    let start = from;
    for (const [mended, end] of this.#mended(from, to)) {
      if (start < mended) yield [start, mended];
      start = end;
    }
    if (start < to) yield [start, to];
  }

  /** Where blocks end, also in a file that is too short or too long. */
  size(): number {
    return this.#stripes.layout.bodyBytes;
  }

  /** Leaves the file to its owner. */
  close(): void {}
}
