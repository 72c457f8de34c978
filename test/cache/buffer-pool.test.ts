import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BufferPool } from '../../src/cache/buffer-pool.ts';

test('a pool gives what fits, nothing twice, and knows how much it has', () => {
  const step = fc.tuple(fc.nat(3), fc.nat(70_000));
  const property = fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
    const pool = new BufferPool();
    const pooled = new Set<Uint8Array>();
    const held: Uint8Array[] = [];
    for (const [action, length] of steps) {
      if (action < 2) {
        const buf = pool.take(length);
        assert.ok(buf.length >= length);
        assert.ok(buf.length <= length + (length >> 3) + 512);
        // A fresh one is nowhere.
        assert.ok(!held.includes(buf));
        pooled.delete(buf);
        held.push(buf);
      } else if (action === 2) {
        const buf = held.pop();
        if (buf === undefined) continue;
        pool.give(buf);
        if (buf.length <= 65_536) pooled.add(buf);
      } else {
        pool.trim(length);
        assert.ok(pool.bytes <= length);
        // Which ones went only the pool knows.
        if (pool.bytes === 0) pooled.clear();
      }
      const sum = [...pooled].reduce((bytes, { length: each }) => bytes + each, 0);
      assert.ok(pool.bytes <= sum);
    }
  });
  fc.assert(property);
});

test('a buffer of an odd length is given for what it holds, a long one not kept', () => {
  const pool = new BufferPool();
  const odd = new Uint8Array(4100);
  pool.give(odd);
  assert.equal(pool.bytes, 4100);
  assert.notEqual(pool.take(4100), odd);
  assert.equal(pool.take(4000), odd);
  assert.equal(pool.bytes, 0);
  pool.give(new Uint8Array(65_537));
  assert.equal(pool.bytes, 0);
});
