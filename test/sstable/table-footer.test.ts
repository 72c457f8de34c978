import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { createEccCodec } from '../../src/ecc/codec.ts';
import {
  decodeFooter,
  encodeFooter,
  FOOTER_CONTENT_BYTES,
  footerBlockBytes,
  type ParityLengths,
  type TableFooter,
} from '../../src/sstable/table-footer.ts';
import { PROTECTIONS } from './table-model.ts';

const NO_PARITY: ParityLengths = { parityBytes: () => 0 };
const DATA_OFF = 128;

/** A footer whose parts stand one behind the other, and where the footer block begins. */
function footerOf(
  lengths: readonly [dictionary: number, filter: number, index: number, properties: number],
  parity: ParityLengths,
  dictionaryOff = 5000,
): { footer: TableFooter; footerOff: number } {
  const [dictionaryLen, filterLen, indexLen, propertiesLen] = lengths;
  const end = (from: number, length: number): number =>
    length === 0 ? from : from + length + parity.parityBytes(length);
  const filterOff = end(dictionaryOff, dictionaryLen);
  const indexOff = end(filterOff, filterLen);
  const propertiesOff = end(indexOff, indexLen);
  const footer = {
    dictionaryOff,
    dictionaryLen,
    filterOff,
    filterLen,
    indexOff,
    indexLen,
    propertiesOff,
    propertiesLen,
    blockCount: 7,
  };
  return { footer, footerOff: end(propertiesOff, propertiesLen) };
}

function encode(footer: TableFooter): Uint8Array {
  const out = new ByteWriter(16);
  encodeFooter(out, footer);
  assert.equal(out.length, FOOTER_CONTENT_BYTES);
  return out.buf.slice(0, out.length);
}

function decode(
  bytes: Uint8Array,
  footerOff: number,
  parity: ParityLengths,
): TableFooter | undefined {
  const shifted = Uint8Array.from([9, 9, 9, ...bytes, 9]);
  return decodeFooter(shifted, 3, bytes.length, DATA_OFF, footerOff, parity);
}

const PARITIES: Readonly<Record<string, ParityLengths>> = {
  'no code': NO_PARITY,
  shards: createEccCodec({ scheme: 'reed-solomon', data: 4, parity: 2 }),
  XOR: createEccCodec({ scheme: 'xor', data: 5 }),
  bits: createEccCodec({ scheme: 'secded' }),
};

for (const [name, parity] of Object.entries(PARITIES)) {
  test(`a footer leads to parts that fill the file between data and footer (${name})`, () => {
    for (const lengths of [
      [100, 200, 300, 400],
      [0, 200, 300, 400],
      [100, 0, 300, 400],
      [0, 0, 30, 41],
    ] as const) {
      const { footer, footerOff } = footerOf(lengths, parity);
      const bytes = encode(footer);
      assert.deepEqual(decode(bytes, footerOff, parity), footer);
      for (const off of [footerOff - 1, footerOff + 1]) {
        assert.equal(decode(bytes, off, parity), undefined);
      }
      for (let at = 0; at < 56; at++) {
        const wrong = bytes.slice();
        wrong[at]! ^= 1;
        assert.equal(decode(wrong, footerOff, parity), undefined, `byte ${at}`);
      }
      assert.equal(decode(bytes.subarray(1), footerOff, parity), undefined);
    }
  });
}

test('parts that stand as in a file of another code are refused', () => {
  for (const [name, parity] of Object.entries(PARITIES)) {
    const { footer, footerOff } = footerOf([0, 200, 300, 400], parity);
    for (const [other, otherParity] of Object.entries(PARITIES)) {
      if (other === name) continue;
      assert.equal(decode(encode(footer), footerOff, otherParity), undefined, `${name}, ${other}`);
    }
  }
});

test('data that ends within the header is refused', () => {
  for (const dataEnd of [DATA_OFF - 1, DATA_OFF]) {
    const { footer, footerOff } = footerOf([0, 0, 30, 41], NO_PARITY, dataEnd);
    const isRefused = decode(encode(footer), footerOff, NO_PARITY) === undefined;
    assert.equal(isRefused, dataEnd < DATA_OFF);
  }
});

test('the footer block of an encrypted file is longer by the tag alone', () => {
  assert.equal(footerBlockBytes(PROTECTIONS['none']!), FOOTER_CONTENT_BYTES + 24);
  assert.equal(footerBlockBytes(PROTECTIONS['shards']!), FOOTER_CONTENT_BYTES + 24);
  assert.equal(footerBlockBytes(PROTECTIONS['both']!), FOOTER_CONTENT_BYTES + 24 + 16);
});
