/**
 * Works on a database of many tables while little more than `FREE` descriptors of the process are
 * free: `node few-descriptors.js DIRECTORY FREE MODE`, with the mode `read` or `write`. The rest is
 * taken by files of its own. Prints `well` if everything went well.
 * @module
 */
import { closeSync, openSync, readdirSync } from 'node:fs';
import { open } from '../../src/index.ts';

const COUNT = 12_000;
const VALUE = new Uint8Array(800).fill(7);
const [directory, free, mode] = process.argv.slice(2) as [string, string, string];

function keyAt(i: number): string {
  return `key ${String(i).padStart(6, '0')}`;
}

/** Takes descriptors until that many are left of the limit. */
function takeAllBut(count: number): void {
  const taken: number[] = [];
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch {
    for (const fd of taken.slice(-count)) closeSync(fd);
  }
}

const settings = {
  writeBufferBytes: 65_536,
  targetTableBytes: 65_536,
  compression: 'none',
} as const;
if (readdirSync(directory).length === 0) {
  const db = await open(directory, settings);
  for (let i = 0; i < COUNT; i++) db.put(keyAt(i), VALUE);
  await db.compact();
  await db.close();
}
const db = await open(directory, { ...settings, readOnly: mode === 'read' });
// The threads of a writer are there, as in a process that has worked for a while.
if (mode === 'write') {
  for (let i = 0; i < COUNT; i += 3) db.put(keyAt(i), VALUE);
  await db.flush();
}
takeAllBut(Number(free));
for (let round = 0; round < 2; round++) {
  if ([...db.keys()].length !== COUNT) throw new Error('entries are missing');
  for (let i = 0; i < COUNT; i += 11) {
    if (db.get(keyAt(i))?.length !== VALUE.length) throw new Error(`${keyAt(i)} is missing`);
  }
  if ((await db.verify()).uncorrectable.length > 0) throw new Error('damage was found');
  if (mode === 'read') continue;
  for (let i = 0; i < COUNT; i += 2) db.put(keyAt(i), VALUE);
  await db.flush();
  await db.compact();
  if (db.stats().backgroundError !== undefined) throw new Error(db.stats().backgroundError);
}
await db.close();
const again = await open(directory, { ...settings, readOnly: true });
if ([...again.keys()].length !== COUNT) throw new Error('entries are missing');
await again.close();
process.stdout.write('well\n');
