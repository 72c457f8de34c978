/**
 * A process that is killed while it writes.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Db, open } from '../../src/index.ts';
import { describe, sameBytes } from './model.ts';
import { SIGKILL_OPTIONS, type SigkillName, type Step, stepsOf } from './sigkill-plan.ts';

/** How often a process is killed, by the options that it has. */
const ROUNDS: Readonly<Record<SigkillName, number>> = { 'the usual stages': 14, 'every stage': 8 };
const LIFE_MS_MAX = 400;
const childFile = new URL(`./sigkill-child${extname(import.meta.url)}`, import.meta.url);

/** Values by key: what the directory must hold. */
interface Expected {
  readonly first: Map<string, Uint8Array>;
  readonly second: Map<string, Uint8Array>;
}

/** Lets a process write for a while and kills it; returns the number of acknowledged steps. */
async function writeAndKill(
  t: TestContext,
  name: SigkillName,
  directory: string,
  seed: number,
): Promise<number> {
  const file = join(directory, `../acknowledged-${seed}`);
  const child = spawn(
    process.execPath,
    [fileURLToPath(childFile), directory, file, `${seed}`, name],
    { stdio: 'inherit' },
  );
  t.after(() => child.kill('SIGKILL'));
  const exit = once(child, 'exit');
  while (!existsSync(file) || statSync(file).size === 0) {
    assert.equal(child.exitCode, null, 'the process ended by itself');
    await sleep(2);
  }
  await sleep(Math.random() * LIFE_MS_MAX);
  child.kill('SIGKILL');
  const [, signal] = await exit;
  assert.equal(signal, 'SIGKILL');
  return statSync(file).size - 1;
}

function apply(expected: Expected, { key, value, isPair }: Step): void {
  for (const family of isPair ? [expected.first, expected.second] : [expected.first]) {
    if (value === undefined) family.delete(key);
    else family.set(key, value);
  }
}

/** The first difference between a family and what it must hold; undefined without any. */
function difference(
  db: Db,
  columnFamily: string,
  expected: ReadonlyMap<string, Uint8Array>,
): string | undefined {
  let count = 0;
  for (const [bytes, value] of db.entries({ columnFamily })) {
    const key = new TextDecoder().decode(bytes);
    const wanted = expected.get(key);
    if (!sameBytes(value, wanted)) {
      return `${key} in ${columnFamily} has ${describe(value)} instead of ${describe(wanted)}`;
    }
    count++;
  }
  if (count === expected.size) return undefined;
  return `${columnFamily} has ${count} keys instead of ${expected.size}`;
}

/** Compares both families; when they hold the step that was under way as well, applies it. */
function check(db: Db, expected: Expected, underWay: Step): void {
  const misfits = () =>
    difference(db, 'default', expected.first) ?? difference(db, 'second', expected.second);
  const without = misfits();
  if (without === undefined) return;
  apply(expected, underWay);
  const withIt = misfits();
  assert.equal(withIt, undefined, `without the last step: ${without}`);
}

for (const name of Object.keys(ROUNDS) as SigkillName[]) {
  const rounds = ROUNDS[name];
  test(`a process killed ${rounds} times loses no acknowledged write (${name})`, async (t) => {
    const root = mkdtempSync(join(tmpdir(), 'varve-sigkill-'));
    t.after(() => rmSync(root, { recursive: true }));
    const directory = join(root, 'db');
    const expected: Expected = { first: new Map(), second: new Map() };
    let total = 0;
    for (let round = 1; round <= rounds; round++) {
      const count = await writeAndKill(t, name, directory, round);
      const steps = stepsOf(round);
      for (let i = 0; i < count; i++) apply(expected, steps.next().value);
      total += count;
      // Also takes the lock over from the dead process.
      const db = await open(directory, SIGKILL_OPTIONS[name]);
      try {
        check(db, expected, steps.next().value);
        const report = await db.verify();
        assert.deepEqual(report.uncorrectable, [], `round ${round}`);
      } finally {
        await db.close();
      }
    }
    t.diagnostic(`${total} acknowledged writes`);
    assert.ok(total > rounds * 20, `only ${total} writes`);
  });
}
