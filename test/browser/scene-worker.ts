/**
 * The worker of a tab of the scenes: has a database in OPFS, and does with it what it is told.
 * @module
 */
import { isVarveError, mountOpfs } from '../../src/core.ts';
import { check, keyAt, SMALL } from '../executor/browser-world.ts';
import { OpfsWorld } from '../fs/opfs-world.ts';

/** What the page sends. */
export interface SceneOrder {
  readonly verb: SceneVerb;
  readonly args: readonly unknown[];
}

/** What comes back. */
export interface SceneAnswer {
  readonly value?: unknown;
  readonly error?: string;
}

const VALUE_BYTES = 4000;
const OPTIONS = { ...SMALL, compression: 'none', scrub: false } as const;

let world: OpfsWorld | undefined;
/** A file of the browser that somebody holds who knows nothing of mounts. */
let raw: { close(): void } | undefined;
let count = 0;

function open(): OpfsWorld {
  check(world !== undefined, 'a database is open');
  return world;
}

function valueAt(n: number): Uint8Array {
  return new Uint8Array(VALUE_BYTES).fill(n % 251);
}

/** Failures of the engine are answers: their codes, with what they say. */
async function told(work: () => unknown): Promise<unknown> {
  try {
    return await work();
  } catch (error) {
    if (!isVarveError(error)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

const VERBS = {
  /** Opens the database of a directory; tells how many entries it has, all of them sound. */
  async open(directory: string): Promise<number> {
    world = await OpfsWorld.open(directory, OPTIONS);
    count = VERBS.read();
    return count;
  },

  /** Only mounts a directory, and gives it back. */
  async mount(directory: string): Promise<string> {
    const fs = await mountOpfs({ directory });
    await fs.close();
    return 'mounted';
  },

  /** Holds a file of the browser, as a program might that is none of ours. */
  async hold(directory: string, name: string): Promise<string> {
    const root = await navigator.storage.getDirectory();
    const file = await (await root.getDirectoryHandle(directory)).getFileHandle(name);
    raw = await (
      file as unknown as { createSyncAccessHandle(): Promise<{ close(): void }> }
    ).createSyncAccessHandle();
    return 'held';
  },

  /** Writes entries, each synced. */
  async write(more: number): Promise<number> {
    for (let n = 0; n < more; n++) {
      open().db.put(keyAt(count), valueAt(count), { sync: true });
      count++;
      if (n % 16 === 15) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    return count;
  },

  /** Reads every entry; tells how many there are: 0 to n-1, each with its value. */
  read(): number {
    let n = 0;
    for (const [key, value] of open().db.entries()) {
      const isRight = new TextDecoder().decode(key) === keyAt(n) && value[0] === n % 251;
      check(isRight && value.length === VALUE_BYTES, `entry ${n} is ${key}`);
      n++;
    }
    return n;
  },

  /** Tells how many entries were acknowledged. */
  acknowledged(): number {
    return count;
  },

  async resume(): Promise<string> {
    await open().db.resume();
    return 'resumed';
  },

  async close(): Promise<string> {
    const { fs, db } = open();
    world = undefined;
    try {
      await db.close();
    } finally {
      await fs.close();
    }
    return 'closed';
  },

  release(): string {
    raw?.close();
    return 'released';
  },

  hasSharedMemory(): boolean {
    return typeof SharedArrayBuffer !== 'undefined';
  },
};

/** Something that a scene may order. */
export type SceneVerb = keyof typeof VERBS;

addEventListener('message', async ({ data: { verb, args } }: MessageEvent<SceneOrder>) => {
  let answer: SceneAnswer;
  try {
    const run = VERBS[verb] as (...all: readonly unknown[]) => unknown;
    answer = { value: await told(() => run(...args)) };
  } catch (error) {
    answer = { error: String((error as Error).stack ?? error) };
  }
  postMessage(answer);
});
