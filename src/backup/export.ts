/**
 * Writing a whole database as one file: the checkpoint of an open database, streamed.
 * @module
 */
import { FileChecksum } from '../block/checksum.ts';
import type { Capture, CapturedFile } from '../copy/capture.ts';
import { PIECE_BYTES, piecesOf } from '../copy/file-bytes.ts';
import { type CopyOptions, CopyPace, type PacePorts } from '../copy/pace.ts';
import { CallOptions, COPY_CHECKS } from '../db/call-checks.ts';
import { Db } from '../db/database.ts';
import { systemClock, systemHostLoop } from '../env/system.ts';
import { VarveError } from '../errors.ts';
import {
  EXPORT_BYTES_MAX,
  EXPORT_NAME,
  ExportSums,
  encodeExportHead,
  exportBytes,
  sumsMember,
} from './export-contents.ts';
import { toHex } from './object-names.ts';
import { TAR_END_BYTES, type TarMember, tarHeader, tarPadding } from './tar.ts';

const EXPORT_OPTIONS = new CallOptions('an export', COPY_CHECKS);

/**
 * A whole database as the bytes of one file, which `importDatabase` makes a database of, any tar
 * unpacks, and `exportFileFs` opens as it is. It is as of the first step; reads and writes go on.
 * What is encrypted stays so. Yields fresh pieces of 1 MiB, the last one shorter; who does not take
 * all of them calls `return`, for until then files are kept that the database needs no more.
 * @throws VarveError of reading, `CLOSED`; the reason of the signal
 */
export async function* exportDatabase(
  db: Db,
  options: CopyOptions = {},
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  EXPORT_OPTIONS.check(options);
  const capture = await Db.capture(db);
  try {
    const ports = { hostLoop: systemHostLoop, clock: systemClock, limiter: Db.limiterOf(db) };
    yield* gathered(partsOf(capture, ports, options));
  } finally {
    capture.release();
  }
}

/** The bytes of the file, lent until the next step. */
async function* partsOf(
  capture: Capture,
  ports: PacePorts,
  options: CopyOptions,
): AsyncGenerator<Uint8Array, void> {
  const { databaseId, seqno, files } = capture;
  const head = encodeExportHead({ databaseId: toHex(databaseId), seqno: seqno!, files });
  if (head.length > EXPORT_BYTES_MAX) {
    throw new VarveError('UNSUPPORTED', `an export file cannot hold ${files.length} files`);
  }
  const pace = new CopyPace(ports, exportBytes(head.length, files), options);
  const sums = new ExportSums();
  sums.addBytes(EXPORT_NAME, head);
  yield* memberOf({ name: EXPORT_NAME, sizeBytes: head.length }, [head], pace);
  const room = pace.newRoom();
  for (const file of files) {
    const checksum = new FileChecksum();
    yield* memberOf(file, summed(file, room, checksum), pace);
    sums.add(file.name, checksum);
  }
  yield* memberOf(sumsMember(files), [sums.encode()], pace);
  yield new Uint8Array(TAR_END_BYTES);
  await pace.step(TAR_END_BYTES);
}

async function* memberOf(
  member: TarMember,
  content: Iterable<Uint8Array>,
  pace: CopyPace,
): AsyncGenerator<Uint8Array, void> {
  const header = tarHeader(member);
  yield header;
  for (const piece of content) {
    yield piece;
    await pace.step(piece.length);
  }
  const padding = tarPadding(member.sizeBytes);
  yield new Uint8Array(padding);
  await pace.step(header.length + padding);
}

function* summed(
  file: CapturedFile,
  room: Uint8Array,
  checksum: FileChecksum,
): Generator<Uint8Array, void> {
  for (const piece of piecesOf(file, room)) {
    checksum.update(piece, 0, piece.length);
    yield piece;
  }
}

/** Pieces of `PIECE_BYTES`, fresh, of parts of any length. */
async function* gathered(
  parts: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  let piece = new Uint8Array(PIECE_BYTES);
  let length = 0;
  for await (const part of parts) {
    for (let off = 0; off < part.length; ) {
      const count = Math.min(part.length - off, PIECE_BYTES - length);
      piece.set(part.subarray(off, off + count), length);
      length += count;
      off += count;
      if (length < PIECE_BYTES) continue;
      yield piece;
      piece = new Uint8Array(PIECE_BYTES);
      length = 0;
    }
  }
  if (length > 0) yield piece.slice(0, length);
}
