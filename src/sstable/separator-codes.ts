/**
 * Orders byte strings by 31-bit integers that keep what tells the separators of a table apart.
 *
 * Each byte position is a digit of a mixed-radix number: from the lowest to the highest byte that
 * any separator has there. Decimals thus take ten values a position instead of 256, and a constant
 * byte takes one; the codes spread almost evenly over their range, and a table over their high bits
 * leads to one or two candidates, where a binary search takes fifteen mispredicted steps (measured:
 * docs/decisions/0002-data-block-layout.md).
 *
 * The code ascends with the string, not strictly: strings of one code have to be compared.
 * @module
 */

const CODES_MAX = 0x7fff_ffff;
const POSITIONS_MAX = 24;

export class SeparatorCodes {
  readonly #codes: Int32Array;
  /** Lowest byte, number of values and weight of each position. */
  readonly #lowest: Uint8Array;
  readonly #radix: Int32Array;
  readonly #weight: Int32Array;
  /** The strings whose codes have b in their high bits are those from starts[b] to starts[b+1]. */
  readonly #starts: Int32Array;
  readonly #shift: number;

  /**
   * Borrows the arrays for the call.
   * @param buf holds string i at `offs[i]` in `lens[i]` bytes, ascending, for i from 1; element 0
   * is left out
   */
  constructor(buf: Uint8Array, offs: Uint32Array, lens: Uint32Array) {
    const count = offs.length;
    const { lowest, radix } = digitRanges(buf, offs, lens);
    this.#lowest = lowest;
    this.#radix = radix;
    this.#weight = new Int32Array(radix.length);
    let total = 1;
    for (let i = radix.length - 1; i >= 0; i--) {
      this.#weight[i] = total;
      total *= radix[i]!;
    }
    this.#codes = new Int32Array(count);
    for (let i = 1; i < count; i++) this.#codes[i] = this.codeOf(buf, offs[i]!, lens[i]!);
    let shift = 0;
    while ((total - 1) >>> shift >= 2 * count) shift++;
    this.#shift = shift;
    this.#starts = bucketStarts(this.#codes, ((total - 1) >>> shift) + 1, shift);
  }

  get memoryBytes(): number {
    return this.#codes.byteLength + this.#starts.byteLength;
  }

  /** Borrows `buf`. */
  codeOf(buf: Uint8Array, off: number, len: number): number {
    const lowest = this.#lowest;
    const radix = this.#radix;
    const weight = this.#weight;
    const positions = Math.min(len, lowest.length);
    let code = 0;
    for (let i = 0; i < positions; i++) {
      const digit = buf[off + i]! - lowest[i]!;
      if (digit < 0) return code;
      // Above every separator with the bytes so far: the largest code that begins with them.
      if (digit >= radix[i]!) return code + weight[i]! * radix[i]! - 1;
      code += digit * weight[i]!;
    }
    return code;
  }

  /** Code of string `index`. */
  at(index: number): number {
    return this.#codes[index]!;
  }

  /** First string that does not stand before all strings with the bucket of `code`. */
  start(code: number): number {
    return this.#starts[code >>> this.#shift]!;
  }

  /** First string behind all strings with the bucket of `code`. */
  end(code: number): number {
    return this.#starts[(code >>> this.#shift) + 1]!;
  }
}

interface DigitRanges {
  readonly lowest: Uint8Array;
  readonly radix: Int32Array;
}

/** As many positions as codes have room for. */
function digitRanges(buf: Uint8Array, offs: Uint32Array, lens: Uint32Array): DigitRanges {
  const lowest = new Uint8Array(POSITIONS_MAX).fill(255);
  const highest = new Uint8Array(POSITIONS_MAX);
  let used = 0;
  for (let i = 1; i < offs.length; i++) {
    const length = Math.min(lens[i]!, POSITIONS_MAX);
    if (length > used) used = length;
    for (let j = 0, at = offs[i]!; j < length; j++, at++) {
      const byte = buf[at]!;
      if (byte < lowest[j]!) lowest[j] = byte;
      if (byte > highest[j]!) highest[j] = byte;
    }
  }
  const radix = new Int32Array(used);
  let total = 1;
  let positions = 0;
  for (; positions < used; positions++) {
    radix[positions] = highest[positions]! - lowest[positions]! + 1;
    total *= radix[positions]!;
    if (total > CODES_MAX) break;
  }
  return { lowest: lowest.slice(0, positions), radix: radix.slice(0, positions) };
}

function bucketStarts(codes: Int32Array, buckets: number, shift: number): Int32Array {
  const starts = new Int32Array(buckets + 1);
  let bucket = 0;
  for (let i = 1; i < codes.length; i++) {
    while (bucket <= codes[i]! >>> shift) starts[bucket++] = i;
  }
  while (bucket <= buckets) starts[bucket++] = codes.length;
  return starts;
}
