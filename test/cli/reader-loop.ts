/**
 * Runs one reading command after another in this process, beside a writer; tells of each that fails
 * and how many there were: `node reader-loop.js DIRECTORY COUNT NAME...`
 * @module
 */
import { run } from '../../src/cli/program.ts';
import { READING_COMMANDS } from './reading-commands.ts';

const [directory, count, ...names] = process.argv.slice(2) as [string, string, ...string[]];
const write = process.stdout.write.bind(process.stdout);
let pieces: string[] = [];
process.stdout.setMaxListeners(0);
// What a command prints is looked at, not shown.
process.stdout.write = ((piece: string | Uint8Array, ...rest: unknown[]) => {
  pieces.push(String(piece));
  for (const done of rest) if (typeof done === 'function') process.nextTick(done as () => void);
  return true;
}) as typeof process.stdout.write;
process.stderr.write = ((piece: string | Uint8Array) => {
  pieces.push(String(piece));
  return true;
}) as typeof process.stderr.write;

let failed = 0;
for (let i = 0; i < Number(count); i++) {
  for (const name of names) {
    const { args, check } = READING_COMMANDS[name]!;
    pieces = [];
    const exitCode = await run(args(directory));
    const text = pieces.join('');
    try {
      if (exitCode !== 0) throw new Error(`exit code ${exitCode}`);
      check(text);
    } catch (error) {
      failed++;
      write(`${name} ${i}: ${String(error)}\n${text.slice(-500)}\n`);
    }
  }
}
write(`${failed} of ${Number(count) * names.length} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
