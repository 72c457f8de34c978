/**
 * The file that says how far a scrub has come.
 * @module
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { loadChecksum } from '../../src/block/checksum.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { Fs } from '../../src/fs/port.ts';
import { ScrubFile } from '../../src/integrity/scrub-file.ts';
import {
  advanceCycle,
  beginCycle,
  endCycle,
  isBefore,
  NEW_SCRUB,
  type ScrubState,
} from '../../src/integrity/scrub-state.ts';
import { CrashFs } from '../../src/testing/crash-fs.ts';
import { CRASH_VARIANTS } from '../../src/testing/crash-state.ts';
import { FaultFs } from '../../src/testing/fault-fs.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';

before(loadChecksum);

const ID = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
const OTHER_ID = ID.map((byte) => byte ^ 1);

function inDirectory<T extends Fs>(fs: T): T {
  fs.createDirectory('/db');
  return fs;
}

const number = fc.maxSafeNat();
const count = fc.nat();
const counts = fc.record({
  bytesChecked: count,
  correctedCount: count,
  healedCount: count,
  lostCount: count,
});
const states: fc.Arbitrary<ScrubState> = fc.record({
  cycle: fc.option(
    fc
      .record({
        number: fc.integer({ min: 1 }),
        begunAtMs: number,
        endFileNumber: number,
        place: fc.record({
          rank: fc.integer({ min: 1, max: 4 }),
          fileNumber: number,
          offset: number,
        }),
        isUrgent: fc.boolean(),
      })
      .chain((cycle) => counts.map((more) => ({ ...cycle, ...more }))),
    { nil: undefined },
  ),
  last: fc.option(
    fc
      .record({ number: fc.integer({ min: 1 }), begunAtMs: number, endedAtMs: number })
      .chain((last) => counts.map((more) => ({ ...last, ...more }))),
    { nil: undefined },
  ),
  totals: fc.record({ correctedCount: count, healedCount: count, lostCount: count }),
});

test('what is written is read, by the same process and the next', () => {
  fc.assert(
    fc.property(fc.array(states, { minLength: 1, maxLength: 5 }), (drawn) => {
      const written = drawn.map((state) => structuredClone(state));
      const fs = inDirectory(new MemoryFs());
      const file = new ScrubFile(fs, '/db', ID);
      assert.deepEqual(file.read(), NEW_SCRUB);
      for (const state of written) {
        file.write(state);
        assert.deepEqual(file.read(), state);
        assert.deepEqual(new ScrubFile(fs, '/db', ID).read(), state);
      }
      assert.deepEqual(new ScrubFile(fs, '/db', OTHER_ID).read(), NEW_SCRUB);
    }),
  );
});

/** States of one tour, in their order. */
function tour(length: number): ScrubState[] {
  const list = [beginCycle(NEW_SCRUB, 5, 100)];
  for (let i = 1; i < length; i++) {
    const place = { rank: 4, fileNumber: i, offset: i };
    const found = { bytesChecked: 10, correctedCount: 1, healedCount: 1, lostCount: 0 };
    list.push(advanceCycle(list[i - 1]!, place, found, i > 3));
  }
  return list;
}

test('after a power cut it says what was written last, or what was being written', () => {
  const random = new SeededRandom(3);
  const list = tour(6);
  for (let cut = 1; cut < 60; cut++) {
    for (const variant of CRASH_VARIANTS) {
      const fs = inDirectory(new CrashFs());
      fs.syncDirectory('/');
      const file = new ScrubFile(fs, '/db', ID);
      fs.cutAfter(cut);
      let done = 0;
      try {
        for (const state of list) {
          file.write(state);
          done++;
        }
      } catch {
        assert.ok(fs.isOff);
      }
      const left = new CrashFs(fs.crash(variant, random));
      const found = new ScrubFile(left, '/db', ID);
      const allowed = [list[done - 1] ?? NEW_SCRUB, list[done] ?? list.at(-1)];
      const state = found.read();
      assert.ok(
        allowed.some((one) => isDeepStrictEqual(one, state)),
        `cut ${cut}, ${variant}: ${JSON.stringify(state)}`,
      );
      // And goes on from there.
      found.write(list[3]!);
      assert.deepEqual(new ScrubFile(left, '/db', ID).read(), list[3]);
    }
  }
});

