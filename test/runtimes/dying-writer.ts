/**
 * Opens the database that is named, writes to it, says so, and waits to be killed.
 * @module
 */
import { open } from '../../src/index.ts';

const db = await open(process.argv[2]!, { writeBufferBytes: 65_536 });
for (let n = 0; n < 2000; n++) db.put(`key ${n}`, new Uint8Array(100).fill(n));
process.stdout.write('written\n');
setInterval(() => db.put('alive', 'yes'), 50);
