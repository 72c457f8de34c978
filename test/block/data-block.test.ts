import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DataBlockBuilder } from '../../src/block/data-block-builder.ts';
import { DataBlockCursor } from '../../src/block/data-block-cursor.ts';
import { BlockPosition, DataBlock } from '../../src/block/data-block-reader.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { sharedPrefixLength } from '../../src/bytes/compare.ts';
import { isVarveError } from '../../src/errors.ts';
import { KIND_DELETE, KIND_PUT, SEQNO_MAX } from '../../src/key/kind.ts';

type Row = readonly [key: string, seqno: number, kind: number, value: string];

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

function build(rows: readonly Row[], interval: number): Uint8Array {
  const out = new ByteWriter(16);
  out.u32(0);
  const builder = new DataBlockBuilder(out, interval);
  builder.begin();
  let last: Uint8Array = new Uint8Array(0);
  for (const [text, seqno, kind, value] of rows) {
    const key = bytesOf(text);
    const shared = sharedPrefixLength(last, 0, last.length, key, 0, key.length);
    builder.add(key, 0, key.length, shared, seqno, kind, bytesOf(value), 0, value.length);
    last = key;
  }
  const expected = builder.contentBytes();
  builder.finish();
  assert.equal(out.length - 4, expected);
  return out.buf.slice(4, out.length);
}

