/**
 * The damages of the campaign: what disks, copies and people do to the files of a database.
 * @module
 */
import { StripeLayout } from '../../src/ecc/stripe-layout.ts';
import type { MemoryFs } from '../../src/fs/memory.ts';
import type { SeededRandom } from '../../src/testing/seeded-random.ts';
import type { CampaignSample } from './campaign-sample.ts';
import { contentOf, fileOf } from './damage.ts';
import { DIRECTORY } from './environment.ts';

/** What is done to one file. */
export type DamageKind =
  | 'bits'
  | 'sector'
  | 'noise'
  | 'hole'
  | 'cut'
  | 'insert'
  | 'swap'
  | 'delete'
  | 'older'
  | 'exchange';

/** Damages of which a checksum tells, whatever else is known. */
const OF_BYTES: readonly DamageKind[] = ['bits', 'sector', 'noise', 'hole', 'swap'];
/** Those that touch one piece of a file. */
const OF_A_PIECE: readonly DamageKind[] = ['sector', 'noise', 'hole'];
const KINDS: readonly DamageKind[] = [
  ...['bits', 'bits', 'bits', 'sector', 'sector', 'noise', 'cut', 'insert', 'swap', 'swap'],
  ...['hole', 'hole', 'delete', 'older', 'older', 'exchange'],
] as DamageKind[];
const SECTOR_BYTES = [512, 512, 4096];
const RANGE_BYTES_MAX = 600;
/** About what stripes of a small table give back. */
const HOLE_BYTES_MAX = 20_000;
const BITS_MAX = 8;

/** What was done in a run. */
export interface Damage {
  readonly kind: DamageKind;
  readonly file: string;
  /** Of the piece of the file that it touches at most; 0 for what touches more than one. */
  readonly lengthBytes: number;
}

/** True if all of it is damage to bytes within files that are there and are the right ones. */
export function isOfBytes(damages: readonly Damage[]): boolean {
  return damages.every(({ kind }) => OF_BYTES.includes(kind));
}

/** True if the stripes of tables give back all of it: one piece of each at most, not too long. */
export function isWithinStripes(sample: CampaignSample, damages: readonly Damage[]): boolean {
  const { ecc } = sample.options;
  const stripe = typeof ecc === 'object' ? ecc.stripe : undefined;
  if (stripe === undefined || new Set(damages.map(({ file }) => file)).size < damages.length) {
    return false;
  }
  return damages.every(({ kind, file, lengthBytes }) => {
    if (!OF_A_PIECE.includes(kind) || !file.endsWith('.sst')) return false;
    const { size } = fileOf(sample.fs, file);
    return lengthBytes <= StripeLayout.ofFile(stripe, size)!.holeBytesMax;
  });
}

/** Does one random damage to a copy of the sample. */
export function damageOnce(sample: CampaignSample, fs: MemoryFs, random: SeededRandom): Damage {
  const files = fs.list(DIRECTORY).sort();
  if (files.length === 0) return { kind: 'delete', file: '', lengthBytes: 0 };
  const file = pick(files, random);
  const kind = pick(KINDS, random);
  if (kind === 'delete') fs.remove(`${DIRECTORY}/${file}`);
  else if (kind === 'older')
    return { kind, file: restoreOlder(sample, fs, random), lengthBytes: 0 };
  else if (kind === 'exchange') exchange(fs, file, pick(files, random));
  else return { kind, file, lengthBytes: damageBytes(fs, file, pick(files, random), kind, random) };
  return { kind, file, lengthBytes: 0 };
}

/** Puts one file back as an earlier session left it, also one that is gone since. */
function restoreOlder(sample: CampaignSample, fs: MemoryFs, random: SeededRandom): string {
  const source = pick(sample.older, random);
  const names = source.list(DIRECTORY).sort();
  const changed = names.filter((name) => {
    const now = sample.fs.fileAt(`${DIRECTORY}/${name}`);
    const then = contentOf(fileOf(source, name));
    return now === undefined || !Buffer.from(contentOf(now)).equals(then);
  });
  const name = pick(changed.length === 0 ? names : changed, random);
  setContent(fs, name, contentOf(fileOf(source, name)));
  return name;
}

function exchange(fs: MemoryFs, name: string, other: string): void {
  const first = contentOf(fileOf(fs, name));
  const second = contentOf(fileOf(fs, other));
  setContent(fs, name, second);
  setContent(fs, other, first);
}

/** @returns the length of the piece that is damaged, if it is one */
function damageBytes(
  fs: MemoryFs,
  name: string,
  other: string,
  kind: DamageKind,
  random: SeededRandom,
): number {
  const file = fileOf(fs, name);
  const bytes = contentOf(file);
  if (bytes.length === 0) return 0;
  const at = random.below(bytes.length);
  const most = kind === 'hole' ? HOLE_BYTES_MAX : RANGE_BYTES_MAX;
  const length = Math.min(bytes.length - at, 1 + random.below(most));
  if (kind === 'bits') {
    for (let i = random.below(BITS_MAX); i >= 0; i--) {
      bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
    }
    setContent(fs, name, bytes);
  } else if (kind === 'sector') {
    const size = pick(SECTOR_BYTES, random);
    const from = at - (at % size);
    bytes.fill(0, from, from + size);
    setContent(fs, name, bytes);
    return size;
  } else if (kind === 'noise') {
    random.fill(bytes.subarray(at, at + length));
    setContent(fs, name, bytes);
  } else if (kind === 'hole') {
    bytes.fill(random.u32(), at, at + length);
    setContent(fs, name, bytes);
  } else if (kind === 'cut') {
    setContent(fs, name, bytes.subarray(0, at));
  } else if (kind === 'insert') {
    const more = new Uint8Array(length).fill(random.u32());
    setContent(fs, name, Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)]));
  } else {
    swapRanges(fs, name, other, at, length, random);
  }
  return length;
}

/** Lets two ranges change places, in one file or two, as a disk does that mixes up its blocks. */
function swapRanges(
  fs: MemoryFs,
  name: string,
  other: string,
  at: number,
  length: number,
  random: SeededRandom,
): void {
  const first = contentOf(fileOf(fs, name));
  const second = name === other ? first : contentOf(fileOf(fs, other));
  const to = random.below(second.length + 1);
  const count = Math.min(length, second.length - to, Math.abs(name === other ? to - at : length));
  const kept = first.slice(at, at + count);
  first.set(second.slice(to, to + count), at);
  second.set(kept, to);
  setContent(fs, name, first);
  setContent(fs, other, second);
}

function setContent(fs: MemoryFs, name: string, bytes: Uint8Array): void {
  const path = `${DIRECTORY}/${name}`;
  if (fs.exists(path)) fs.remove(path);
  const file = fs.open(path, 'create');
  file.write(bytes, 0, bytes.length, 0);
  file.close();
}

function pick<T>(items: readonly T[], random: SeededRandom): T {
  return items[random.below(items.length)]!;
}
