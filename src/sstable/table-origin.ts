/**
 * Where a table comes from, as it says itself: enough to find its place when no manifest tells it.
 *
 * A table that was merged away may still be there beside what was made of it, and the manifest
 * tells the two apart. Without one, `inputs` and `retired` do: an input that is gone shows that the
 * merge counts, and what a later table lists as retired was no part of the database by then.
 * @module
 */
import { ByteWriter } from '../bytes/byte-writer.ts';
import { VarintReader } from '../bytes/varint.ts';

/** Plain data. */
export interface TableOrigin {
  readonly familyId: number;
  readonly familyName: string;
  /** The level for which it was made; later it may have moved to a deeper one. */
  readonly level: number;
  /** File numbers of the tables that it was merged from; none for a flush or a salvage. */
  readonly inputs: readonly number[];
  /** Tables that were no part of the database, but still there, when its making began. */
  readonly retired: readonly number[];
}

const NUMBERS = ['familyId', 'level'] as const;
const NAME = 'familyName';
const LISTS = ['inputs', 'retired'] as const;
/** How many properties they are. */
export const ORIGIN_PROPERTIES: number = NUMBERS.length + LISTS.length + 1;

const utf8 = new TextEncoder();

/** Gives name and value of each property to `write`, which borrows the value. */
export function encodeOrigin(
  origin: TableOrigin,
  write: (name: string, value: Uint8Array, length: number) => void,
): void {
  const value = new ByteWriter(64);
  for (const name of NUMBERS) {
    value.reset();
    value.varint(origin[name]);
    write(name, value.buf, value.length);
  }
  const familyName = utf8.encode(origin.familyName);
  write(NAME, familyName, familyName.length);
  for (const name of LISTS) {
    value.reset();
    for (const fileNumber of origin[name]) value.varint(fileNumber);
    write(name, value.buf, value.length);
  }
}

/**
 * The origin in the properties of a table; borrows the values.
 * @returns `none` for a table of an older version, `damaged` when it is not whole
 */
export function decodeOrigin(
  values: ReadonlyMap<string, Uint8Array>,
): TableOrigin | 'none' | 'damaged' {
  const names = [...NUMBERS, NAME, ...LISTS];
  if (names.every((name) => !values.has(name))) return 'none';
  const [familyId, level] = NUMBERS.map((name) => integers(values.get(name)));
  const [inputs, retired] = LISTS.map((name) => integers(values.get(name)));
  const familyName = text(values.get(NAME));
  if (familyId?.length !== 1 || level?.length !== 1 || familyName === undefined) return 'damaged';
  if (inputs === undefined || retired === undefined) return 'damaged';
  return { familyId: familyId[0]!, familyName, level: level[0]!, inputs, retired };
}

/** The varints that fill the bytes; undefined if they do not. */
function integers(bytes: Uint8Array | undefined): number[] | undefined {
  if (bytes === undefined) return undefined;
  const found: number[] = [];
  const reader = new VarintReader(bytes, 0, bytes.length);
  while (reader.off < reader.end && !reader.failed) found.push(reader.next());
  return reader.failed ? undefined : found;
}

function text(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
