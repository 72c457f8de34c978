/**
 * Databases in memory for the tests of `varve/level`.
 * @module
 */
import { type DatabaseOptions, VarveLevel } from '../../src/adapters/level.ts';
import { type Fs, MemoryFs } from '../../src/index.ts';

/** An open database in a memory file system of its own, unless `options` names one. */
export async function openLevel<K = string, V = string>(
  options: DatabaseOptions<K, V> = {},
): Promise<VarveLevel<K, V>> {
  const db = new VarveLevel<K, V>('db', { fs: new MemoryFs(), ...options });
  await db.open();
  return db;
}

/** Opens a database, calls `use` and closes it. */
export async function withLevel<K = string, V = string>(
  options: DatabaseOptions<K, V>,
  use: (db: VarveLevel<K, V>) => Promise<void>,
): Promise<void> {
  const db = await openLevel<K, V>(options);
  try {
    await use(db);
  } finally {
    await db.close();
  }
}

/** Puts `count` entries: keys of four digits, each with its own key as value. */
export async function fill(db: VarveLevel, count: number): Promise<void> {
  const operations = Array.from({ length: count }, (_, i) => {
    const key = String(i).padStart(4, '0');
    return { type: 'put' as const, key, value: key };
  });
  await db.batch(operations);
}

/** Changes one byte in every file of that name, at a share of its size. */
export function damage(fs: Fs, directory: string, pattern: RegExp, at: number): void {
  for (const name of fs.list(directory).filter((each) => pattern.test(each))) {
    const file = fs.open(`${directory}/${name}`, 'update');
    const byte = new Uint8Array(1);
    const position = Math.floor(file.size() * at);
    file.read(byte, 0, 1, position);
    byte[0]! ^= 0xff;
    file.write(byte, 0, 1, position);
    file.close();
  }
}

/** How often the event loop turned while `work` ran. */
export async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isDone = false;
  const count = () => {
    turns++;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  await work();
  isDone = true;
  return turns;
}
