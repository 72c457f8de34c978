/**
 * Directory trees as keys and values: the path below the root, with `/`, and the content.
 *
 * Names are handled as bytes, because not every file name is UTF-8. Symbolic links are not
 * followed. The tree may change while it is read.
 * @module
 */

import {
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
} from 'node:fs';
import { sep } from 'node:path';
import { isError } from '../errors.ts';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../key/kind.ts';
import { CommandError, systemCode } from './failure.ts';

/** A regular file as it was when the tree was walked. */
export interface TreeFile {
  /** For the file system. */
  readonly path: Buffer;
  /** Path below the root. */
  readonly key: Buffer;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** Type and permission bits of `stat`. */
  readonly mode: number;
}

/** Something that does not become a key and value. */
export interface TreeSkip {
  /** Path below the root. */
  readonly key: Buffer;
  readonly reason: string;
  /** True when it has content that cannot be kept; false for links, sockets and the like. */
  readonly isLoss: boolean;
}

/** What is below a directory. */
export interface Tree {
  /** Ascending by key. */
  readonly files: readonly TreeFile[];
  readonly skipped: readonly TreeSkip[];
  readonly totalBytes: number;
}

/** Content of a file, or why there is none. */
export type TreeContent =
  | { readonly bytes: Buffer; readonly modifiedMs: number; readonly skip?: undefined }
  | { readonly skip: TreeSkip };

const SEPARATOR = Buffer.from(sep);
const SLASH = Buffer.from('/');
/** So that neither a link nor a pipe that takes a file's place is followed or waited for. */
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/**
 * Lists a tree.
 * @param root a directory, or a link to one
 * @param exclude a directory to leave out, such as the database that is written
 * @throws CommandError when `root` is no directory or cannot be read
 */
export function walkTree(root: string, exclude?: string): Tree {
  const top = Buffer.from(realpathOf(root));
  const left = exclude === undefined ? undefined : Buffer.from(realpathOf(exclude));
  const files: TreeFile[] = [];
  const skipped: TreeSkip[] = [];
  const pending: { path: Buffer; key: Buffer }[] = [];
  const list = (path: Buffer, key: Buffer | undefined) => {
    for (const entry of readdirSync(path, { withFileTypes: true, encoding: 'buffer' })) {
      const childPath = Buffer.concat([path, SEPARATOR, entry.name]);
      const childKey = key === undefined ? entry.name : Buffer.concat([key, SLASH, entry.name]);
      if (left?.equals(childPath)) continue;
      if (entry.isDirectory()) pending.push({ path: childPath, key: childKey });
      else addEntry(entry, childPath, childKey, files, skipped);
    }
  };
  try {
    list(top, undefined);
  } catch (error) {
    throw new CommandError('SYSTEM', `cannot read the directory ${root}: ${reasonOf(error)}`);
  }
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    try {
      list(next.path, next.key);
    } catch (error) {
      skipped.push({ key: next.key, reason: reasonOf(error), isLoss: true });
    }
  }
  files.sort((a, b) => Buffer.compare(a.key, b.key));
  skipped.sort((a, b) => Buffer.compare(a.key, b.key));
  let totalBytes = 0;
  for (const file of files) totalBytes += file.sizeBytes;
  return { files, skipped, totalBytes };
}

/** Reads a file of a tree whole; what goes wrong is a reason to skip it. */
export function readTreeFile(file: TreeFile): TreeContent {
  try {
    const descriptor = openSync(file.path, OPEN_FLAGS);
    try {
      const stat = fstatSync(descriptor);
      if (!stat.isFile()) return { skip: skip(file.key, 'not a regular file any more', true) };
      if (stat.size > VALUE_BYTES_MAX) return { skip: tooLarge(file.key) };
      const bytes = readFileSync(descriptor);
      if (bytes.length > VALUE_BYTES_MAX) return { skip: tooLarge(file.key) };
      return { bytes, modifiedMs: stat.mtimeMs };
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    return { skip: skip(file.key, reasonOf(error), true) };
  }
}

function addEntry(
  entry: Dirent<Buffer>,
  path: Buffer,
  key: Buffer,
  files: TreeFile[],
  skipped: TreeSkip[],
): void {
  if (entry.isSymbolicLink()) {
    skipped.push(skip(key, 'symbolic link', false));
  } else if (!entry.isFile()) {
    skipped.push(skip(key, 'not a regular file', false));
  } else if (key.length > KEY_BYTES_MAX) {
    skipped.push(skip(key, `path longer than ${KEY_BYTES_MAX} bytes`, true));
  } else {
    try {
      const { size, mtimeMs, mode } = lstatSync(path);
      if (size > VALUE_BYTES_MAX) skipped.push(tooLarge(key));
      else files.push({ path, key, sizeBytes: size, modifiedMs: mtimeMs, mode });
    } catch (error) {
      skipped.push(skip(key, reasonOf(error), true));
    }
  }
}

function tooLarge(key: Buffer): TreeSkip {
  return skip(key, `larger than ${VALUE_BYTES_MAX / 1_048_576} MiB`, true);
}

function skip(key: Buffer, reason: string, isLoss: boolean): TreeSkip {
  return { key, reason, isLoss };
}

/** The path without links; the path itself where it does not exist. */
function realpathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function reasonOf(error: unknown): string {
  const code = systemCode(error);
  if (code === 'ENOENT') return 'does not exist';
  if (code === 'ENOTDIR') return 'not a directory';
  if (code === 'EACCES' || code === 'EPERM') return 'no permission';
  return isError(error) ? error.message : String(error);
}
