/**
 * Databases that are opened with a profile.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import type { ProfileName } from '../../src/db/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { PATH } from './helpers.ts';

const MIB = 1_048_576;
const COUNT = 5000;

/** Budgets in MiB. */
const PROFILES: Readonly<Record<ProfileName, number>> = {
  default: 128,
  balanced: 512,
  'write-heavy': 512,
  'low-memory': 16,
};

function write(db: Db): void {
  for (let i = 0; i < COUNT; i++) db.put(`key ${(i * 7919) % COUNT}`, new Uint8Array(400).fill(i));
}

function expectAll(db: Db): void {
  for (let i = 0; i < COUNT; i++) {
    assert.equal(db.get(`key ${(i * 7919) % COUNT}`)?.[399], i & 0xff);
  }
  assert.equal([...db.keys()].length, COUNT);
}

suite('a database with the profile', () => {
  for (const [name, budgetMib] of Object.entries(PROFILES)) {
    const profile = name as ProfileName;

    test(`${name} keeps what is written, and opens with any other profile`, async (t) => {
      const directory = mkdtempSync(join(tmpdir(), 'varve-profile-'));
      t.after(() => rmSync(directory, { recursive: true, force: true }));
      const db = await open(directory, { profile });
      assert.equal(db.stats().memory.budgetBytes, budgetMib * MIB);
      write(db);
      await db.flush();
      write(db);
      await db.compact();
      expectAll(db);
      await db.close();
      const other = profile === 'default' ? 'write-heavy' : 'default';
      const again = await open(directory, { profile: other });
      expectAll(again);
      await again.close();
    });

    test(`${name} works on a file system that no other thread has`, async () => {
      const db = await open(PATH, { fs: new MemoryFs(), profile });
      write(db);
      await db.compact();
      expectAll(db);
      await db.close();
    });
  }
});
