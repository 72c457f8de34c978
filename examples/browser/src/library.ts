/**
 * Files in a database, in three column families:
 *
 *     content   path             the bytes of the file
 *     about     path             JSON: size, type, time of change
 *     words     word 0x00 path   nothing: the index of the search
 *
 * All that concerns a file is written in one batch, so its index is never behind. Keys are UTF-8,
 * so files of a folder stand together, and a folder is listed without what is in its folders.
 * @module
 */
import type { BatchOperation, PageDb } from 'varve/browser';
import { indexWords, wordsOf } from './words.ts';

const CONTENT = 'content';
/** The family that says which files there are. */
export const ABOUT = 'about';
const WORDS = 'words';

/** Families of a library, to be there from the beginning. */
export const FAMILIES: readonly string[] = [CONTENT, ABOUT, WORDS];

/** What is known of a file. */
export interface About {
  readonly sizeBytes: number;
  /** As the browser or the system has guessed it; may be empty. */
  readonly type: string;
  readonly modifiedMs: number;
}

/** A line of a list. */
export type Row =
  | { readonly kind: 'folder'; readonly path: string }
  | ({ readonly kind: 'file'; readonly path: string } & About);

/** A file to be stored. */
export interface NewFile extends Omit<About, 'sizeBytes'> {
  readonly path: string;
  readonly content: Uint8Array;
}

/** Part of a list. */
export interface Listing {
  readonly rows: readonly Row[];
  /** Where the next part begins; undefined at the end. */
  readonly next: string | undefined;
}

/** What a search has found. */
export interface Found {
  readonly rows: readonly Row[];
  /** Entries of the index that were read. */
  readonly entriesRead: number;
  /** More was found than is shown. */
  readonly isCut: boolean;
}

const LISTED_MAX = 200;
/** Entries to ask for at first: the next one may be in a folder, which is passed over. */
const STEP_MIN = 8;
const FOUND_MAX = 200;
/** Paths that are noted for a word of a search. */
const MATCHES_MAX = 20_000;
/** Files that one batch removes. */
const REMOVED_FILES = 64;

const decoder = new TextDecoder();
const NOTHING = new Uint8Array(0);

/** See the module head. */
export class Library {
  readonly #db: PageDb;

  constructor(db: PageDb) {
    this.#db = db;
  }

  /** Stores files, each of another path, in one batch; files of these paths are replaced. */
  async store(files: readonly NewFile[]): Promise<void> {
    const before = await this.#indexed(files.map(({ path }) => path));
    const operations: BatchOperation[] = [];
    for (const [i, { path, content, type, modifiedMs }] of files.entries()) {
      const about: About = { sizeBytes: content.length, type, modifiedMs };
      const words = new Set(indexWords(path, content));
      for (const word of before[i]!) if (!words.has(word)) operations.push(unindexed(word, path));
      for (const word of words) operations.push(indexed(word, path));
      const value = JSON.stringify(about);
      operations.push({ type: 'put', key: path, value, columnFamily: ABOUT });
      operations.push({ type: 'put', key: path, value: content, columnFamily: CONTENT });
    }
    await this.#db.write(operations);
  }

  /** @returns its bytes, or undefined if it is gone */
  read(path: string): Promise<Uint8Array | undefined> {
    return this.#db.get(path, { columnFamily: CONTENT });
  }

  /** @returns what is known of a file, or undefined if it is gone */
  async about(path: string): Promise<About | undefined> {
    const value = await this.#db.get(path, { columnFamily: ABOUT });
    return value && (JSON.parse(decoder.decode(value)) as About);
  }

  /**
   * Folders and files of a folder, in the order of their paths.
   * @param folder its path with the slash at the end; '' for all
   * @param from `next` of the part before
   */
  async list(folder: string, from?: string, signal?: AbortSignal): Promise<Listing> {
    const rows: Row[] = [];
    let start = from;
    let limit = STEP_MIN;
    while (rows.length < LISTED_MAX) {
      const entries = await this.#abouts(folder, start, limit, signal);
      let inner: string | undefined;
      for (const [path, about] of entries) {
        start = `${path}\0`;
        inner = folderIn(folder, path);
        rows.push(inner === undefined ? { kind: 'file', path, ...about } : folderRow(inner));
        if (inner !== undefined) break;
      }
      if (inner !== undefined) {
        // '0' follows '/': the first key that is not in the folder.
        start = `${inner.slice(0, -1)}0`;
        limit = STEP_MIN;
      } else if (entries.length < limit) {
        return { rows, next: undefined };
      } else {
        limit = Math.min(limit * 2, LISTED_MAX);
      }
    }
    return { rows, next: start };
  }

