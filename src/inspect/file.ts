/**
 * Takes one file of a database apart. The file may be damaged, cut short or foreign: what can be
 * read is told, the rest is named. Writes nothing and needs no lock, nor a key for what is in the
 * clear.
 * @module
 */

import { BlockWalker } from '../block/block-walker.ts';
import {
  FILE_CLASS_MANIFEST,
  FILE_CLASS_TABLE,
  FILE_CLASS_WAL,
  FILE_HEADER_BYTES_MAX,
  type FileHeader,
  fileHeaderBytes,
  type HeaderOwner,
  isHeaderOf,
} from '../block/file-header.ts';
import { compareKeys } from '../bytes/compare.ts';
import { SUITE_NONE } from '../crypto/port.ts';
import { closeFile, type FileHandle, joinPath } from '../fs/port.ts';
import { parseFileName } from '../manifest/file-names.ts';
import { headerFields } from './block-fields.ts';
import { BlocksInspector } from './blocks.ts';
import { inspectCurrent } from './current.ts';
import { classInMagic, findHeader } from './header.ts';
import { kindOfClass } from './names.ts';
import type { InspectOptions } from './options.ts';
import type { FilePart, InspectedKind, InspectionPart, ProblemPart } from './parts.ts';
import { Tally } from './tally.ts';

const CLASS_CURRENT = 0x43;
const LOCK_BYTES_MAX = 65_536;

/**
 * The parts of one file, front to back; a `file` part comes first and a `summary` last.
 * @param name of a file in `directory`; any name will do
 * @throws VarveError of the `Fs`; `KEY` when a key is not that of the database
 */
export function* inspectFile(
  directory: string,
  name: string,
  options: InspectOptions,
): Generator<InspectionPart> {
  const file = options.fs.open(joinPath(directory, name), 'read');
  try {
    const tally = new Tally();
    for (const part of fileParts(file, name, options)) {
      tally.add(part);
      yield part;
    }
    yield tally.summary();
  } finally {
    closeFile(file);
  }
}

function* fileParts(
  file: FileHandle,
  name: string,
  options: InspectOptions,
): Generator<InspectionPart> {
  const kind = kindOf(file, name);
  const part: FilePart = { part: 'file', path: file.path, kind, sizeBytes: file.size() };
  yield part;
  if (kind === 'current') {
    yield* inspectCurrent(file, options.pipeline, options.block);
  } else if (kind === 'lock') {
    yield lockPart(file);
  } else if (kind === 'scrub') {
    yield problem('it says how far the scrub has come; no data depends on it', undefined, false);
  } else if (kind === 'unknown') {
    yield problem('it is no file of a database', undefined, false);
  } else {
    yield* blockFileParts(file, name, kind, options);
  }
}

/** By the name if it is one of a database, else by the first bytes. */
function kindOf(file: FileHandle, name: string): InspectedKind {
  const named = parseFileName(name)?.kind;
  if (named !== undefined) return named;
  if (name.startsWith('LOCK.')) return 'lock';
  const fileClass = classInMagic(file);
  if (fileClass === undefined) return 'unknown';
  return fileClass === CLASS_CURRENT ? 'current' : kindOfClass(fileClass);
}

function lockPart(file: FileHandle): InspectionPart {
  const buf = new Uint8Array(Math.min(file.size(), LOCK_BYTES_MAX));
  const length = file.read(buf, 0, buf.length, 0);
  return { part: 'lock', text: new TextDecoder().decode(buf.slice(0, length)) };
}

function* blockFileParts(
  file: FileHandle,
  name: string,
  kind: InspectedKind,
  options: InspectOptions,
): Generator<InspectionPart> {
  const { pipeline, block } = options;
  const own = ownerOf(name, kind);
  const isVouched = (header: FileHeader) => {
    return new BlockWalker(pipeline.blindReader(file, header), header).isVouched();
  };
  const found = findHeader(file, own, isVouched);
  const { header, problem: unread } = found;
  if (block === undefined || block === 'header') yield found.part;
  if (block === 'header') {
    const bytes = header === undefined ? FILE_HEADER_BYTES_MAX : fileHeaderBytes(header.protection);
    yield* headerFields(firstBytes(file, bytes), header?.protection.ecc?.scheme === 'secded');
    return;
  }
  if (unread !== undefined) yield problem(unread, 0, true);
  if (header === undefined) return;
  if (own !== undefined && !isHeaderOf(header, own)) {
    yield problem('file header belongs to another file', 0, true);
  }
  const salt = options.database.salts.get(header.fileNumber);
  if (own !== undefined && salt !== undefined && compareKeys(header.salt, salt) !== 0) {
    yield problem('it is another file than the one that the database names', 0, true);
  }
  const isLog = header.fileClass !== FILE_CLASS_TABLE;
  const { suiteId } = header.protection;
  if (isLog && suiteId === SUITE_NONE && header.fileNumber >= pipeline.sealedFrom) {
    yield problem('file is in the clear where it must be encrypted', 0, true);
  }
  const inspector = new BlocksInspector(file, header, options);
  try {
    yield* inspector.parts();
  } finally {
    inspector.close();
  }
}

function ownerOf(name: string, kind: InspectedKind): HeaderOwner | undefined {
  const fileNumber = parseFileName(name)?.number;
  if (fileNumber === undefined) return undefined;
  if (kind === 'table') return { fileClass: FILE_CLASS_TABLE, fileNumber };
  return { fileClass: kind === 'wal' ? FILE_CLASS_WAL : FILE_CLASS_MANIFEST, fileNumber };
}

function firstBytes(file: FileHandle, bytes: number): Uint8Array {
  const buf = new Uint8Array(bytes);
  return buf.subarray(0, file.read(buf, 0, bytes, 0));
}

function problem(message: string, offset: number | undefined, isDamage: boolean): ProblemPart {
  return { part: 'problem', offset, isDamage, message };
}
