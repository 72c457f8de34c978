/**
 * The inner loops of all XOR coding: `words[t..] = words[a..] ^ words[b..] ^ ...` over `n` words.
 *
 * One function for each number of sources, two words a round. Indexes are kept 32-bit integers
 * (`| 0`): V8 else tests each for overflow, which costs a third of the speed. Four words a round
 * would gain a tenth at most for twice the code (docs/decisions/0010-ecc.md).
 * @module
 */

export function xor1(words: Int32Array, n: number, t: number, a: number): void {
  for (const last = (t + n - 1) | 0; t < last; t = (t + 2) | 0) {
    words[t] = words[a]!;
    words[(t + 1) | 0] = words[(a + 1) | 0]!;
    a = (a + 2) | 0;
  }
  if (n & 1) words[t] = words[a]!;
}

export function xor2(words: Int32Array, n: number, t: number, a: number, b: number): void {
  for (const last = (t + n - 1) | 0; t < last; t = (t + 2) | 0) {
    words[t] = words[a]! ^ words[b]!;
    words[(t + 1) | 0] = words[(a + 1) | 0]! ^ words[(b + 1) | 0]!;
    a = (a + 2) | 0;
    b = (b + 2) | 0;
  }
  if (n & 1) words[t] = words[a]! ^ words[b]!;
}

export function xor3(
  words: Int32Array,
  n: number,
  t: number,
  a: number,
  b: number,
  c: number,
): void {
  for (const last = (t + n - 1) | 0; t < last; t = (t + 2) | 0) {
    words[t] = words[a]! ^ words[b]! ^ words[c]!;
    words[(t + 1) | 0] = words[(a + 1) | 0]! ^ words[(b + 1) | 0]! ^ words[(c + 1) | 0]!;
    a = (a + 2) | 0;
    b = (b + 2) | 0;
    c = (c + 2) | 0;
  }
  if (n & 1) words[t] = words[a]! ^ words[b]! ^ words[c]!;
}

export function xor4(
  words: Int32Array,
  n: number,
  t: number,
  a: number,
  b: number,
  c: number,
  d: number,
): void {
  for (const last = (t + n - 1) | 0; t < last; t = (t + 2) | 0) {
    words[t] = words[a]! ^ words[b]! ^ words[c]! ^ words[d]!;
    words[(t + 1) | 0] =
      words[(a + 1) | 0]! ^ words[(b + 1) | 0]! ^ words[(c + 1) | 0]! ^ words[(d + 1) | 0]!;
    a = (a + 2) | 0;
    b = (b + 2) | 0;
    c = (c + 2) | 0;
    d = (d + 2) | 0;
  }
  if (n & 1) words[t] = words[a]! ^ words[b]! ^ words[c]! ^ words[d]!;
}

export function xor5(
  words: Int32Array,
  n: number,
  t: number,
  a: number,
  b: number,
  c: number,
  d: number,
  e: number,
): void {
  for (const last = (t + n - 1) | 0; t < last; t = (t + 2) | 0) {
    words[t] = words[a]! ^ words[b]! ^ words[c]! ^ words[d]! ^ words[e]!;
    words[(t + 1) | 0] =
      words[(a + 1) | 0]! ^
      words[(b + 1) | 0]! ^
      words[(c + 1) | 0]! ^
      words[(d + 1) | 0]! ^
      words[(e + 1) | 0]!;
    a = (a + 2) | 0;
    b = (b + 2) | 0;
    c = (c + 2) | 0;
    d = (d + 2) | 0;
    e = (e + 2) | 0;
  }
  if (n & 1) words[t] = words[a]! ^ words[b]! ^ words[c]! ^ words[d]! ^ words[e]!;
}

export function xor6(
  words: Int32Array,
  n: number,
  t: number,
  a: number,
  b: number,
  c: number,
  d: number,
  e: number,
  f: number,
): void {
  for (const last = (t + n - 1) | 0; t < last; t = (t + 2) | 0) {
    words[t] = words[a]! ^ words[b]! ^ words[c]! ^ words[d]! ^ words[e]! ^ words[f]!;
    words[(t + 1) | 0] =
      words[(a + 1) | 0]! ^
      words[(b + 1) | 0]! ^
      words[(c + 1) | 0]! ^
      words[(d + 1) | 0]! ^
      words[(e + 1) | 0]! ^
      words[(f + 1) | 0]!;
    a = (a + 2) | 0;
    b = (b + 2) | 0;
    c = (c + 2) | 0;
    d = (d + 2) | 0;
    e = (e + 2) | 0;
    f = (f + 2) | 0;
  }
  if (n & 1) words[t] = words[a]! ^ words[b]! ^ words[c]! ^ words[d]! ^ words[e]! ^ words[f]!;
}

export function xor7(
  words: Int32Array,
  n: number,
  t: number,
  a: number,
  b: number,
  c: number,
  d: number,
  e: number,
  f: number,
  g: number,
): void {
  for (const last = (t + n - 1) | 0; t < last; t = (t + 2) | 0) {
    words[t] = words[a]! ^ words[b]! ^ words[c]! ^ words[d]! ^ words[e]! ^ words[f]! ^ words[g]!;
    words[(t + 1) | 0] =
      words[(a + 1) | 0]! ^
      words[(b + 1) | 0]! ^
      words[(c + 1) | 0]! ^
      words[(d + 1) | 0]! ^
      words[(e + 1) | 0]! ^
      words[(f + 1) | 0]! ^
      words[(g + 1) | 0]!;
    a = (a + 2) | 0;
    b = (b + 2) | 0;
    c = (c + 2) | 0;
    d = (d + 2) | 0;
    e = (e + 2) | 0;
    f = (f + 2) | 0;
    g = (g + 2) | 0;
  }
  if (n & 1)
    words[t] = words[a]! ^ words[b]! ^ words[c]! ^ words[d]! ^ words[e]! ^ words[f]! ^ words[g]!;
}

export function xor8(
  words: Int32Array,
  n: number,
  t: number,
  a: number,
  b: number,
  c: number,
  d: number,
  e: number,
  f: number,
  g: number,
  h: number,
): void {
  for (const last = (t + n - 1) | 0; t < last; t = (t + 2) | 0) {
    words[t] =
      words[a]! ^ words[b]! ^ words[c]! ^ words[d]! ^ words[e]! ^ words[f]! ^ words[g]! ^ words[h]!;
    words[(t + 1) | 0] =
      words[(a + 1) | 0]! ^
      words[(b + 1) | 0]! ^
      words[(c + 1) | 0]! ^
      words[(d + 1) | 0]! ^
      words[(e + 1) | 0]! ^
      words[(f + 1) | 0]! ^
      words[(g + 1) | 0]! ^
      words[(h + 1) | 0]!;
    a = (a + 2) | 0;
    b = (b + 2) | 0;
    c = (c + 2) | 0;
    d = (d + 2) | 0;
    e = (e + 2) | 0;
    f = (f + 2) | 0;
    g = (g + 2) | 0;
    h = (h + 2) | 0;
  }
  if (n & 1)
    words[t] =
      words[a]! ^ words[b]! ^ words[c]! ^ words[d]! ^ words[e]! ^ words[f]! ^ words[g]! ^ words[h]!;
}
