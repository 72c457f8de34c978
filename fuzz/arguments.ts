/**
 * Fuzz target: what callers and users get wrong. Options of `open` of every kind are refused with a
 * TypeError, a RangeError or a VarveError, or give a database that works; arguments of the command
 * give an exit code and a message, never a stack trace or an internal error.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { run } from '../src/cli/program.ts';
import type { DbOptions } from '../src/db/options.ts';
import { isVarveError } from '../src/errors.ts';
import { MemoryFs, open } from '../src/index.ts';
import { SeededRandom } from '../src/testing/seeded-random.ts';
import { testKeys } from '../test/block/pipelines.ts';

const KEYS = testKeys(1);
/** What options may be given, right or wrong; nothing that asks for much memory and is right. */
const VALUES: readonly unknown[] = [
  ...[0, 1, -1, 2.5, 16, 512, 4096, 65_536, 2 ** 31, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY],
  ...[undefined, null, true, false, '', 'none', 'lz4', 'zstd', 'skip', 'leveled', 'fifo', '16', 5n],
  ...[[], [0], ['lz4', 'none'], {}, { codec: 'zstd', level: 1 }, { codec: 'lz5' }, () => 1],
  ...[
    { scheme: 'xor', data: 4 },
    { scheme: 'none', stripe: { data: 4, parity: 1 } },
  ],
  ...[
    { scheme: 'secded', stripe: 7 },
    { scheme: 'reed-solomon', data: 4, parity: 2, more: 1 },
  ],
  ...[
    { suite: 'aes-256-gcm', epoch: 1, keys: KEYS },
    { suite: 'aes-256-gcm', keys: {} },
  ],
  ...[{ policy: 'size-tiered' }, { policy: 'fifo', sizeBytesMax: -1 }, { a: { ecc: 3 } }],
  ...[new Uint8Array(3), Symbol('s'), new Date(0)],
];
const NAMES: readonly (keyof DbOptions | string)[] = [
  ...['blockSizeBytes', 'restartInterval', 'filterBitsPerKey', 'targetTableBytes', 'ecc'],
  ...['compression', 'encryption', 'entryChecksums', 'columnFamilies', 'walRecovery', 'wal'],
  ...['walCompression', 'createIfMissing', 'errorIfExists', 'readOnly', 'onEvent', 'compaction'],
  ...['levelRatio', 'baseLevelBytes', 'l0TriggerCount', 'l0StopCount', 'blockCacheBytes'],
  ...['openTablesMax', 'rateLimitBytesPerSecond', 'allowForeignFiles', 'profile', 'no such name'],
];
const COMMANDS = ['get', 'put', 'del', 'scan', 'export', 'stats', 'verify', 'inspect', 'compact'];
const MORE_COMMANDS = ['scrub', 'checkpoint', 'backup', 'completion', 'nonsense', ''];
/** Not among them: what waits for a terminal, or for changes; and a zero, which no argument has. */
const WORDS: readonly string[] = [
  ...[
    'k',
    '',
    '-',
    '--',
    '-x',
    '--json',
    '--no-such',
    '--limit',
    '0',
    '-1',
    '1e9',
    'NaN',
    '--prefix',
  ],
  ...['--reverse', '--gt', '--lt', '--encoding', 'hex', 'zz', 'base64', '--column-family', 'other'],
  ...['--ecc', 'rs:4,2', 'xor:3+stripe:4,1', 'none+stripe:99,1', '--compression', 'zstd:99', 'lz4'],
  ...['--key-file', '/nonexistent/key', '--key-epoch', '70000', '--suite', '--help', '--version'],
  ...['--block', 'header', '--heal', '--keys-only', '--output', '\ufffd', 'ключ', '💾'],
];
const EXIT_CODE_MAX = 4;

/**
 * Opens a database with random options and runs the command with random arguments, `runs` times
 * each, into nothing but an empty directory that is removed.
 * @returns openings and commands that were refused
 * @throws Error that names the run, for anything that is a bug
 */
