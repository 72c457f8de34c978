/**
 * Writes to a database for as long as its input is open, some hundred entries a second; says so
 * once there are tables.
 * @module
 */
import { open } from '../../src/index.ts';

const VALUE_BYTES = 500;
const BATCH = 20;
const PAUSE_MS = 10;

const db = await open(process.argv[2]!, { writeBufferBytes: 65_536, columnFamilies: ['other'] });
let isEnded = false;
process.stdin.resume();
process.stdin.on('end', () => {
  isEnded = true;
});
let isTold = false;
for (let i = 0; !isEnded; i++) {
  db.put(`key ${(i * 7919) % 5000}`, new Uint8Array(VALUE_BYTES).fill(i));
  if (i % BATCH === 0) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  if (isTold || db.stats().tableCount === 0) continue;
  isTold = true;
  process.stdout.write('tables\n');
}
await db.close();
