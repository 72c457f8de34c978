/**
 * Damage to single bits: one in every word of 8 bytes and its check byte, in all units at once.
 * @module
 */
import type { MemoryFs } from '../../src/fs/memory.ts';
import { fileOf } from '../prove/damage.ts';
import { expectRound } from './damage-rounds.ts';
import type { Sample } from './damage-sample.ts';
import { type Unit, wordsOf } from './damage-units.ts';
import { type Target, targetOf, textOf, type Wound } from './damage-ways.ts';

const WORD_BITS = 64;
/** Bits of a word and its check byte. */
export const GUARDED_BITS: number = WORD_BITS + 8;

type Word = ReturnType<typeof wordsOf>[number];

/** Turns a bit of a word, or from `8 * length` on of its check byte. */
export function turnBit(fs: MemoryFs, file: string, word: Word, bit: number): void {
  const bits = 8 * (word.to - word.from);
  const at = bit < bits ? word.from + (bit >> 3) : word.check;
  const byte = new Uint8Array(1);
  fileOf(fs, file).read(byte, 0, 1, at);
  byte[0] = byte[0]! ^ (1 << (bit & 7));
  fileOf(fs, file).write(byte, 0, 1, at);
}

/**
 * One wrong bit in every word: from round to round each word goes through all of its bits.
 * @param onlyChecks leave the words alone and damage the check bytes
 */
export async function runBitRounds(
  sample: Sample,
  from: MemoryFs,
  step: number,
  onlyChecks: boolean,
): Promise<void> {
  const target = await targetOf(sample, from);
  for (let round = 0; round < GUARDED_BITS; round += step) {
    const fs = from.clone();
    const wounds = target.units.map((unit, i) => woundWords(fs, unit, round + 7 * i, onlyChecks));
    try {
      await expectRound(sample, fs, wounds, { readOnly: (round / step) % 2 === 0 });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`bit ${round}: ${why}`, { cause });
    }
  }
}

/** In terms of shards: a copy or a word is one, and so is a check byte. */
function woundWords(fs: MemoryFs, unit: Unit, first: number, onlyChecks: boolean): Wound {
  const shards = new Set<number>();
  for (const [i, word] of wordsOf(unit).entries()) {
    const bits = 8 * (word.to - word.from);
    const bit = onlyChecks ? bits + ((first + i) % 8) : (first + 13 * i) % (bits + 8);
    turnBit(fs, unit.file, word, bit);
    const at = bit < bits ? word.from : word.check;
    shards.add(unit.shards.findIndex(({ from, to }) => from <= at && at < to));
  }
  return { unit, shards: [...shards], text: textOf(unit) };
}

/** Turns two bits of one word of a unit: more than the code can put right. */
export function woundTwice(fs: MemoryFs, { units }: Target, unit: number, seed: number): Unit {
  const hurt = units[unit]!;
  const words = wordsOf(hurt);
  const word = words[seed % words.length]!;
  const bits = 8 * (word.to - word.from) + 8;
  turnBit(fs, hurt.file, word, seed % bits);
  turnBit(fs, hurt.file, word, (seed + 1 + (seed % (bits - 1))) % bits);
  return hurt;
}
