/**
 * Entries per second of the merging cursor and of the user's cursor over it, on array-backed
 * children, so that nothing but the two is measured.
 *
 *     node bench/iterator.ts [entries]
 *
 * `even` spreads the keys evenly over the children at random; `levels` gives each child ten times
 * as many as the one before, as the levels of a tree do. The row `array` is a child alone; `loser
 * tree` is the structure that the sorted array of `MergingCursor` was chosen over (forwards only);
 * @module
 */
import { performance } from 'node:perf_hooks';
import { compareBytes } from '../src/bytes/compare.ts';
import { mergeCursors } from '../src/iterator/merging-cursor.ts';
import { UserCursor } from '../src/iterator/user-cursor.ts';
import type { Cursor } from '../src/key/cursor.ts';
import { NO_ENTRY_CHECKSUM } from '../src/key/entry-checksum.ts';
import { KIND_PUT, SEQNO_MAX } from '../src/key/kind.ts';

const KEY_BYTES = 16;
const VALUE_BYTES = 100;
const REPEATS = 5;
/** Keys of a fixed length, packed in ascending order; every entry lends the same value. */
class PackedCursor implements Cursor {
  valid: boolean;
  keyBuf: Uint8Array;
  keyOff: number;
  keyLen: number;
  seqno: number;
  kind: number;
  valBuf: Uint8Array;
  valOff: number;
  valLen: number;
  readonly #end: number;
  constructor(keys: Uint8Array, value: Uint8Array) {
    this.valid = false;
    this.keyBuf = keys;
    this.keyOff = 0;
    this.keyLen = KEY_BYTES;
    this.seqno = 1;
    this.kind = KIND_PUT;
    this.valBuf = value;
    this.valOff = 0;
    this.valLen = VALUE_BYTES;
    this.#end = keys.length;
  }
  first(): boolean {
    return this.#stand(0);
  }
  keepValue(): boolean {
    return true;
  }
  entryChecksum(): number {
    return NO_ENTRY_CHECKSUM;
  }
  last(): boolean {
    return this.#stand(this.#end - KEY_BYTES);
  }
  seek(buf: Uint8Array, off: number, len: number): boolean {
    let low = 0;
    let high = this.#end / KEY_BYTES;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const key = middle * KEY_BYTES;
      if (compareBytes(this.keyBuf, key, KEY_BYTES, buf, off, len) < 0) low = middle + 1;
      else high = middle;
    }
    return this.#stand(low * KEY_BYTES);
  }
  seekForPrev(buf: Uint8Array, off: number, len: number): boolean {
    if (!this.seek(buf, off, len)) return this.last();
    const order = compareBytes(this.keyBuf, this.keyOff, KEY_BYTES, buf, off, len);
    return order === 0 || this.prev();
  }
  next(): boolean {
    return this.#stand(this.keyOff + KEY_BYTES);
  }
  prev(): boolean {
    return this.#stand(this.keyOff - KEY_BYTES);
  }
  close(): void {}
  #stand(off: number): boolean {
    this.valid = off >= 0 && off < this.#end;
    this.keyOff = off;
    return this.valid;
  }
}
/** Forwards only: every move replays the matches on the way from the winner's leaf to the root. */
class LoserTree {
  valid: boolean;
  keyBuf: Uint8Array;
  keyOff: number;
  keyLen: number;
  seqno: number;
  kind: number;
  valBuf: Uint8Array;
  valOff: number;
  valLen: number;
  readonly #children: Cursor[];
  readonly #losers: Int32Array;
  #winner: number;
  constructor(children: Cursor[]) {
    const child = children[0]!;
    this.valid = false;
    this.keyBuf = child.keyBuf;
    this.keyOff = 0;
    this.keyLen = 0;
    this.seqno = 0;
    this.kind = 0;
    this.valBuf = child.valBuf;
    this.valOff = 0;
    this.valLen = 0;
    this.#children = children;
    this.#losers = new Int32Array(children.length);
    this.#winner = 0;
  }
  first(): boolean {
    const count = this.#children.length;
    const winners = new Int32Array(count * 2);
    for (let i = 0; i < count; i++) {
      this.#children[i]!.first();
      winners[count + i] = i;
    }
    for (let i = count - 1; i >= 1; i--) {
      const a = winners[i * 2]!;
      const b = winners[i * 2 + 1]!;
      winners[i] = this.#isBefore(a, b) ? a : b;
      this.#losers[i] = a + b - winners[i]!;
    }
    this.#winner = winners[1]!;
    return this.#show();
  }
  next(): boolean {
    let winner = this.#winner;
    this.#children[winner]!.next();
    const losers = this.#losers;
    for (let i = (winner + losers.length) >>> 1; i >= 1; i >>>= 1) {
      const loser = losers[i]!;
      if (!this.#isBefore(loser, winner)) continue;
      losers[i] = winner;
      winner = loser;
    }
    this.#winner = winner;
    return this.#show();
  }
  #isBefore(a: number, b: number): boolean {
    const left = this.#children[a]!;
    const right = this.#children[b]!;
    if (!left.valid || !right.valid) return left.valid;
    const order = compareBytes(
      left.keyBuf,
      left.keyOff,
      left.keyLen,
      right.keyBuf,
      right.keyOff,
      right.keyLen,
    );
    return order !== 0 ? order < 0 : left.seqno > right.seqno;
  }
  #show(): boolean {
    const winner = this.#children[this.#winner]!;
    this.keyBuf = winner.keyBuf;
    this.keyOff = winner.keyOff;
    this.keyLen = winner.keyLen;
    this.seqno = winner.seqno;
    this.kind = winner.kind;
    this.valBuf = winner.valBuf;
    this.valOff = winner.valOff;
    this.valLen = winner.valLen;
    this.valid = winner.valid;
    return this.valid;
  }
}
/** A small generator with a fixed seed, so that every run merges the same keys. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
/** Ascending decimal keys dealt to the children by their weights. */
function makeChildren(entries: number, weights: number[]): () => PackedCursor[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const random = randomOf(1);
  const keys = weights.map((): string[] => []);
  for (let i = 0; i < entries; i++) {
    let pick = random() * total;
    let child = 0;
    while (pick >= weights[child]! && child < weights.length - 1) pick -= weights[child++]!;
    keys[child]!.push(String(i * 7).padStart(KEY_BYTES, '0'));
  }
  const packed = keys.map((list) => new TextEncoder().encode(list.join('')));
  const value = new Uint8Array(VALUE_BYTES);
  return () => packed.map((bytes) => new PackedCursor(bytes, value));
}
/** What a walk needs of a cursor. */
type Walkable = Pick<
  Cursor,
  'valid' | 'keyBuf' | 'keyOff' | 'keyLen' | 'valOff' | 'first' | 'next'
