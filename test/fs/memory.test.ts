import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { FileHandle } from '../../src/fs/port.ts';

const noSpace = (error: unknown) => isVarveError(error, 'NOSPACE');

function content(file: FileHandle): number[] {
  const data = new Uint8Array(file.size());
  file.read(data, 0, data.length, 0);
  return [...data];
}

test('a full disk takes what fits, and space comes back', () => {
  const fs = new MemoryFs({ capacityBytes: 10 });
  const a = fs.open('a', 'create');
  a.write(new Uint8Array(6).fill(1), 0, 6, 0);
  const b = fs.open('b', 'create');
  assert.throws(() => b.write(Uint8Array.of(1, 2, 3, 4, 5), 0, 5, 0), noSpace);
  assert.deepEqual(content(b), [1, 2, 3, 4]);
  a.write(Uint8Array.of(9), 0, 1, 5);
  assert.throws(() => a.truncate(7), noSpace);
  assert.throws(() => a.write(Uint8Array.of(1), 0, 1, 8), noSpace);
  assert.equal(a.size(), 6);
  a.truncate(2);
  b.write(Uint8Array.of(5, 6, 7, 8), 0, 4, 4);
  assert.deepEqual(content(b), [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.throws(() => b.write(Uint8Array.of(1), 0, 1, 8), noSpace);
});

test('a removed file gives its space back when the last handle and name are gone', () => {
  const fs = new MemoryFs({ capacityBytes: 4 });
  const a = fs.open('a', 'create');
  a.write(Uint8Array.of(1, 2, 3, 4), 0, 4, 0);
  fs.link('a', 'b');
  fs.remove('a');
  const c = fs.open('c', 'create');
  const writeOne = () => c.write(Uint8Array.of(1), 0, 1, 0);
  assert.throws(writeOne, noSpace);
  fs.remove('b');
  assert.throws(writeOne, noSpace);
  assert.deepEqual(content(a), [1, 2, 3, 4]);
  a.close();
  writeOne();
  const d = fs.open('d', 'create');
  d.write(Uint8Array.of(1, 2, 3), 0, 3, 0);
  d.close();
  fs.rename('c', 'd');
  assert.throws(() => fs.open('e', 'create').write(new Uint8Array(4), 0, 4, 0), noSpace);
  fs.open('f', 'create').write(new Uint8Array(0), 0, 0, 0);
});

test('all spellings of a path mean the same file', () => {
  const fs = new MemoryFs();
  fs.createDirectory('/db/sub/');
  fs.open('/db/sub/a', 'create').close();
  for (const path of ['db/sub/a', './db//sub/a', '/db/x/../sub/a']) {
    assert.equal(fs.exists(path), true, path);
  }
  assert.deepEqual(fs.list('db/sub'), ['a']);
});

test('files and directories do not replace each other', () => {
  const fs = new MemoryFs();
  fs.createDirectory('d');
  fs.open('f', 'create').close();
  const refused = (action: () => unknown) =>
    assert.throws(action, (error) => isVarveError(error, 'IO'));
  refused(() => fs.open('d', 'create'));
  refused(() => fs.open('d', 'read'));
  refused(() => fs.remove('d'));
  refused(() => fs.rename('f', 'd'));
  refused(() => fs.link('f', 'd'));
  refused(() => fs.createDirectory('f/x'));
  refused(() => fs.open('f/x', 'create'));
  assert.equal(fs.exists('f'), true);
});

test('a clone has the same files and links and shares nothing', () => {
  const fs = new MemoryFs({ capacityBytes: 3 });
  fs.createDirectory('d/empty');
  const file = fs.open('d/a', 'create');
  file.write(Uint8Array.of(1, 2), 0, 2, 0);
  fs.link('d/a', 'b');
  const twin = fs.clone();
  file.write(Uint8Array.of(9), 0, 1, 0);
  assert.deepEqual(content(twin.open('b', 'read')), [1, 2]);
  twin.open('b', 'update').write(Uint8Array.of(7, 7, 7, 7), 0, 4, 0);
  assert.deepEqual(content(twin.open('d/a', 'read')), [7, 7, 7, 7]);
  assert.deepEqual(content(file), [9, 2]);
  assert.equal(twin.exists('d/empty'), true);
});

test('any sequence of writes and truncations equals a plain array', () => {
  const step = fc.oneof(
    fc.record({ at: fc.nat(600), data: fc.uint8Array({ maxLength: 400 }) }),
    fc.record({ size: fc.nat(900) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const file = new MemoryFs().open('a', 'create');
      const model: number[] = [];
      const extend = (size: number) => {
        while (model.length < size) model.push(0);
      };
      for (const s of steps) {
        if ('size' in s) {
          file.truncate(s.size);
          model.length = Math.min(model.length, s.size);
          extend(s.size);
        } else {
          file.write(s.data, 0, s.data.length, s.at);
          if (s.data.length > 0) extend(s.at + s.data.length);
          for (const [i, value] of s.data.entries()) model[s.at + i] = value;
        }
      }
      assert.deepEqual(content(file), model);
    }),
  );
});
