/**
 * Writes to a database until it is killed: `<directory> <file for acknowledgements> <seed> <name
 * of the options>`. The file grows by one byte when the database is open, and by one after each
 * acknowledged step. Ends by itself when its parent is gone.
 * @module
 */
import { openSync, writeSync } from 'node:fs';
import { open, WriteBatch } from '../../src/index.ts';
import { SIGKILL_OPTIONS, type SigkillName, stepsOf } from './sigkill-plan.ts';

const [directory, acknowledgements, seed, name] = process.argv.slice(2) as [
  string,
  string,
  string,
  SigkillName,
];
const file = openSync(acknowledgements, 'a');
const one = Uint8Array.of(1);
const parent = process.ppid;
const db = await open(directory, SIGKILL_OPTIONS[name]);
const second = db.columnFamily('second');
const batch = new WriteBatch();
writeSync(file, one);
for (const { key, value, isPair, sync, awaits } of stepsOf(Number(seed))) {
  if (isPair) {
    batch.clear();
    if (value === undefined) batch.delete(key).delete(key, second);
    else batch.put(key, value).put(key, value, second);
    db.write(batch, { sync });
  } else if (value === undefined) {
    db.delete(key, { sync });
  } else {
    db.put(key, value, { sync });
  }
  writeSync(file, one);
  if (process.ppid !== parent) process.exit(1);
  if (awaits === 'sync') await db.sync();
  if (awaits === 'flush') await db.flush();
}
