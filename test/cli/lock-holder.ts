/**
 * Holds a database open for writing, says so, and ends with its input.
 * @module
 */
import { open } from '../../src/index.ts';

const db = await open(process.argv[2]!);
db.put('held', 'yes');
process.stdout.write('open\n');
process.stdin.resume();
process.stdin.on('end', () => db.close());
