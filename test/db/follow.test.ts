/**
 * A reader beside a process that writes and compacts without rest: it follows for many rounds, and
 * each state that it shows, or showed, is one that was written.
 * @module
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Db, open, type Snapshot } from '../../src/index.ts';

const KEYS = 200;
const ROUNDS = 120;

/** The one round of which all keys are. */
function roundOf(db: Db, snapshot?: Snapshot): number {
  const options = snapshot === undefined ? {} : { snapshot };
  const rounds = new Set<number>();
  let count = 0;
  for (const [key, value] of db.entries(options)) {
    rounds.add(Number.parseInt(new TextDecoder().decode(value), 10));
    if (count++ % 50 === 0) assert.deepEqual(db.get(key, options), value);
  }
  assert.equal(count, KEYS);
  assert.equal(rounds.size, 1, `rounds ${[...rounds]} in one state`);
  return [...rounds][0]!;
}

test('a reader follows a writing process and keeps what its snapshots see', async (t) => {
  const base = mkdtempSync(join(tmpdir(), 'varve-follow-'));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  const directory = join(base, 'db');
  const program = new URL(`./follow-writer${extname(import.meta.url)}`, import.meta.url);
  const writer = spawn(process.execPath, [fileURLToPath(program), directory]);
  try {
    await once(writer.stdout, 'data');
    const reader = await open(directory, { readOnly: true });
    const held: { snapshot: Snapshot; round: number }[] = [];
    let newest = roundOf(reader);
    let followed = 0;
    for (let i = 0; i < ROUNDS; i++) {
      await reader.refresh();
      const round = roundOf(reader);
      assert.ok(round >= newest, `${round} after ${newest}`);
      assert.equal(reader.seqno, round * KEYS);
      if (round > newest) followed++;
      newest = round;
      if (i % 10 === 0) held.push({ snapshot: reader.snapshot(), round });
      for (const one of held) assert.equal(roundOf(reader, one.snapshot), one.round);
      if (held.length > 4) held.shift()!.snapshot.release();
    }
    assert.ok(followed > 5, `${followed} of ${ROUNDS} refreshes saw something new`);
    let last = '';
    writer.stdout.on('data', (piece: Buffer) => {
      last += piece;
    });
    writer.stdin.end();
    assert.deepEqual(await once(writer, 'close'), [0, null]);
    assert.equal(await reader.refresh(), Number(last));
    assert.equal(roundOf(reader) * KEYS, Number(last));
    for (const { snapshot, round } of held) assert.equal(roundOf(reader, snapshot), round);
    for (const { snapshot } of held) snapshot.release();
    t.diagnostic(`${followed} of ${ROUNDS} refreshes saw something new, to round ${newest}`);
    await reader.close();
  } finally {
    writer.kill();
  }
});