>;
type WalkableBack = Pick<Cursor, 'last' | 'prev'> & Walkable;
interface Seen {
  bytes: number;
}

/** Each walk reads the last byte of every key, as a caller at least would. */
function walkForward(cursor: Walkable, seen: Seen): number {
  let count = 0;
  for (cursor.first(); cursor.valid; cursor.next()) {
    seen.bytes += cursor.keyBuf[cursor.keyOff + cursor.keyLen - 1]! + cursor.valOff;
    count++;
  }
  return count;
}
function walkBackward(cursor: WalkableBack, seen: Seen): number {
  let count = 0;
  for (cursor.last(); cursor.valid; cursor.prev()) {
    seen.bytes += cursor.keyBuf[cursor.keyOff + cursor.keyLen - 1]! + cursor.valOff;
    count++;
  }
  return count;
}
/** Median millions of entries per second, and the best. */
function measure(walk: (seen: Seen) => number, entries: number): string {
  const rates: number[] = [];
  const seen = { bytes: 0 };
  for (let i = 0; i < REPEATS; i++) {
    const start = performance.now();
    if (walk(seen) !== entries) throw new Error('entries lost');
    rates.push(entries / (performance.now() - start) / 1000);
  }
  rates.sort((a, b) => a - b);
  return `${rates[REPEATS >> 1]!.toFixed(1).padStart(9)} ${rates.at(-1)!.toFixed(1).padStart(6)}`;
}
function report(name: string, make: () => WalkableBack, entries: number): void {
  const forward = measure((seen) => walkForward(make(), seen), entries);
  const backward = measure((seen) => walkBackward(make(), seen), entries);
  process.stdout.write(`${name.padEnd(30)}${forward}${backward}\n`);
}
function reportMerging(name: string, children: () => PackedCursor[], entries: number): void {
  const user = () => new UserCursor(mergeCursors(children()), SEQNO_MAX);
  if (children().length > 1) {
    const loserTree = measure((seen) => walkForward(new LoserTree(children()), seen), entries);
    process.stdout.write(`${`loser tree, ${name}`.padEnd(30)}${loserTree}\n`);
  }
  report(`merging, ${name}`, () => mergeCursors(children()), entries);
  report(`user, ${name}`, user, entries);
}
function main(): void {
  const entries = Number(process.argv[2] ?? 1_000_000);
  process.stdout.write(
    `${'M entries/s, median and best'.padEnd(30)}         forward        backward\n`,
  );
  const alone = makeChildren(entries, [1]);
  report('array', () => alone()[0]!, entries);
  for (const count of [1, 2, 5, 12]) {
    const even = makeChildren(entries, new Array(count).fill(1));
    reportMerging(`${count} even`, even, entries);
  }
  reportMerging('5 levels', makeChildren(entries, [1, 10, 100, 1000, 10_000]), entries);
}
main();
//# sourceMappingURL=iterator.js.map
