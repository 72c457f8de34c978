/**
 * The inputs of sub-compactions: runs of tables, from one key to another.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadChecksum } from '../../src/block/checksum.ts';
import { compareKeys } from '../../src/bytes/compare.ts';
import { Room } from '../../src/bytes/room.ts';
import { KIND_PUT } from '../../src/key/kind.ts';
import { RunStream } from '../../src/merge/run-stream.ts';
import { TableCache } from '../../src/tables/table-cache.ts';
import { plainPipeline } from '../block/pipelines.ts';
import { DIRECTORY, World } from './merge-fixture.ts';

await loadChecksum();

const VALUE = new Uint8Array(30);

/** A run of tables, `perTable` keys of two bytes each, with two versions of each key. */
function runOf(world: World, numbers: readonly number[], perTable: number) {
  const keys = [...new Set(numbers)].sort((a, b) => a - b).map((n) => Uint8Array.of(n >>> 8, n));
  const metas = [];
  for (let i = 0; i < keys.length; i += perTable) {
    const entries = keys.slice(i, i + perTable).flatMap((key) => [
      { key, seqno: 7, kind: KIND_PUT, value: VALUE },
      { key, seqno: 3, kind: KIND_PUT, value: VALUE },
    ]);
    metas.push(world.write(entries));
  }
  return { keys, metas };
}

test('a stream shows the entries of its range and holds one table at a time', () => {
  const number = fc.nat(600);
  const bound = fc.option(
    number.map((n) => Uint8Array.of(n >>> 8, n)),
    { nil: undefined },
  );
  fc.assert(
    fc.property(
      fc.array(number, { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1, max: 20 }),
      bound,
      bound,
      fc.nat(400),
      (numbers, perTable, from, to, roomBytes) => {
        const world = new World();
        const { keys, metas } = runOf(world, numbers, perTable);
        const tables = new TableCache(world.fs, DIRECTORY, world.cache, plainPipeline(), 1);
        const room = new Room(new Uint8Array(roomBytes + 20), 10, roomBytes);
        const stream = new RunStream(metas, tables, 100, room, from, to);
        const shown: string[] = [];
        for (let valid = stream.first(); valid; valid = stream.next()) {
          const { keyBuf, keyOff, keyLen, seqno, valLen } = stream;
          const key = Buffer.from(keyBuf.subarray(keyOff, keyOff + keyLen)).toString('hex');
          shown.push(`${key}@${seqno}`);
          assert.equal(valLen, VALUE.length);
          assert.ok(world.openHandles() <= 1);
        }
        const expected = keys
          .filter((key) => from === undefined || compareKeys(key, from) >= 0)
          .filter((key) => to === undefined || compareKeys(key, to) < 0)
          .map((key) => Buffer.from(key).toString('hex'))
          .flatMap((key) => [`${key}@7`, `${key}@3`]);
        assert.deepEqual(shown, expected);
        stream.close();
        stream.close();
        tables.closeAll();
        assert.equal(world.openHandles(), 0);
      },
    ),
  );
});
