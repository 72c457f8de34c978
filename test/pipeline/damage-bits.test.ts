/**
 * Bits that are wrong, within what error correction restores and beyond.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runBitRounds, turnBit, woundTwice } from './damage-bits.ts';
import { lookAt } from './damage-look.ts';
import { makeSample, RS_4_2, SECDED, STAGES } from './damage-sample.ts';
import { unitsOf, wordsOf } from './damage-units.ts';
import { targetOf, textOf } from './damage-ways.ts';

/** Of the 72 bits of a word and its check byte each third. */
const STEP = 3;

describe('one wrong bit in every word of every unit at once reads back right and is told', () => {
  for (const [name, stages] of Object.entries(STAGES)) {
    test(name, async () => {
      const sample = await makeSample(SECDED, stages);
      await runBitRounds(sample, sample.dead, STEP, false);
      await runBitRounds(sample, sample.closed, 6 * STEP, false);
    });
  }

  test('check bytes alone', async () => {
    const sample = await makeSample(SECDED, STAGES['aes, lz4']!);
    await runBitRounds(sample, sample.dead, 9, true);
  });
});

test('two wrong bits in a word give right values or a typed error', async (t) => {
  const counts = { right: 0, failed: 0 };
  for (const stages of [STAGES['plain']!, STAGES['aes, lz4']!]) {
    const sample = await makeSample(SECDED, stages);
    for (const state of ['dead', 'closed'] as const) {
      const target = await targetOf(sample, sample[state]);
      for (let i = 0; i < target.units.length; i++) {
        const fs = sample[state].clone();
        const unit = woundTwice(fs, target, i, 31 * i + 5);
        const { errors, isShorter } = await lookAt(sample, fs, { readOnly: i % 2 === 0 });
        for (const { code } of errors) assert.equal(code, 'CORRUPTION', textOf(unit));
        counts[errors.length > 0 ? 'failed' : 'right']++;
        if (unit.kind !== 'block') assert.deepEqual(errors, [], textOf(unit));
        if (isShorter) assert.deepEqual([state, unit], ['dead', target.units.findLast(isRecord)]);
      }
    }
  }
  t.diagnostic(JSON.stringify(counts));
  assert.ok(counts.right > 50 && counts.failed > 50);
});

function isRecord({ file, kind }: { file: string; kind: string }): boolean {
  return file.endsWith('.wal') && kind === 'block';
}

test('wrong bits in all lengths of a log do not hide that sound records follow', async () => {
  const sample = await makeSample(SECDED, STAGES['plain']!);
  const target = await targetOf(sample, sample.dead);
  const fs = sample.dead.clone();
  const records = target.units.filter(isRecord);
  const frames = target.units.filter(({ kind, file }) => kind === 'frame' && file.endsWith('.wal'));
  for (const [i, frame] of frames.entries()) {
    turnBit(fs, frame.file, wordsOf(frame)[0]!, (17 * i + 3) % 64);
  }
  woundTwice(fs, target, target.units.indexOf(records[1]!), 4);
  const { errors } = await lookAt(sample, fs);
  assert.deepEqual(
    errors.map(({ code, offset }) => [code, offset]),
    [['CORRUPTION', frames[1]!.from]],
  );
});

test('CURRENT has its words guarded whatever the code of the files is', async () => {
  const sample = await makeSample(RS_4_2, STAGES['aes, lz4']!);
  for (let bit = 0; bit < 72; bit++) {
    const fs = sample.dead.clone();
    const slots = unitsOf(fs).filter(({ kind }) => kind === 'slot');
    for (const slot of slots) {
      for (const [i, word] of wordsOf(slot).entries()) turnBit(fs, 'CURRENT', word, (bit + i) % 72);
    }
    const look = await lookAt(sample, fs, { readOnly: true });
    assert.deepEqual([look.errors, look.events.length], [[], 1]);
  }
});