function open(content: Uint8Array): DataBlock {
  const block = new DataBlock();
  block.open(content, 0, content.length, 'file', 7);
  return block;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test('the bytes of a block are those of the documented layout', () => {
  const rows: Row[] = [
    ['apple', 300, KIND_PUT, 'V1'],
    ['applet', 5, KIND_DELETE, ''],
    ['apply', 9, KIND_PUT, 'v'],
  ];
  const areas = [
    hex(bytesOf('V1v')),
    `000502${hex(bytesOf('apple'))}`,
    `050100${hex(bytesOf('t'))}`,
    // A restart shares with the first key, not with the one before.
    `040101${hex(bytesOf('y'))}`,
    '010001',
    '2701',
    '0000',
    '0400',
    // Offsets, then the word behind the prefix 'appl', zeros behind its end.
    `0000000000000000${hex(Uint8Array.of(0, 0, 0, 0x65))}`,
    `0c00000002000000${hex(Uint8Array.of(0, 0, 0, 0x79))}`,
    '03000000',
    '03000000',
    '10000000',
    '0200',
    '02',
    'ff',
    '0500000000000000',
    '04000000',
    '00000000',
  ];
  assert.equal(hex(build(rows, 2)), areas.join(''));
});

test('a block of puts with one seqno stores neither kinds nor seqnos', () => {
  const content = build(
    [
      ['a', 0, KIND_PUT, ''],
      ['b', 0, KIND_PUT, ''],
    ],
    8,
  );
  // Two entries of four bytes, one restart, the tail.
  assert.equal(content.length, 2 * 4 + 12 + 32);
  const block = open(content);
  assert.equal(block.kindAt(1), KIND_PUT);
  assert.equal(block.seqnoAt(1), 0);
});

test('seqnos of any spread come back exactly', () => {
  for (const spread of [0, 1, 255, 256, 65_535, 65_536, 2 ** 24 - 1, 2 ** 24, 2 ** 32, SEQNO_MAX]) {
    const block = open(
      build(
        [
          ['a', spread, KIND_PUT, ''],
          ['b', 0, KIND_PUT, ''],
        ],
        8,
      ),
    );
    assert.equal(block.seqnoAt(0), spread);
    assert.equal(block.seqnoAt(1), 0);
    const high = open(
      build(
        [
          ['a', SEQNO_MAX, KIND_PUT, ''],
          ['b', SEQNO_MAX - spread, KIND_PUT, ''],
        ],
        8,
      ),
    );
    assert.equal(high.seqnoAt(0), SEQNO_MAX);
    assert.equal(high.seqnoAt(1), SEQNO_MAX - spread);
  }
});

test('a search finds its way through restarts whose head words all tie', () => {
  // All keys share their prefix and the next four bytes except the last key.
  const rows = Array.from(
    { length: 200 },
    (_, i): Row => [`p-same-${String(i).padStart(3, '0')}`, 1000 - i, KIND_PUT, String(i)],
  );
  rows.push(['q', 1, KIND_PUT, 'last']);
  const block = open(build(rows, 1));
  const found = new BlockPosition();
  rows.forEach(([text, seqno], i) => {
    const key = bytesOf(text);
    assert.ok(block.search(key, 0, key.length, seqno, found));
    assert.deepEqual([found.index, found.sameKey], [i, true]);
    const more = block.search(key, 0, key.length, seqno - 1, found);
    assert.equal(more, i + 1 < rows.length);
    if (more) assert.deepEqual([found.index, found.sameKey], [i + 1, false]);
  });
});

test('an unknown kind is refused as unsupported, with file and place', () => {
  const unsupported = (error: unknown): boolean =>
    isVarveError(error, 'UNSUPPORTED') && error.file === 'file' && error.offset === 7;
  const same = build([['a', 1, 2, '']], 8);
  assert.throws(() => open(same), unsupported);
  const mixed = open(
    build(
      [
        ['a', 1, KIND_PUT, ''],
        ['b', 1, 200, ''],
      ],
      8,
    ),
  );
  assert.equal(mixed.kindAt(0), KIND_PUT);
  assert.throws(() => mixed.kindAt(1), unsupported);
});

test('a restart interval out of range is refused', () => {
  for (const interval of [0, -1, 1.5, 1025, Number.NaN]) {
    assert.throws(() => new DataBlockBuilder(new ByteWriter(16), interval), RangeError);
  }
});

/** Opens the moves within a block to the test. */
class BlockWalker extends DataBlockCursor {
  forwards(block: DataBlock): void {
    this.enterBlock(block);
    for (let more = this.firstInBlock(); more; more = this.nextInBlock()) assert.ok(this.valid);
  }

  backwards(block: DataBlock): void {
    this.enterBlock(block);
    for (let more = this.lastInBlock(); more; more = this.prevInBlock()) assert.ok(this.valid);
  }
}

test('an entry that points outside its area is corruption in every kind of read', () => {
  const rows: Row[] = [
    ['a', 1, KIND_PUT, 'x'],
    ['b', 1, KIND_PUT, 'y'],
  ];
  const damaged = (error: unknown): boolean => isVarveError(error, 'CORRUPTION');
  // Behind the two values: 00 01 01 'a' 00 01 01 'b'.
  const second = 2 + 4;
  for (const [where, byte, searched] of [
    [second, 2, false],
    [second + 1, 2, true],
    [second + 1, 0x7f, true],
    [second + 2, 2, true],
    [second + 2, 0x7f, true],
  ] as const) {
    const content = build(rows, 8);
    content[where] = byte;
    const block = open(content);
    const walker = new BlockWalker();
    assert.throws(() => walker.forwards(block), damaged);
    assert.equal(walker.valid, false);
    assert.throws(() => walker.backwards(block), damaged);
    assert.equal(walker.valid, false);
    const search = (): boolean => block.search(bytesOf('b'), 0, 1, SEQNO_MAX, new BlockPosition());
    // Too many shared bytes look like a smaller key to a search, which reads none of them.
    if (searched) assert.throws(search, damaged);
    else assert.equal(search(), false);
  }
});

test('a block whose areas, restarts or first key do not fit is corruption', () => {
  const rows = Array.from({ length: 6 }, (_, i): Row => [`key${i}`, 6 - i, KIND_PUT, 'v']);
  const sound = build(rows, 2);
  const tail = sound.length - 32;
  const restarts = tail - 3 * 12;
  const changes: Record<string, [number, number][]> = {
    'no entries': [[tail, 0]],
    'one entry too many': [[tail, 7]],
    'no interval': [[tail + 12, 0]],
    'seqnos of eight bytes': [[tail + 14, 8]],
    'a base seqno above 2^53': [[tail + 23, 0xff]],
    'a longer value area': [[tail + 4, 7]],
    'a shorter key area': [[tail + 8, 1]],
    'a value area that takes from the key area': [
      [tail + 4, 6 + 30],
      [tail + 8, sound[tail + 8]! - 30],
    ],
    'a head prefix beyond the first key': [[tail + 24, 5]],
    'a first restart that is not the first entry': [[restarts, 1]],
    'restarts that do not ascend': [[restarts + 24, 0]],
    'values that do not ascend': [[restarts + 16, 0xff]],
    'words that do not ascend': [[restarts + 11, 0xff]],
    'a restart behind the key area': [[restarts + 25, 1]],
    'a first key that shares': [[6, 1]],
    'a first key that is cut short': [[7, 0x7f]],
  };
  open(sound);
  for (const [name, bytes] of Object.entries(changes)) {
    const content = sound.slice();
    for (const [where, byte] of bytes) content[where] = byte;
    assert.throws(
      () => open(content),
      (error) => isVarveError(error, 'CORRUPTION') && error.offset === 7,
      name,
    );
  }
  for (let length = 0; length < sound.length; length++) {
    assert.throws(
      () => open(sound.subarray(0, length)),
      (error) => isVarveError(error, 'CORRUPTION'),
    );
  }
});
