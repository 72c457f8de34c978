/**
 * Ways to damage shards.
 * @module
 */
import assert from 'node:assert/strict';
import { BLOCK_HEADER_BYTES, BLOCK_OVERHEAD_BYTES } from '../../src/block/block-format.ts';
import { decodeFileHeader } from '../../src/block/file-header.ts';
import type { Pipeline } from '../../src/block/pipeline.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { TAG_BYTES } from '../../src/crypto/port.ts';
import type { MemoryFs } from '../../src/fs/memory.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { pipelineOf } from '../block/pipelines.ts';
import { contentOf, fileOf } from '../prove/damage.ts';
import { DIRECTORY } from '../prove/environment.ts';
import type { Sample } from './damage-sample.ts';
import { type Range, type Unit, unitsOf } from './damage-units.ts';

/** What stands where a shard was: as many bytes. */
type Way = (target: Target, unit: Unit, shard: number, random: SeededRandom) => Uint8Array;

/** The names of the ways. */
export const WAYS: readonly string[] = ['bit', 'every bit', 'zeros', 'noise', 'another', 'older'];

/** A database that is going to be damaged. */
export interface Target {
  readonly fs: MemoryFs;
  readonly units: readonly Unit[];
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** For each block, another one that could stand in its place; for slots, what stood there. */
  readonly older: ReadonlyMap<Unit, Uint8Array>;
}

/** Damage that was done to a unit. */
export interface Wound {
  readonly unit: Unit;
  /** Numbers of the shards of which bytes are different now. */
  readonly shards: readonly number[];
  readonly text: string;
}

export async function targetOf(sample: Sample, fs: MemoryFs): Promise<Target> {
  const units = unitsOf(fs);
  const names = [...new Set(units.map(({ file }) => file))];
  const files = new Map(names.map((name) => [name, contentOf(fileOf(fs, name))]));
  const pipeline = await pipelineFor(sample, files.get('CURRENT')!);
  const earlier = contentOf(fileOf(sample.earlier, 'CURRENT'));
  const older = new Map<Unit, Uint8Array>();
  for (const unit of units) {
    if (unit.kind === 'slot') older.set(unit, earlier.slice(unit.from, unit.to));
    if (unit.kind === 'block') older.set(unit, otherBlock(pipeline, files.get(unit.file)!, unit));
  }
  return { fs, units, files, older };
}

/** Damages shards of a unit in `fs`, a copy of the target; what stays as it was does not count. */
export function wound(
  target: Target,
  fs: MemoryFs,
  unit: Unit,
  shards: readonly number[],
  ways: readonly string[],
  random: SeededRandom,
): Wound {
  const file = fileOf(fs, unit.file);
  const before = target.files.get(unit.file)!;
  const inWay = (way: string, shard: number) => WAY[way]!(target, unit, shard, random);
  let damage = new Map(shards.map((shard, i) => [shard, inWay(ways[i]!, shard)]));
  if (isOtherBlock(target, unit, damage)) {
    damage = new Map(shards.map((shard) => [shard, inWay('noise', shard)]));
  }
  const changed = shards.filter((shard) => {
    const { from, to } = unit.shards[shard]!;
    const bytes = damage.get(shard)!;
    assert.equal(bytes.length, to - from);
    file.write(bytes, 0, bytes.length, from);
    return Buffer.compare(bytes, before.subarray(from, to)) !== 0;
  });
  const what = shards.map((shard, i) => `${ways[i]} in shard ${shard}`).join(', ');
  return { unit, shards: changed, text: `${textOf(unit)}: ${what}` };
}

/**
 * As many shards of the other block as a block has of data make it up, and it is as sound as the
 * one that it stands for: no reader could tell. Shards that both have in common count as well, such
 * as one that holds nothing but the header.
 * @param damage what comes to stand where these shards of the unit were
 */
