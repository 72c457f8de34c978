/**
 * Writes as fast as it may, with buffers and tables so small that files come and go all the time,
 * until its input ends: `node busy-writer.js DIRECTORY`. Says so once there is something to read.
 * @module
 */
import { open } from '../../src/index.ts';

const VALUE_BYTES = 400;
const KEYS = 600;
const BURST = 50;

const db = await open(process.argv[2]!, {
  writeBufferBytes: 65_536,
  targetTableBytes: 65_536,
  baseLevelBytes: 131_072,
  levelRatio: 3,
  l0TriggerCount: 2,
  compression: 'none',
  workers: 1,
});
let isEnded = false;
process.stdin.resume();
process.stdin.on('end', () => {
  isEnded = true;
});
for (let i = 0; !isEnded; i++) {
  db.put(`key ${i % KEYS}`, new Uint8Array(VALUE_BYTES).fill(97 + (i % 26)));
  if (i === 4 * KEYS) process.stdout.write('ready\n');
  if (i % BURST === 0) await new Promise((resolve) => setImmediate(resolve));
  if (i % (KEYS * 4) === 0) await db.compact();
}
await db.close();
