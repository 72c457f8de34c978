/**
 * `open` for runtimes with Node's file system API: Node, Deno and Bun.
 * @module
 */
import { nodeCompression } from './compress/node.ts';
import { nodeCrypto } from './crypto/node.ts';
import type { Db } from './db/database.ts';
import { openDatabase } from './db/open.ts';
import type { DbOptions } from './db/options.ts';
import { systemClock, systemHostLoop, systemRandom } from './env/system.ts';
import { nodeThreads } from './executor/node.ts';
import { NodeFs } from './fs/node.ts';

/**
 * Opens a database, and makes it if the directory holds none.
 * @param path the directory, in the terms of `options.fs`: by default one of the local file system
 * @throws TypeError, RangeError for wrong options
 * @throws VarveError `LOCKED` when another process or thread has it open, `CORRUPTION` when files
 * are damaged, `KEY` when a key is missing or wrong, `INVALID` when it must or must not exist,
 * `IO`, `NOSPACE`, `UNSUPPORTED`
 */
export async function open(path: string, options: DbOptions = {}): Promise<Db> {
  return openDatabase(path, options, {
    fs: options?.fs ?? new NodeFs(),
    clock: options?.clock ?? systemClock,
    random: options?.random ?? systemRandom,
    hostLoop: options?.hostLoop ?? systemHostLoop,
    compression: nodeCompression(),
    crypto: nodeCrypto(),
    threads: hasOwnPorts(options) ? undefined : nodeThreads,
  });
}

/** True if threads would work with other ports than the caller wants. */
function hasOwnPorts(options: DbOptions | undefined): boolean {
  const { fs, clock, random } = options ?? {};
  // Every thread can have one of these; a class that extends it may be anything.
  const isOwnFs = fs !== undefined && fs.constructor !== NodeFs;
  return isOwnFs || (clock ?? random) !== undefined;
}
