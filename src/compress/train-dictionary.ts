/**
 * Makes a dictionary of samples, after the idea of COVER (Liao, Petri, Moffat, Wirth: Effective
 * Construction of Relative Lempel-Ziv Dictionaries, 2016): pieces of the samples are worth the
 * number of samples that share the short strings in them; the best piece of each stretch of the
 * samples is taken, and what it covers is worth nothing from then on.
 *
 * The same samples give the same dictionary.
 * @module
 */

/** The short strings that are counted; shorter matches save zstd little. */
const STRING_BYTES = 8;
/** Longest piece: several records, because a match that breaks off costs more than it saves. */
const PIECE_BYTES = 512;
const WINDOW_STRINGS: number = PIECE_BYTES - STRING_BYTES + 1;
/** Samples beyond this do not count: the best ratio of samples to dictionary is about 100. */
const SAMPLES_PER_DICTIONARY = 100;
const SAMPLES_BYTES_MAX = 0x40_0000;
/** Strings are counted in slots by hash; of those with one hash only the first is counted. */
const HASH_BITS = 20;
const SLOTS: number = 1 << HASH_BITS;
/** The slot of strings that are not counted. */
const UNCOUNTED = SLOTS;
const HASH_PRIME_LOW = 0x9e37_79b1 | 0;
const HASH_PRIME_HIGH = 0x85eb_ca77 | 0;

/**
 * Chooses content that many samples share.
 * @param samples what blocks will be made of, such as entries from all over a table; borrowed
 * @param sizeBytes largest size of the dictionary
 * @returns a fresh array of at most `sizeBytes`, the likeliest content last; shorter, down to
 * nothing, where the samples have less in common
 */
export function trainDictionary(samples: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  const bytesMax = Math.min(sizeBytes * SAMPLES_PER_DICTIONARY, SAMPLES_BYTES_MAX);
  return new Trainer(spread(samples, bytesMax)).choose(sizeBytes);
}

/** A piece of the samples, and what it was worth when it was chosen. */
interface Piece {
  readonly at: number;
  readonly end: number;
  readonly worth: number;
}

class Trainer {
  /** The samples, one behind the other. */
  readonly #text: Uint8Array;
  /** Slot of the string that begins at each place. */
  readonly #slots: Uint32Array;
  /** Samples beyond the first that have the string of a slot. */
  readonly #shared: Uint32Array;
  /** Times that the string of a slot stands in the window that slides over a stretch. */
  readonly #inWindow: Uint16Array;

  constructor(samples: readonly Uint8Array[]) {
    this.#text = join(samples);
    this.#slots = new Uint32Array(Math.max(0, this.#text.length - STRING_BYTES + 1));
    this.#shared = new Uint32Array(SLOTS + 1);
    this.#inWindow = new Uint16Array(SLOTS + 1);
    this.#slots.fill(UNCOUNTED);
    this.#count(samples);
  }

  /** Gives each string its slot, and counts it once for each sample that has it. */
  #count(samples: readonly Uint8Array[]): void {
    const firstPlace = new Uint32Array(SLOTS);
    const seenIn = new Uint32Array(SLOTS);
    let start = 0;
    for (const [i, { length }] of samples.entries()) {
      for (let at = start; at <= start + length - STRING_BYTES; at++) {
        const slot = hashAt(this.#text, at);
        if (seenIn[slot] === 0) firstPlace[slot] = at;
        else if (!isSameString(this.#text, firstPlace[slot]!, at)) continue;
        else if (seenIn[slot] !== i + 1) this.#shared[slot]!++;
        seenIn[slot] = i + 1;
        this.#slots[at] = slot;
      }
      start += length;
    }
  }

  choose(sizeBytes: number): Uint8Array {
    const stretches = Math.max(1, Math.floor(sizeBytes / PIECE_BYTES));
    const stretch = Math.max(WINDOW_STRINGS, Math.ceil(this.#slots.length / stretches));
    const pieces: Piece[] = [];
    let left = sizeBytes;
    let found = true;
    // Round after round, until the stretches have nothing in common any more.
    while (found && left > 0) {
      found = false;
      for (let from = 0; from < this.#slots.length && left > 0; from += stretch) {
        const piece = this.#best(from, Math.min(from + stretch, this.#slots.length));
        if (piece === undefined) continue;
        found = true;
        pieces.push(this.#take(piece, left));
        left -= pieces.at(-1)!.end - pieces.at(-1)!.at;
      }
    }
    // The best come last, where distances to them are shortest.
    pieces.sort((a, b) => a.worth - b.worth);
    return join(pieces.map(({ at, end }) => this.#text.subarray(at, end)));
  }

  /** The piece worth most of those whose strings begin in `[from, end)`, if one is worth a bit. */
  #best(from: number, end: number): Piece | undefined {
    const [slots, shared, inWindow] = [this.#slots, this.#shared, this.#inWindow];
    let worth = 0;
    let bestWorth = 0;
    let best = from;
    let tail = from;
    for (let head = from; head < end; head++) {
      const entering = slots[head]!;
      if (inWindow[entering]!++ === 0) worth += shared[entering]!;
      if (head - tail === WINDOW_STRINGS) {
        const leaving = slots[tail++]!;
        if (--inWindow[leaving]! === 0) worth -= shared[leaving]!;
      }
      if (worth > bestWorth) {
        bestWorth = worth;
        best = tail;
      }
    }
    for (; tail < end; tail++) inWindow[slots[tail]!] = 0;
    if (bestWorth === 0) return undefined;
    return { at: best, end: Math.min(best + PIECE_BYTES, this.#text.length), worth: bestWorth };
  }

  /** Makes what a piece covers worthless; returns it without strings that already were, cut. */
  #take({ at, end, worth }: Piece, bytesMax: number): Piece {
    const [slots, shared] = [this.#slots, this.#shared];
    let first = at;
    let last = end - STRING_BYTES;
    while (shared[slots[first]!] === 0) first++;
    while (shared[slots[last]!] === 0) last--;
    for (let place = first; place <= last; place++) shared[slots[place]!] = 0;
    return { at: first, end: Math.min(last + STRING_BYTES, first + bytesMax), worth };
  }
}

/** Samples from all over the list, of `bytesMax` in all at most. */
function spread(samples: readonly Uint8Array[], bytesMax: number): Uint8Array[] {
  const total = samples.reduce((sum, { length }) => sum + length, 0);
  const share = Math.min(1, bytesMax / total);
  const taken: Uint8Array[] = [];
  let bytes = 0;
  let due = 0;
  for (const sample of samples) {
    due += sample.length * share;
    if (bytes + sample.length > due + 1) continue;
    taken.push(sample);
    bytes += sample.length;
  }
  return taken;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function isSameString(text: Uint8Array, a: number, b: number): boolean {
  for (let i = 0; i < STRING_BYTES; i++) if (text[a + i] !== text[b + i]) return false;
  return true;
}

/** Hash of the {@link STRING_BYTES} bytes at `at`. */
function hashAt(text: Uint8Array, at: number): number {
  const low = text[at]! | (text[at + 1]! << 8) | (text[at + 2]! << 16) | (text[at + 3]! << 24);
  const high = text[at + 4]! | (text[at + 5]! << 8) | (text[at + 6]! << 16) | (text[at + 7]! << 24);
  const mixed = Math.imul(low, HASH_PRIME_LOW) ^ Math.imul(high, HASH_PRIME_HIGH);
  return Math.imul(mixed ^ (mixed >>> 15), HASH_PRIME_LOW) >>> (32 - HASH_BITS);
}
