/**
 * An export file as a file system that is only read: the database in it opens where it lies.
 * @module
 */
import type { CapturedFile } from '../copy/capture.ts';
import { CaptureFs } from '../copy/capture-fs.ts';
import { corruption } from '../errors.ts';
import { type Fs, type ReadableFile, readAt, sizeOf } from '../fs/port.ts';
import { parseFileName } from '../manifest/file-names.ts';
import { decodeExportHead, expectHeader, exportBytes, paddedBytes } from './export-contents.ts';
import { headBytesOf } from './import.ts';
import { TAR_BLOCK_BYTES, type TarMember } from './tar.ts';

/** What is done to files here. */
const CAPABILITIES = {
  hardLinks: false,
  atomicRename: false,
  directorySync: false,
  sharedHandles: true,
};

/**
 * The files of an export file as an `Fs` with one directory, which `open` takes with `readOnly`.
 * Headers and sizes are checked; contents are when they are read, by their own checksums.
 * @param file kept; the caller closes it when the database is closed
 * @param directory that it is to be opened by; `'db'` if absent
 * @throws VarveError `INVALID` for another file, `CORRUPTION`, `UNSUPPORTED`, `IO`
 */
export function exportFileFs(file: ReadableFile, directory = 'db'): Fs {
  const headBytes = headBytesOf(read(file, 0, TAR_BLOCK_BYTES), file.path);
  const head = decodeExportHead(read(file, TAR_BLOCK_BYTES, headBytes), file.path);
  const sizeBytes = exportBytes(headBytes, head.files);
  const foundBytes = sizeOf(file);
  if (foundBytes !== sizeBytes) {
    const what = `it has ${foundBytes} bytes instead of ${sizeBytes}`;
    throw corruption(what, file.path, Math.min(foundBytes, sizeBytes));
  }
  let off = paddedBytes(headBytes);
  const files = head.files.map((member) => {
    expectHeader(read(file, off, TAR_BLOCK_BYTES), member, file.path, off);
    const found = memberFile(file, member, off + TAR_BLOCK_BYTES);
    off += paddedBytes(member.sizeBytes);
    return found;
  });
  return new CaptureFs(files, directory, CAPABILITIES);
}

function memberFile(file: ReadableFile, member: TarMember, begin: number): CapturedFile {
  const { name, sizeBytes } = member;
  const path = `${file.path}/${name}`;
  const part: ReadableFile = {
    path,
    read: (buf, off, length, position) => {
      const rest = Math.max(0, Math.min(length, sizeBytes - position));
      return rest === 0 ? 0 : readAt(file, buf, off, rest, begin + position);
    },
    size: () => sizeBytes,
    close: () => {},
  };
  const kind = parseFileName(name)!.kind as CapturedFile['kind'];
  const open = () => part;
  return { name, kind, sizeBytes, digest: undefined, linkPath: undefined, isNamed: false, open };
}

function read(file: ReadableFile, off: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  return bytes.subarray(0, readAt(file, bytes, 0, length, off));
}