export async function fuzzArguments(
  seed: number,
  runs: number,
): Promise<{ optionsRefused: number; commandsRefused: number }> {
  const random = new SeededRandom(seed);
  const counts = { optionsRefused: 0, commandsRefused: 0 };
  const directory = mkdtempSync(join(tmpdir(), 'varve-fuzz-'));
  const home = process.cwd();
  // Any word may be the name of a file that is written.
  process.chdir(directory);
  try {
    for (let number = 0; number < runs; number++) {
      const options = randomOptions(random);
      const args = randomArguments(directory, random);
      try {
        if (!(await opens(options))) counts.optionsRefused++;
        if ((await exitCodeOf(args)) > 0) counts.commandsRefused++;
      } catch (cause) {
        const given = `${String(Object.entries(options).map(describe))}; ${JSON.stringify(args)}`;
        throw new Error(`seed ${seed}, run ${number}, ${given}: ${String(cause)}`, { cause });
      }
    }
  } finally {
    process.chdir(home);
    rmSync(directory, { recursive: true, force: true });
  }
  return counts;
}

function describe([name, value]: [string, unknown]): string {
  const shown = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return `${name}: ${shown}`;
}

function randomOptions(random: SeededRandom): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (let left = 1 + random.below(3); left > 0; left--) {
    const name = NAMES[random.below(NAMES.length)]!;
    options[name] = VALUES[random.below(VALUES.length)];
  }
  return options;
}

/** @returns false if the options are refused as they may be */
async function opens(options: Record<string, unknown>): Promise<boolean> {
  try {
    const db = await open('db', { fs: new MemoryFs(), ...options } as DbOptions);
    db.put('k', 'v');
    assert.equal(Buffer.from(db.get('k') ?? []).toString(), 'v');
    await db.close();
    return true;
  } catch (error) {
    const { name, code } = error as { name?: string; code?: string };
    // Checks of Node itself have codes of their own.
    const isMistake = (name === 'TypeError' || name === 'RangeError') && code === undefined;
    if (isMistake || isVarveError(error)) return false;
    throw error;
  }
}

function randomArguments(directory: string, random: SeededRandom): string[] {
  const commands = random.chance(0.9) ? COMMANDS : MORE_COMMANDS;
  const args = [commands[random.below(commands.length)]!];
  if (random.chance(0.9)) args.push(join(directory, random.chance(0.8) ? 'db' : 'other'));
  for (let left = random.below(5); left > 0; left--) {
    args.push(WORDS[random.below(WORDS.length)]!);
  }
  return args;
}

/** Runs the command here; what it prints is held back and looked at. */
async function exitCodeOf(args: readonly string[]): Promise<number> {
  const { stdout, stderr } = process;
  // Each command listens for a reader who goes away.
  stdout.setMaxListeners(0);
  const write = { out: stdout.write, err: stderr.write };
  const stdin = Object.getOwnPropertyDescriptor(process, 'stdin')!;
  // Some commands read what comes in: it must end.
  const input = Readable.from([Buffer.from('input')]);
  Object.defineProperty(process, 'stdin', { value: input, configurable: true });
  let errors = '';
  const swallow = (sink: (text: string) => void) =>
    ((chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
      sink(String(chunk));
      const done = rest.at(-1);
      if (typeof done === 'function') done();
      return true;
    }) as typeof stdout.write;
  stdout.write = swallow(() => undefined);
  stderr.write = swallow((text) => {
    errors += text;
  });
  try {
    const code = await run(args);
    assert.ok(code >= 0 && code <= EXIT_CODE_MAX, `exit code ${code}`);
    assert.ok(!/\n {4}at |INTERNAL|internal error/.test(errors), errors);
    assert.ok(code === 0 || errors.length > 0, 'a failure is told');
    return code;
  } finally {
    Object.defineProperty(process, 'stdin', stdin);
    stdout.write = write.out;
    stderr.write = write.err;
  }
}
