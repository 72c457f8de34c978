/**
 * The chosen data block layout against the interleaved one: same entries and index, in memory.
 * @module
 */
import { DataBlockBuilder } from '../../src/block/data-block-builder.ts';
import { BlockPosition, DataBlock } from '../../src/block/data-block-reader.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { sharedPrefixLength } from '../../src/bytes/compare.ts';
import { KIND_PUT, SEQNO_MAX } from '../../src/key/kind.ts';
import { TableIndex, TableIndexBuilder } from '../../src/sstable/table-index.ts';
import { BenchCursor, InterleavedBlock, InterleavedBuilder } from './interleaved-block.ts';
import { measure, millions, type Run } from './measure.ts';
import { KEY_BYTES, type KeyStyle, makeWorkload, type Workload } from './workload.ts';

const ROUNDS = 5;
const ENTRY_BYTES_GUESS = KEY_BYTES + 6;

interface Searchable {
  search(
    keyBuf: Uint8Array,
    keyOff: number,
    keyLen: number,
    seqno: number,
    out: BlockPosition,
  ): boolean;
}

/** A builder of either layout. */
interface Builder<Block> {
  count(): number;
  contentBytes(): number;
  add(load: Workload, i: number, shared: number): void;
  finish(): Block;
}

interface Built<Block> {
  readonly blocks: Block[];
  readonly index: TableIndex;
  readonly contentBytes: number;
}

function build<Block>(
  load: Workload,
  blockSizeBytes: number,
  builder: Builder<Block>,
): Built<Block> {
  const index = new TableIndexBuilder();
  const blocks: Block[] = [];
  let contentBytes = 0;
  const end = (): void => {
    index.end(1);
    contentBytes += builder.contentBytes();
    blocks.push(builder.finish());
  };
  const { keys } = load;
  for (let i = 0; i < load.count; i++) {
    const off = i * KEY_BYTES;
    const last = Math.max(0, off - KEY_BYTES);
    const shared = i === 0 ? 0 : sharedPrefixLength(keys, last, KEY_BYTES, keys, off, KEY_BYTES);
    const grown = builder.contentBytes() + ENTRY_BYTES_GUESS - shared + load.value.length;
    if (builder.count() > 0 && grown > blockSizeBytes) end();
    if (builder.count() === 0) index.begin(keys, off, i === 0 ? 0 : shared + 1, 0);
    builder.add(load, i, shared);
  }
  end();
  const out = new ByteWriter(1 << 20);
  index.finish(out);
  const n = blocks.length;
  const noParity = { parityBytes: () => 0 };
  const decoded = TableIndex.decode(out.buf, 0, out.length, n, 0, n, noParity);
  return { blocks, contentBytes, index: decoded! };
}

function separate(interval: number): Builder<DataBlock> {
  const out = new ByteWriter(16_384);
  const builder = new DataBlockBuilder(out, interval);
  builder.begin();
  return {
    count: () => builder.entryCount,
    contentBytes: () => builder.contentBytes(),
    add: ({ keys, seqnos, value }, i, shared) =>
      builder.add(
        keys,
        i * KEY_BYTES,
        KEY_BYTES,
        shared,
        seqnos[i]!,
        KIND_PUT,
        value,
        0,
        value.length,
      ),
    finish: () => {
      builder.finish();
      const block = new DataBlock();
      block.open(out.buf.slice(0, out.length), 0, out.length, 'bench', 0);
      out.reset();
      builder.begin();
      return block;
    },
  };
}

function interleaved(interval: number): Builder<InterleavedBlock> {
  const builder = new InterleavedBuilder(interval);
  return {
    count: () => builder.count,
    contentBytes: () => builder.contentBytes(),
    add: ({ keys, seqnos, value }, i, shared) =>
      builder.add(keys, i * KEY_BYTES, KEY_BYTES, shared, seqnos[i]!, KIND_PUT, value),
    finish: () => new InterleavedBlock(builder.finish()),
  };
}

/** A function compiled anew for each candidate, so that its call sites see one block class. */
function makeLookups(): (
  load: Workload,
  index: TableIndex,
  blocks: readonly Searchable[],
) => number {
  return new Function(
    'position',
    `return (load, index, blocks) => {
      const { order, keys } = load;
      for (let i = 0; i < order.length; i++) {
        const off = order[i] * ${KEY_BYTES};
        const block = blocks[index.search(keys, off, ${KEY_BYTES}, ${SEQNO_MAX})];
        if (!block.search(keys, off, ${KEY_BYTES}, ${SEQNO_MAX}, position) || !position.sameKey) {
          throw new Error('lookup went wrong');
        }
      }
      return order.length;
    };`,
  )(new BlockPosition());
}

export function benchLayout(count: number, blockSizeBytes: number): void {
  for (const style of ['decimal', 'binary'] as const) benchStyle(style, count, blockSizeBytes);
}

function benchStyle(style: KeyStyle, count: number, blockSizeBytes: number): void {
  const load = makeWorkload(style, count, 1);
  const lookups: Record<string, Run> = {};
  const decodes: Record<string, Run> = {};
  const sizes = new Map<string, number>();
  const scratch = new Uint8Array(KEY_BYTES);
  for (const interval of [8, 16]) {
    const built = build(load, blockSizeBytes, interleaved(interval));
    const name = `interleaved, interval ${interval}`;
    const run = makeLookups();
    sizes.set(name, built.contentBytes);
    lookups[name] = () => run(load, built.index, built.blocks);
    decodes[name] = () => {
      for (const block of built.blocks) block.decodeAll(scratch);
      return load.count;
    };
  }
  for (const interval of [4, 8, 16, 32]) {
    const built = build(load, blockSizeBytes, separate(interval));
    const name = `separate, interval ${interval}`;
    const run = makeLookups();
    const cursor = new BenchCursor();
    sizes.set(name, built.contentBytes);
    lookups[name] = () => run(load, built.index, built.blocks);
    decodes[name] = () => {
      for (const block of built.blocks) cursor.decodeAll(block);
      return load.count;
    };
  }
  const looked = measure(lookups, ROUNDS);
  const decoded = measure(decodes, ROUNDS);
  console.log(
    `\n${style}, blocks of ${blockSizeBytes}: lookups/s, entries decoded/s, content bytes`,
  );
  for (const [name, rate] of looked) {
    const megabytes = `${(sizes.get(name)! / 1e6).toFixed(1)} MB`;
    const speed = `${millions(rate).padStart(9)} ${millions(decoded.get(name)!).padStart(10)}`;
    console.log(`  ${name.padEnd(32)} ${speed} ${megabytes}`);
  }
}
