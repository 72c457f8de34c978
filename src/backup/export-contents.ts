/**
 * What an export file consists of: a tar (tar.ts) of a whole database, sealed as it is on disk.
 *
 *     EXPORT      a line of JSON, with the line end:
 *       format      "varve export 1"
 *       databaseId  32 hexadecimal digits
 *       seqno       the newest write in it
 *       files       each as {"name", "sizeBytes"}: those that follow, in their order
 *     files       tables, logs and the manifest, CURRENT last
 *     XXH64SUMS   for EXPORT and each file a line: the XXH64, seed 0, of its content as 16
 *                 hexadecimal digits, two spaces, its name
 *
 * All bytes of the tar follow from the contents, and every one of them is checked. Unpacked by any
 * tar it is a directory that opens; one that was cut off has no CURRENT, and is no database.
 * @module
 */
import { Digest64, FileChecksum } from '../block/checksum.ts';
import { corruption, VarveError } from '../errors.ts';
import { CURRENT_NAME, parseFileName } from '../manifest/file-names.ts';
import { digestText, isCount } from './inventory.ts';
import { TAR_BLOCK_BYTES, TAR_END_BYTES, type TarMember, tarHeader, tarPadding } from './tar.ts';

/** Name of the first member. */
export const EXPORT_NAME = 'EXPORT';
/** Name of the last member. */
export const SUMS_NAME = 'XXH64SUMS';
/** Of the first member: some 300,000 files. */
export const EXPORT_BYTES_MAX: number = 16 * 1024 * 1024;
/** It has two slots of some hundred bytes. */
const CURRENT_BYTES_MAX = 0x1_0000;
const FORMAT = 'varve export 1';
const FORMAT_NAME = 'varve export ';
const SUM_LINE_BYTES = 16 + 2 + 1;

/** What the first member says. */
export interface ExportHead {
  readonly databaseId: string;
  readonly seqno: number;
  readonly files: readonly TarMember[];
}

/** Fresh bytes. */
export function encodeExportHead({ databaseId, seqno, files }: ExportHead): Uint8Array {
  const members = files.map(({ name, sizeBytes }) => ({ name, sizeBytes }));
  const head = { format: FORMAT, databaseId, seqno, files: members };
  return new TextEncoder().encode(`${JSON.stringify(head)}\n`);
}

/**
 * @param where the file is, for messages
 * @throws VarveError `INVALID` for bytes that are no such member, `UNSUPPORTED` for one of a later
 * version
 */
export function decodeExportHead(bytes: Uint8Array, where: string): ExportHead {
  const found = parsed(bytes);
  const format = found?.['format'];
  if (typeof format !== 'string' || !format.startsWith(FORMAT_NAME)) throw noExport(where);
  if (format !== FORMAT) {
    throw new VarveError('UNSUPPORTED', `${where} is a ${format}`, { file: where });
  }
  const { databaseId, seqno, files } = found!;
  const isSound =
    typeof databaseId === 'string' &&
    /^[0-9a-f]{32}$/.test(databaseId) &&
    isCount(seqno) &&
    isFileList(files);
  if (!isSound) throw corruption('the list of an export file is damaged', where, 0);
  return { databaseId, seqno: seqno as number, files: files as TarMember[] };
}

/** For a file that is something else. */
export function noExport(where: string): VarveError {
  return new VarveError('INVALID', `${where} is no export file of a database`, { file: where });
}

/** The last member of an export file with these files, in terms of size. */
export function sumsMember(files: readonly TarMember[]): TarMember {
  let sizeBytes = SUM_LINE_BYTES + EXPORT_NAME.length;
  for (const { name } of files) sizeBytes += SUM_LINE_BYTES + name.length;
  return { name: SUMS_NAME, sizeBytes };
}

/** Bytes of a whole export file. */
export function exportBytes(headBytes: number, files: readonly TarMember[]): number {
  const members = [{ sizeBytes: headBytes }, ...files, sumsMember(files)];
  return members.reduce((sum, { sizeBytes }) => sum + paddedBytes(sizeBytes), TAR_END_BYTES);
}

/** Bytes that a member takes, header included. */
export function paddedBytes(sizeBytes: number): number {
  return TAR_BLOCK_BYTES + sizeBytes + tarPadding(sizeBytes);
}

/** Gathers the lines of the last member. */
export class ExportSums {
  readonly #lines: string[];

  constructor() {
    this.#lines = [];
  }

  add(name: string, checksum: FileChecksum): void {
    const digest = new Digest64();
    checksum.digest(digest);
    this.#lines.push(`${digestText(digest)}  ${name}\n`);
  }

  addBytes(name: string, bytes: Uint8Array): void {
    const checksum = new FileChecksum();
    checksum.update(bytes, 0, bytes.length);
    this.add(name, checksum);
  }

  /** Fresh bytes of all lines. */
  encode(): Uint8Array {
    return new TextEncoder().encode(this.#lines.join(''));
  }

  /**
   * Holds the lines against those of a file, which begin at `off`; borrows them.
   * @throws VarveError `CORRUPTION` naming the first member that is not what it was
   */
  expect(bytes: Uint8Array, where: string, off: number): void {
    let at = 0;
    for (const line of this.#lines) {
      const found = new TextDecoder().decode(bytes.subarray(at, at + line.length));
      if (found !== line) {
        const name = line.slice(SUM_LINE_BYTES - 1).trimEnd();
        throw corruption(`${name} of an export file is damaged`, where, off + at);
      }
      at += line.length;
    }
  }
}

/** Compares a header with that of the member that has to come. @throws VarveError `CORRUPTION` */
export function expectHeader(
  header: Uint8Array,
  member: TarMember,
  where: string,
  off: number,
): void {
  const wanted = tarHeader(member);
  for (let i = 0; i < wanted.length; i++) {
    if (header[i] === wanted[i]) continue;
    throw corruption(`the header of ${member.name} in an export file is damaged`, where, off + i);
  }
}

function parsed(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function isFileList(value: unknown): value is TarMember[] {
  if (!Array.isArray(value) || !value.every(isMember)) return false;
  const names = new Set(value.map(({ name }) => name));
  const last: TarMember | undefined = value.at(-1);
  if (names.size !== value.length || last?.name !== CURRENT_NAME) return false;
  return last.sizeBytes <= CURRENT_BYTES_MAX;
}

/** Names become paths: nothing but names of a database's files may be there. */
function isMember(value: unknown): value is TarMember {
  if (typeof value !== 'object' || value === null) return false;
  const { name, sizeBytes } = value as Partial<TarMember>;
  if (typeof name !== 'string' || !isCount(sizeBytes)) return false;
  const kind = parseFileName(name)?.kind;
  if (kind === 'current') return name === CURRENT_NAME;
  return kind === 'table' || kind === 'wal' || kind === 'manifest';
}
