/**
 * Files that are kept under another name, because nothing refers to them and they may hold data.
 * @module
 */
import { VarveError } from '../errors.ts';
import { closeFile, type FileHandle, type Fs, joinPath, readAt } from '../fs/port.ts';
import { lostName } from './file-names.ts';

/** What a file system without rename copies, or compares, at a time. */
const COPY_BYTES = 0x10_0000;

/**
 * Gives a file of a database the name of one that is kept, by a copy where there is no rename. What
 * was cut off is done to its end by the next call. The caller syncs the directory.
 * @throws VarveError `IO` when another file has that name, or of the `Fs`
 */
export function keepAsLost(fs: Fs, directory: string, name: string): void {
  const from = joinPath(directory, name);
  const to = joinPath(directory, lostName(name));
  const isInTheWay = fs.exists(to) && (fs.capabilities.atomicRename || !isCopy(fs, to, from));
  if (isInTheWay) throw inTheWay(to);
  if (fs.capabilities.atomicRename) {
    fs.rename(from, to);
    return;
  }
  if (fs.exists(to)) fs.remove(to);
  copyFile(fs, from, to);
  fs.syncDirectory(directory);
  fs.remove(from);
}

/**
 * Gives a file of a database a second name, under which it stays when the first one goes, by a copy
 * where there are no links; nothing for one that is gone. What was cut off is done to its end by
 * the next call. The caller syncs the directory.
 * @throws VarveError `IO` when another file has that name, or of the `Fs`
 */
export function keepBeside(fs: Fs, directory: string, name: string): void {
  const [from, to] = [joinPath(directory, name), joinPath(directory, lostName(name))];
  if (!fs.exists(from)) return;
  if (fs.exists(to)) {
    if (!isCopy(fs, to, from)) throw inTheWay(to);
    fs.remove(to);
  }
  if (fs.capabilities.hardLinks) fs.link(from, to);
  else copyFile(fs, from, to);
}

function inTheWay(file: string): VarveError {
  return new VarveError('IO', `a file is in the way (${file})`, { file });
}

/** Copies a file to a name that is free; the bytes are on stable storage on return. */
export function copyFile(fs: Fs, from: string, to: string): void {
  const source = fs.open(from, 'read');
  try {
    const target = fs.open(to, 'create');
    try {
      copyContent(source, target);
      target.sync();
    } finally {
      closeFile(target);
    }
  } finally {
    closeFile(source);
  }
}

function copyContent(source: FileHandle, target: FileHandle): void {
  const buf = new Uint8Array(COPY_BYTES);
  for (let at = 0; ; ) {
    const length = readAt(source, buf, 0, buf.length, at);
    if (length === 0) return;
    target.write(buf, 0, length, at);
    at += length;
  }
}

/** True if the first file is what a copy of the second one has left, whole or cut off. */
function isCopy(fs: Fs, path: string, wholePath: string): boolean {
  const part = fs.open(path, 'read');
  try {
    const whole = fs.open(wholePath, 'read');
    try {
      return hasSameBytes(part, whole);
    } finally {
      closeFile(whole);
    }
  } finally {
    closeFile(part);
  }
}

/**
 * True if the first file has no byte that the other one has not at the same place. What was not
 * written when the power went may be 0.
 */
function hasSameBytes(part: FileHandle, whole: FileHandle): boolean {
  const bytes = new Uint8Array(COPY_BYTES);
  const others = new Uint8Array(COPY_BYTES);
  for (let at = 0; ; ) {
    const length = readAt(part, bytes, 0, bytes.length, at);
    if (length === 0) return true;
    if (readAt(whole, others, 0, length, at) < length) return false;
    for (let i = 0; i < length; i++) if (bytes[i] !== others[i] && bytes[i] !== 0) return false;
    at += length;
  }
}