  async #abouts(
    prefix: string,
    start: string | undefined,
    limit: number,
    signal: AbortSignal | undefined,
  ): Promise<[path: string, about: About][]> {
    const range = {
      ...{ columnFamily: ABOUT, prefix, limit },
      ...(start !== undefined && { gte: start }),
      ...(signal !== undefined && { signal }),
    };
    const found: [string, About][] = [];
    for await (const [key, value] of this.#db.entries(range)) {
      found.push([decoder.decode(key), JSON.parse(decoder.decode(value)) as About]);
    }
    return found;
  }

  /** Files in which each word of the query begins a word of the name or the text. */
  async search(query: string, signal: AbortSignal): Promise<Found> {
    let paths: Set<string> | undefined;
    let entriesRead = 0;
    for (const word of wordsOf(query)) {
      const matches = new Set<string>();
      const range = { columnFamily: WORDS, prefix: word, limit: MATCHES_MAX, signal };
      for await (const [key] of this.#db.entries(range)) {
        entriesRead++;
        const path = decoder.decode(key.subarray(key.indexOf(0) + 1));
        if (paths === undefined || paths.has(path)) matches.add(path);
      }
      paths = matches;
      if (paths.size === 0) break;
    }
    const found = [...(paths ?? [])].sort();
    const shown = found.slice(0, FOUND_MAX);
    const abouts = await this.#db.getMany(shown, { columnFamily: ABOUT, signal });
    const rows = shown.flatMap((path, i): Row[] => {
      const value = abouts[i];
      if (value === undefined) return [];
      return [{ kind: 'file', path, ...(JSON.parse(decoder.decode(value)) as About) }];
    });
    return { rows, entriesRead, isCut: found.length > shown.length };
  }

  /**
   * Removes a file, or all files of a folder if the path ends with a slash.
   * @returns how many files were removed
   */
  async remove(path: string): Promise<number> {
    if (!path.endsWith('/')) {
      await this.#removeAll([path]);
      return 1;
    }
    let count = 0;
    for (;;) {
      const paths: string[] = [];
      const range = { columnFamily: ABOUT, prefix: path, limit: REMOVED_FILES };
      for await (const [key] of this.#db.entries(range)) paths.push(decoder.decode(key));
      if (paths.length === 0) return count;
      await this.#removeAll(paths);
      count += paths.length;
    }
  }

  async #removeAll(paths: readonly string[]): Promise<void> {
    const words = await this.#indexed(paths);
    const operations = paths.flatMap((path, i): BatchOperation[] => [
      { type: 'delete', key: path, columnFamily: ABOUT },
      { type: 'delete', key: path, columnFamily: CONTENT },
      ...words[i]!.map((word) => unindexed(word, path)),
    ]);
    await this.#db.write(operations);
  }

  /** The words under which files are found now; none for those that are not there. */
  async #indexed(paths: readonly string[]): Promise<readonly string[][]> {
    const contents = await this.#db.getMany(paths, { columnFamily: CONTENT });
    return contents.map((content, i) =>
      content === undefined ? [] : indexWords(paths[i]!, content),
    );
  }
}

/** The folder in `folder` that a file is in; undefined if it is in `folder` itself. */
function folderIn(folder: string, path: string): string | undefined {
  const slash = path.indexOf('/', folder.length);
  return slash < 0 ? undefined : path.slice(0, slash + 1);
}

function folderRow(path: string): Row {
  return { kind: 'folder', path };
}

function indexed(word: string, path: string): BatchOperation {
  return { type: 'put', key: `${word}\0${path}`, value: NOTHING, columnFamily: WORDS };
}

function unindexed(word: string, path: string): BatchOperation {
  return { type: 'delete', key: `${word}\0${path}`, columnFamily: WORDS };
}
