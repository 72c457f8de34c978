/**
 * Which bytes of a database's files are which shard of what: worked out from undamaged files by the
 * lengths in their headers and the layout of the codes, without any of the engine's readers.
 * @module
 */
import assert from 'node:assert/strict';
import { createEccCodec } from '../../src/ecc/codec.ts';
import type { BlockCodeOptions } from '../../src/ecc/options.ts';
import type { MemoryFs } from '../../src/fs/memory.ts';
import { contentOf, fileOf } from '../prove/damage.ts';
import { DIRECTORY } from '../prove/environment.ts';

/** A part of a file: `[from, to)`. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/**
 * Bytes that are protected together: as many of its shards as the code has parity may be damaged.
 * The shards of a slot, a header and a frame are its copies.
 */
export interface Unit {
  readonly file: string;
  readonly kind: 'slot' | 'header' | 'frame' | 'block';
  /** 0 for slots and headers; a frame has that of its record's block. */
  readonly blockType: number;
  readonly from: number;
  /** Where the check bytes or parity shards begin. */
  readonly dataEnd: number;
  readonly to: number;
  /** In the order of the file. */
  readonly shards: readonly Range[];
  /** So many shards are damaged: what is left still has the whole. */
  readonly budget: number;
}

/** The blocks of a table, as `BLOCK_*` numbers. */
export const TABLE_BLOCK_TYPES: Readonly<Record<string, number>> = {
  data: 1,
  index: 2,
  filter: 3,
  properties: 4,
  footer: 5,
  dictionary: 6,
};

const SLOT_BYTES = 1024;
const SLOT_COPY_BYTES = 128;
const SLOT_COPIES = 7;
const HEADER_COPY_BYTES = 64;
const FRAME_COPY_BYTES = 8;
const BLOCK_OVERHEAD_BYTES = 24;
const SCHEMES: Readonly<Record<number, BlockCodeOptions['scheme'] | undefined>> = {
  1: 'secded',
  2: 'xor',
  3: 'reed-solomon',
};

/** All units of CURRENT and of all files that have a code, by file; no byte is left out. */
export function unitsOf(fs: MemoryFs): Unit[] {
  return fs
    .list(DIRECTORY)
    .sort()
    .filter((name) => name !== 'LOCK')
    .flatMap((name) => {
      const bytes = contentOf(fileOf(fs, name));
      if (name !== 'CURRENT' && eccOf(bytes) === undefined) return [];
      const units = name === 'CURRENT' ? slotUnits(bytes) : fileUnits(name, bytes);
      let at = 0;
      for (const { from, to } of units) {
        assert.equal(from, at, `${name} has bytes that belong to nothing`);
        at = to;
      }
      assert.equal(at, bytes.length, `${name} goes on behind its last block`);
      return units;
    });
}

/** Where the check bytes of a unit's words of 8 bytes stand, with the words. */
export function wordsOf({ from, dataEnd }: Unit): { from: number; to: number; check: number }[] {
  return Array.from({ length: Math.ceil((dataEnd - from) / 8) }, (_, i) => ({
    from: from + 8 * i,
    to: Math.min(from + 8 * i + 8, dataEnd),
    check: dataEnd + i,
  }));
}

/** The code that the header of a file names. */
function eccOf(bytes: Uint8Array): BlockCodeOptions | undefined {
  const [scheme, data, parity] = [bytes[52]!, bytes[53]!, bytes[54]!];
  const name = SCHEMES[scheme];
  if (name === 'secded') return { scheme: name };
  if (name === 'xor') return { scheme: name, data };
  return name === undefined ? undefined : { scheme: name, data, parity };
}

function slotUnits(bytes: Uint8Array): Unit[] {
  assert.equal(bytes.length, 2 * SLOT_BYTES);
  return [0, SLOT_BYTES].map((from) => {
    const copies = copiesAt(from, SLOT_COPY_BYTES, SLOT_COPIES);
    const dataEnd = copies.at(-1)!.to;
    const section = { from: dataEnd, to: from + SLOT_BYTES };
    const shards = [...copies, section];
    const budget = SLOT_COPIES - 1;
    const place = { from, dataEnd, to: from + SLOT_BYTES };
    return { file: 'CURRENT', kind: 'slot', blockType: 0, ...place, shards, budget };
  });
}

function fileUnits(file: string, bytes: Uint8Array): Unit[] {
  const ecc = eccOf(bytes)!;
  const isLog = !file.endsWith('.sst');
  const copies = ecc.scheme === 'reed-solomon' ? ecc.parity + 1 : 2;
  const units = [copiedUnit(file, 'header', 0, 0, HEADER_COPY_BYTES, Math.max(2, copies), ecc)];
  for (let at = units[0]!.to; at < bytes.length; at = units.at(-1)!.to) {
    let blockAt = at;
    if (isLog) {
      const count = ecc.scheme === 'secded' ? 1 : copies;
      const frame = copiedUnit(file, 'frame', 0, at, FRAME_COPY_BYTES, count, ecc);
      blockAt = frame.to;
      units.push({ ...frame, blockType: bytes[blockAt]! });
    }
    units.push(blockUnit(file, bytes, blockAt, ecc));
  }
  return units;
}

function blockUnit(file: string, bytes: Uint8Array, from: number, ecc: BlockCodeOptions): Unit {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = view.getUint32(from + 8, true) + BLOCK_OVERHEAD_BYTES;
  const codec = createEccCodec(ecc);
  const layout = codec.layout(length);
  const dataEnd = from + length;
  const data = Array.from({ length: layout.dataShards }, (_, i) => {
    const start = from + i * layout.dataShardBytes;
    return { from: start, to: Math.min(start + layout.dataShardBytes, dataEnd) };
  });
  const parity = copiesAt(dataEnd, layout.parityShardBytes, layout.parityShards);
  const to = dataEnd + codec.parityBytes(length);
  assert.equal(parity.at(-1)!.to, to);
  const budget = ecc.scheme === 'secded' ? 0 : layout.parityShards;
  const blockType = bytes[from]!;
  return {
    file,
    kind: 'block',
    blockType,
    from,
    dataEnd,
    to,
    shards: [...data, ...parity],
    budget,
  };
}

function copiedUnit(
  file: string,
  kind: 'header' | 'frame',
  blockType: number,
  from: number,
  copyBytes: number,
  count: number,
  ecc: BlockCodeOptions,
): Unit {
  const copies = copiesAt(from, copyBytes, count);
  const dataEnd = copies.at(-1)!.to;
  const to = ecc.scheme === 'secded' ? dataEnd + (dataEnd - from) / 8 : dataEnd;
  return { file, kind, blockType, from, dataEnd, to, shards: copies, budget: count - 1 };
}

function copiesAt(from: number, bytes: number, count: number): Range[] {
  return Array.from({ length: count }, (_, i) => ({
    from: from + i * bytes,
    to: from + (i + 1) * bytes,
  }));
}