function isOtherBlock(
  { files, older }: Target,
  unit: Unit,
  damage: ReadonlyMap<number, Uint8Array>,
): boolean {
  const other = older.get(unit);
  if (unit.kind !== 'block' || other === undefined) return false;
  const before = files.get(unit.file)!;
  const dataCount = unit.shards.filter(({ to }) => to <= unit.dataEnd).length;
  const ofOther = unit.shards.filter(({ from, to }, shard) => {
    const bytes = damage.get(shard) ?? before.subarray(from, to);
    return Buffer.compare(bytes, other.subarray(from - unit.from, to - unit.from)) === 0;
  });
  return ofOther.length >= dataCount;
}

/** A unit in messages. */
export function textOf(unit: Unit): string {
  return `${unit.file}@${unit.from} (${unit.kind} ${unit.blockType})`;
}

const WAY: Readonly<Record<string, Way>> = {
  bit: (target, unit, shard, random) => {
    const bytes = bytesOf(target, unit.file, unit.shards[shard]!);
    const bit = random.below(bytes.length * 8);
    bytes[bit >> 3] = bytes[bit >> 3]! ^ (1 << (bit & 7));
    return bytes;
  },
  'every bit': (target, unit, shard) =>
    bytesOf(target, unit.file, unit.shards[shard]!).map((byte) => byte ^ 0xff),
  zeros: (_, unit, shard) => new Uint8Array(lengthOf(unit.shards[shard]!)),
  noise: (_, unit, shard, random) => {
    const bytes = new Uint8Array(lengthOf(unit.shards[shard]!));
    random.fill(bytes);
    return bytes;
  },
  another: (target, unit, shard, random) => {
    const others = target.units.filter((other) => other.kind === unit.kind && other !== unit);
    const other = others[random.below(others.length)]!;
    const range = other.shards[Math.min(shard, other.shards.length - 1)]!;
    return fitted(bytesOf(target, other.file, range), lengthOf(unit.shards[shard]!));
  },
  older: (target, unit, shard, random) => {
    const older = target.older.get(unit);
    if (older === undefined) return WAY['another']!(target, unit, shard, random);
    const { from, to } = unit.shards[shard]!;
    return older.slice(from - unit.from, to - unit.from);
  },
};

function bytesOf(target: Target, file: string, { from, to }: Range): Uint8Array {
  return target.files.get(file)!.slice(from, to);
}

function lengthOf({ from, to }: Range): number {
  return to - from;
}

function fitted(bytes: Uint8Array, length: number): Uint8Array {
  const fit = new Uint8Array(length);
  fit.set(bytes.subarray(0, length));
  return fit;
}

/** A pipeline that can read and write the sample's files. */
export async function pipelineFor(sample: Sample, current: Uint8Array): Promise<Pipeline> {
  const { encryption } = sample.options;
  const isOn = encryption !== undefined && encryption !== false;
  const pipeline = await pipelineOf(
    isOn ? { suite: encryption.suite, epoch: encryption.epoch } : {},
  );
  pipeline.databaseId = current.slice(40, 56);
  return pipeline;
}

/** A sound block of the same type and length for the same place of the same file. */
function otherBlock(pipeline: Pipeline, file: Uint8Array, unit: Unit): Uint8Array {
  const header = decodeFileHeader(file, file.length, unit.file);
  assert.ok(header !== undefined);
  const tagBytes = header.protection.suiteId === 0 ? 0 : TAG_BYTES;
  const content = new Uint8Array(unit.dataEnd - unit.from - BLOCK_OVERHEAD_BYTES - tagBytes);
  new SeededRandom(unit.from).fill(content);
  const out = new ByteWriter(unit.to - unit.from);
  out.reset(BLOCK_HEADER_BYTES);
  out.bytes(content, 0, content.length);
  const writer = pipeline.writer(`${DIRECTORY}/${unit.file}`, header);
  writer.seal(unit.blockType, out, BLOCK_HEADER_BYTES, unit.from);
  writer.close();
  assert.equal(out.length, unit.to - unit.from);
  return out.buf.slice(0, out.length);
}
