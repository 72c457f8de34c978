/**
 * Making a database of an export file, or only checking one. A file is judged as it comes: nothing
 * is written before its list was read, and there is no database before its last byte was checked.
 * @module
 */
import { FileChecksum, loadChecksum } from '../block/checksum.ts';
import { NewDirectory } from '../copy/new-directory.ts';
import { type CopyOptions, CopyPace } from '../copy/pace.ts';
import { CallOptions, COPY_CHECKS } from '../db/call-checks.ts';
import { systemClock, systemHostLoop } from '../env/system.ts';
import { corruption } from '../errors.ts';
import { closeFile, type Fs } from '../fs/port.ts';
import { CURRENT_NAME } from '../manifest/file-names.ts';
import { ByteStream } from './byte-stream.ts';
import {
  decodeExportHead,
  EXPORT_BYTES_MAX,
  EXPORT_NAME,
  type ExportHead,
  ExportSums,
  expectHeader,
  exportBytes,
  noExport,
  sumsMember,
} from './export-contents.ts';
import { TAR_BLOCK_BYTES, TAR_END_BYTES, type TarMember, tarPadding, tarSize } from './tar.ts';

const IMPORT_OPTIONS = new CallOptions('an import', COPY_CHECKS);
/** For messages: a stream has no name. */
const WHERE = 'the export file';

/** A whole database that was imported, or could be. */
export interface ImportReport {
  /** It holds every write up to this one, and none after it. */
  readonly seqno: number;
  /** Files of the database. */
  readonly fileCount: number;
  /** Bytes of these files. */
  readonly bytesWritten: number;
}

/** Where files go. */
interface Sink {
  begin(name: string): (part: Uint8Array) => void;
  end(): Promise<void>;
}

/**
 * Makes a database of an export file, in a directory that is missing or empty: all of it or, after
 * a crash or a failure, none. No key is needed.
 * @param source the bytes of the file, in pieces of any length: a `Readable`, a `ReadableStream`
 * @throws VarveError `INVALID` for another file, or when the directory holds anything; `CORRUPTION`
 * when any byte is not what it was, or is missing; `UNSUPPORTED` for a later format; `LOCKED`,
 * `NOSPACE`, `IO`; what the source throws; the reason of the signal
 */
export async function importDatabase(
  fs: Fs,
  directory: string,
  source: AsyncIterable<Uint8Array>,
  options: CopyOptions = {},
): Promise<ImportReport> {
  IMPORT_OPTIONS.check(options);
  const path = fs.resolve(directory);
  return readExport(source, options, async (copy) => {
    const target = await NewDirectory.begin(fs, path);
    try {
      const current = await copy(new DirectorySink(target));
      await target.finish(current);
    } catch (error) {
      await target.abandon();
      throw error;
    }
  });
}

/**
 * Checks every byte of an export file against its checksums; what the files say is not looked at.
 * @throws as {@link importDatabase}, but for those of a directory
 */
export async function verifyExport(
  source: AsyncIterable<Uint8Array>,
  options: CopyOptions = {},
): Promise<ImportReport> {
  IMPORT_OPTIONS.check(options);
  return readExport(source, options, async (copy) => {
    await copy({ begin: () => () => {}, end: async () => {} });
  });
}

/** Copies all files into a sink, checks what comes behind them, and returns content of CURRENT. */
type Copy = (sink: Sink) => Promise<Uint8Array>;

async function readExport(
  source: AsyncIterable<Uint8Array>,
  options: CopyOptions,
  use: (copy: Copy) => Promise<void>,
): Promise<ImportReport> {
  await loadChecksum();
  const stream = new ByteStream(source, WHERE);
  try {
    const bytes = await readHead(stream);
    const head = decodeExportHead(bytes, WHERE);
    const ports = { hostLoop: systemHostLoop, clock: systemClock };
    const pace = new CopyPace(ports, exportBytes(bytes.length, head.files), options);
    const sums = new ExportSums();
    sums.addBytes(EXPORT_NAME, bytes);
    pace.assertGoesOn();
    await use((sink) => copyAll(stream, head, sums, sink, pace));
    const bytesWritten = head.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    return { seqno: head.seqno, fileCount: head.files.length, bytesWritten };
  } finally {
    await stream.close();
  }
}