test('damage to any byte costs at most one step back', () => {
  const list = tour(3);
  const fs = inDirectory(new MemoryFs());
  const file = new ScrubFile(fs, '/db', ID);
  for (const state of list) file.write(state);
  const handle = fs.open(file.path, 'update');
  const one = new Uint8Array(1);
  for (let at = 0; at < handle.size(); at++) {
    handle.read(one, 0, 1, at);
    const right = one[0]!;
    one[0] = right ^ 0x10;
    handle.write(one, 0, 1, at);
    const found = new ScrubFile(fs, '/db', ID).read();
    assert.ok(
      list.slice(1).some((state) => isDeepStrictEqual(state, found)),
      `byte ${at}`,
    );
    one[0] = right;
    handle.write(one, 0, 1, at);
  }
  // A slot that is gone as a whole, and a file that is cut anywhere.
  handle.write(new Uint8Array(4096), 0, 4096, 0);
  assert.deepEqual(new ScrubFile(fs, '/db', ID).read(), list[1]);
  for (const size of [8191, 4096, 300, 0]) {
    handle.truncate(size);
    new ScrubFile(fs, '/db', ID).read();
  }
  assert.deepEqual(new ScrubFile(fs, '/db', ID).read(), NEW_SCRUB);
  handle.close();
});

test('a write that fails leaves what was there, and the next one counts', () => {
  const list = tour(4);
  for (let call = 1; ; call++) {
    const inner = inDirectory(new MemoryFs());
    const fs = new FaultFs(inner);
    const file = new ScrubFile(fs, '/db', ID);
    file.write(list[0]!);
    file.write(list[1]!);
    fs.failCall(call, { shortWriteBytes: 100 });
    let isWritten = true;
    try {
      file.write(list[2]!);
    } catch {
      isWritten = false;
    }
    const isFailed = fs.faults > 0;
    fs.clearRules();
    const after = new ScrubFile(inner, '/db', ID).read();
    assert.ok([list[1], list[2]].some((state) => isDeepStrictEqual(state, after)));
    if (isWritten) assert.deepEqual(after, list[2]);
    file.write(list[3]!);
    assert.deepEqual(new ScrubFile(inner, '/db', ID).read(), list[3]);
    if (!isFailed) break;
  }
});

test('a copy made of hard links is left alone', () => {
  const fs = inDirectory(new MemoryFs());
  const list = tour(3);
  const file = new ScrubFile(fs, '/db', ID);
  file.write(list[0]!);
  fs.createDirectory('/copy');
  fs.link('/db/SCRUB', '/copy/SCRUB');
  file.write(list[1]!);
  file.write(list[2]!);
  assert.deepEqual(new ScrubFile(fs, '/copy', ID).read(), list[0]);
  assert.deepEqual(new ScrubFile(fs, '/db', ID).read(), list[2]);
});

test('a cycle counts what it found, and passes it on when it is over', () => {
  const state = tour(5).at(-1)!;
  assert.equal(state.cycle?.correctedCount, 4);
  assert.equal(state.cycle.isUrgent, true);
  const over = endCycle(state, 99);
  assert.equal(over.cycle, undefined);
  assert.deepEqual(over.last, {
    ...{ number: 1, begunAtMs: 5, endedAtMs: 99 },
    ...{ bytesChecked: 40, correctedCount: 4, healedCount: 4, lostCount: 0 },
  });
  const next = beginCycle(over, 200, 7);
  assert.equal(next.cycle?.number, 2);
  assert.equal(next.cycle.isUrgent, false);
  assert.deepEqual(next.totals, { correctedCount: 4, healedCount: 4, lostCount: 0 });
  assert.ok(isBefore(next.cycle.place, state.cycle.place));
  assert.ok(!isBefore(state.cycle.place, state.cycle.place));
});
