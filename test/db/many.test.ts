/**
 * Many of everything: what one call costs must not grow with how much else is open.
 * @module
 */
import assert from 'node:assert/strict';
import test, { describe } from 'node:test';
import { growth } from '../db-internals/growth.ts';
import { openMemory } from './helpers.ts';

describe('a database with many', () => {
  test('cursors over replaced views closes one as fast as one of few', async () => {
    const times = await growth(100, 8, async (count) => {
      const names = Array.from({ length: count }, (_, i) => `family ${i}`);
      const db = await openMemory({ columnFamilies: names });
      for (const columnFamily of names) db.put('key', 'value', { columnFamily });
      const cursors = names.map((columnFamily) => db.cursor({ columnFamily }));
      await db.flush();
      return () => {
        for (const cursor of cursors) cursor.close();
      };
    });
    assert.ok(times < 32, `8 times as many cost ${times.toFixed(1)} times as much`);
  });
});
