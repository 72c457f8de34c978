/**
 * The database of this page, and what stands beside it: whether it is encrypted, and with which
 * parameters its key is derived.
 * @module
 */
import { isVarveError, openInWorker, type PageDb } from 'varve/browser';
import type { KeyParameters } from './key-protocol.ts';
import { FAMILIES } from './library.ts';
import { checkParameters } from './passphrase.ts';

/** Of the database in OPFS; the file beside it has the same name with an ending. */
export const NAME = 'varve-example';
const BESIDE = `${NAME}.json`;
const EPOCH = 1;

/** What stands beside the database; JSON. */
export interface Beside {
  readonly format: 1;
  /** Undefined for a database in the clear. */
  readonly key?: KeyParameters;
  /** Of the key, as the passphrase gives it. */
  readonly check?: string;
}

type DatabaseOptions = NonNullable<NonNullable<Parameters<typeof openInWorker>[1]>['db']>;
/** What a database tells. */
export type Listener = NonNullable<NonNullable<Parameters<typeof openInWorker>[1]>['onEvent']>;

/**
 * Small tables and levels, so that a folder of some megabytes shows what a large database does;
 * LZ4; parity in every block, and stripes over whole tables.
 */
const SETTINGS: DatabaseOptions = {
  columnFamilies: FAMILIES,
  memoryBudgetBytes: 32 << 20,
  writeBufferBytes: 2 << 20,
  targetTableBytes: 2 << 20,
  baseLevelBytes: 8 << 20,
  levelRatio: 4,
  ecc: { scheme: 'reed-solomon', data: 10, parity: 2, stripe: { data: 20, parity: 2 } },
};

/** @returns undefined where there is no database yet */
export async function readBeside(): Promise<Beside | undefined> {
  const root = await navigator.storage.getDirectory();
  try {
    const file = await (await root.getFileHandle(BESIDE)).getFile();
    return checkBeside(JSON.parse(await file.text()));
  } catch (error) {
    if ((error as DOMException).name === 'NotFoundError') return undefined;
    throw error;
  }
}

/** @throws TypeError unless it is what this page writes */
export function checkBeside(value: unknown): Beside {
  const { format, key, check } = (value ?? {}) as Partial<Beside>;
  if (format !== 1) throw new TypeError('what stands beside the database is of another version');
  if (key === undefined) return { format };
  return { format, key: checkParameters(key), check: String(check) };
}

/**
 * To be called before the database is made: its salt is nowhere else.
 * @returns false if there is one already, which is left alone
 */
export function writeBeside(beside: Beside): Promise<boolean> {
  return navigator.locks.request(BESIDE, async () => {
    if ((await readBeside()) !== undefined) return false;
    const root = await navigator.storage.getDirectory();
    // It is there as a whole when it is closed, and not before.
    const stream = await (await root.getFileHandle(BESIDE, { create: true })).createWritable();
    await stream.write(JSON.stringify(beside));
    await stream.close();
    return true;
  });
}

/** Opens the database, making it if need be; `key` is borrowed. */
export function openVault(key: Uint8Array | undefined, onEvent: Listener): Promise<PageDb> {
  const encryption = key && {
    suite: 'chacha20-poly1305' as const,
    epoch: EPOCH,
    keys: { [EPOCH]: key },
  };
  return openInWorker(NAME, {
    workerUrl: new URL('./db-worker.js', import.meta.url),
    onEvent,
    db: { ...SETTINGS, ...(encryption && { encryption }) },
  });
}

/** Removes the database, which is closed, and what stands beside it. */
export async function eraseVault(): Promise<void> {
  const root = await navigator.storage.getDirectory();
  for (const name of [NAME, BESIDE]) {
    await root.removeEntry(name, { recursive: true }).catch((error: DOMException) => {
      if (error.name !== 'NotFoundError') throw error;
    });
  }
}

/** An error as a sentence for people. */
export function explain(error: unknown): string {
  if (isVarveError(error, 'LOCKED')) return 'Another tab has the database open.';
  if (isVarveError(error, 'NOSPACE')) {
    return 'The browser gives this page no more space. Everything stored can be read.';
  }
  const { message } = error as Error;
  return isVarveError(error) ? `${error.code}: ${message}` : message;
}