async function readHead(stream: ByteStream): Promise<Uint8Array> {
  const header = new Uint8Array(TAR_BLOCK_BYTES);
  for (let at = 0; at < header.length; ) {
    const part = await stream.some(header.length - at);
    if (part.length === 0) throw noExport(WHERE);
    header.set(part, at);
    at += part.length;
  }
  const bytes = await stream.bytes(headBytesOf(header, WHERE));
  await stream.zeros(tarPadding(bytes.length));
  return bytes;
}

/**
 * The size of the first member, of its header.
 * @throws VarveError `INVALID` for the beginning of another file
 */
export function headBytesOf(header: Uint8Array, where: string): number {
  const sizeBytes = tarSize(header);
  if (sizeBytes === undefined || sizeBytes > EXPORT_BYTES_MAX) throw noExport(where);
  try {
    expectHeader(header, { name: EXPORT_NAME, sizeBytes }, where, 0);
  } catch {
    throw noExport(where);
  }
  return sizeBytes;
}

async function copyAll(
  stream: ByteStream,
  { files }: ExportHead,
  sums: ExportSums,
  sink: Sink,
  pace: CopyPace,
): Promise<Uint8Array> {
  for (const file of files) {
    if (file.name !== CURRENT_NAME) await copyMember(stream, file, sums, sink, pace);
  }
  const current = await smallMember(stream, files.at(-1)!);
  sums.addBytes(CURRENT_NAME, current);
  const begin = stream.position;
  sums.expect(await smallMember(stream, sumsMember(files)), WHERE, begin);
  await stream.zeros(TAR_END_BYTES);
  if ((await stream.some(1)).length > 0) {
    throw corruption('something stands behind its end', WHERE, stream.position - 1);
  }
  pace.assertGoesOn();
  return current;
}

async function copyMember(
  stream: ByteStream,
  file: TarMember,
  sums: ExportSums,
  sink: Sink,
  pace: CopyPace,
): Promise<void> {
  await readHeader(stream, file);
  const checksum = new FileChecksum();
  const write = sink.begin(file.name);
  try {
    for await (const part of stream.exactly(file.sizeBytes)) {
      checksum.update(part, 0, part.length);
      write(part);
      await pace.step(part.length);
    }
  } finally {
    await sink.end();
  }
  await stream.zeros(tarPadding(file.sizeBytes));
  sums.add(file.name, checksum);
}

async function smallMember(stream: ByteStream, member: TarMember): Promise<Uint8Array> {
  await readHeader(stream, member);
  const bytes = await stream.bytes(member.sizeBytes);
  await stream.zeros(tarPadding(bytes.length));
  return bytes;
}

async function readHeader(stream: ByteStream, member: TarMember): Promise<void> {
  const off = stream.position;
  expectHeader(await stream.bytes(TAR_BLOCK_BYTES), member, WHERE, off);
}

/** Files of a directory, one at a time. */
class DirectorySink implements Sink {
  readonly #directory: NewDirectory;
  #file: ReturnType<NewDirectory['create']> | undefined;

  constructor(directory: NewDirectory) {
    this.#directory = directory;
    this.#file = undefined;
  }

  begin(name: string): (part: Uint8Array) => void {
    const file = this.#directory.create(name);
    this.#file = file;
    let at = 0;
    return (part) => {
      file.write(part, 0, part.length, at);
      at += part.length;
    };
  }

  async end(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    try {
      await file.syncAsync();
    } finally {
      closeFile(file);
    }
  }
}
