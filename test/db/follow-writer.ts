/**
 * A process that writes numbered entries for as long as its input is open: every key has the number
 * of the same round, which is told when it is through; flushes and compactions go on meanwhile.
 * @module
 */
import { setImmediate } from 'node:timers/promises';
import { open, WriteBatch } from '../../src/index.ts';

const KEYS = 200;

const db = await open(process.argv[2]!, {
  writeBufferBytes: 65_536,
  targetTableBytes: 65_536,
  l0TriggerCount: 2,
});
let isEnded = false;
process.stdin.resume();
process.stdin.on('end', () => {
  isEnded = true;
});
for (let round = 1; !isEnded; round++) {
  const batch = new WriteBatch();
  for (let i = 0; i < KEYS; i++) batch.put(`key ${i}`, `${round} `.padEnd(200, 'x'));
  await db.writeAsync(batch);
  if (round === 1) process.stdout.write('begun\n');
  if (round % 20 === 0) await db.compact();
  await setImmediate();
}
process.stdout.write(`${db.seqno}\n`);
await db.close();
