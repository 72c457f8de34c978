import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BlockCache, type CacheEntry, type CacheOwner } from '../../src/cache/block-cache.ts';

function newEntry(): CacheEntry {
  return {
    buf: new Uint8Array(0),
    referenced: false,
    isLent: false,
    pins: 0,
    ordinal: 0,
    chargeBytes: 0,
    owner: undefined,
    previous: undefined,
    following: undefined,
  };
}

/** Holds entries by ordinal, as a table does. */
class Owner implements CacheOwner {
  readonly slots = new Map<number, CacheEntry>();

  evicted(ordinal: number): void {
    assert.ok(this.slots.delete(ordinal));
  }

  add(cache: BlockCache, ordinal: number, bytes: number): boolean {
    const entry = newEntry();
    const added = cache.add(entry, this, ordinal, bytes);
    if (added) this.slots.set(ordinal, entry);
    return added;
  }
}

test('the budget holds over any adds, hits and removals by several owners', () => {
  const step = fc.tuple(fc.nat(2), fc.nat(2), fc.nat(20), fc.nat(120));
  const property = fc.property(
    fc.nat(300),
    fc.array(step, { maxLength: 200 }),
    (capacity, steps) => {
      const cache = new BlockCache(capacity);
      const owners = [new Owner(), new Owner(), new Owner()];
      for (const [action, which, ordinal, bytes] of steps) {
        const owner = owners[which]!;
        const entry = owner.slots.get(ordinal);
        if (entry === undefined) assert.equal(owner.add(cache, ordinal, bytes), bytes <= capacity);
        else if (action === 0) entry.referenced = true;
        else {
          cache.remove(entry);
          owner.slots.delete(ordinal);
        }
        const held = owners.flatMap((each) => [...each.slots.values()]);
        assert.equal(
          cache.usedBytes,
          held.reduce((sum, each) => sum + each.chargeBytes, 0),
        );
        assert.equal(cache.blockCount, held.length);
        assert.ok(cache.usedBytes <= capacity);
      }
    },
  );
  fc.assert(property);
});

test('a block that was hit is spared once, the others go oldest first', () => {
  const cache = new BlockCache(30);
  const owner = new Owner();
  for (const ordinal of [0, 1, 2]) owner.add(cache, ordinal, 10);
  owner.slots.get(0)!.referenced = true;
  owner.add(cache, 3, 10);
  assert.deepEqual([...owner.slots.keys()], [0, 2, 3]);
  owner.add(cache, 4, 10);
  assert.deepEqual([...owner.slots.keys()], [0, 3, 4]);
  owner.add(cache, 5, 20);
  assert.equal(cache.usedBytes, 30);
  assert.equal(cache.evictions, 4);
});

test('when every block was hit, one still goes', () => {
  const cache = new BlockCache(20);
  const owner = new Owner();
  for (const ordinal of [0, 1]) {
    owner.add(cache, ordinal, 10);
    owner.slots.get(ordinal)!.referenced = true;
  }
  assert.ok(owner.add(cache, 2, 10));
  assert.equal(owner.slots.size, 2);
});

test('a block above the whole budget passes by and evicts nothing', () => {
  const cache = new BlockCache(20);
  const owner = new Owner();
  owner.add(cache, 0, 20);
  assert.equal(owner.add(cache, 1, 21), false);
  assert.deepEqual([...owner.slots.keys()], [0]);
  assert.equal(new Owner().add(new BlockCache(0), 0, 1), false);
  assert.throws(() => new BlockCache(-1), RangeError);
  assert.throws(() => new BlockCache(Number.NaN), RangeError);
});

test('the buffer of a block that went serves the next one, unless it was lent', () => {
  const cache = new BlockCache(5000);
  const owner = new Owner();
  const replace = (ordinal: number, buf: Uint8Array, isLent: boolean): void => {
    const entry = { ...newEntry(), buf, isLent };
    assert.ok(cache.add(entry, owner, ordinal, 5000));
    owner.slots.set(ordinal, entry);
  };
  const first = cache.buffer(4000);
  replace(0, first, false);
  assert.notEqual(cache.buffer(4000), first);
  const lent = new Uint8Array(4096);
  replace(1, lent, true);
  assert.equal(cache.buffer(4000), first);
  const removed = new Uint8Array(8192);
  replace(2, removed, false);
  assert.notEqual(cache.buffer(4000), lent);
  cache.remove(owner.slots.get(2)!);
  assert.equal(cache.buffer(8000), removed);
});

test('buffers have what blocks leave of the budget, and little if that is nothing', () => {
  const cache = new BlockCache(1_000_000);
  const owner = new Owner();
  const entries = Array.from({ length: 200 }, () => ({ ...newEntry(), buf: new Uint8Array(4096) }));
  for (const [ordinal, entry] of entries.entries()) {
    assert.ok(cache.add(entry, owner, ordinal, 5000));
    owner.slots.set(ordinal, entry);
  }
  for (const entry of entries) cache.remove(entry);
  assert.equal(cache.bufferBytes, 200 * 4096);
  owner.add(cache, 0, 600_000);
  assert.ok(cache.bufferBytes <= 400_000 && cache.bufferBytes > 300_000);
  cache.resize(0);
  assert.ok(cache.bufferBytes <= 65_536);
});

test('the buffer of a block with cursors in it goes on when the last of them leaves', () => {
  const cache = new BlockCache(1_000_000);
  const owner = new Owner();
  const evicted = { ...newEntry(), buf: new Uint8Array(4096) };
  const kept = { ...newEntry(), buf: new Uint8Array(8192) };
  for (const [ordinal, entry] of [evicted, kept].entries()) {
    assert.ok(cache.add(entry, owner, ordinal, 5000));
    owner.slots.set(ordinal, entry);
    cache.pin(entry);
    cache.pin(entry);
  }
  cache.remove(evicted);
  cache.unpin(evicted);
  cache.unpin(kept);
  cache.unpin(kept);
  assert.equal(cache.bufferBytes, 0);
  cache.unpin(evicted);
  assert.equal(cache.bufferBytes, 4096);
  assert.throws(() => cache.unpin(evicted), /who leaves a block/);
  assert.equal(cache.buffer(4096), evicted.buf);
  cache.remove(kept);
  assert.equal(cache.buffer(8192), kept.buf);
});
