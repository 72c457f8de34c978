/**
 * Targets and databases on a file system that can do no more than it must: no renames, no hard
 * links, no names that are synced, one handle for each file.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { Fs, OpenMode } from '../../src/fs/port.ts';
import { expectState, NumberedWriter, openCopied, SMALL, SOURCE } from '../copy/copy-fixture.ts';
import { code } from '../db/helpers.ts';
import { BACKUPS, backupsIn, portsOf, RESTORED } from './backup-fixture.ts';

/** The least that a file system may offer. */
function least(inner: MemoryFs): Fs {
  const refused = () => {
    throw new VarveError('UNSUPPORTED', 'this file system cannot do that');
  };
  const open = (path: string, mode: OpenMode) => {
    const file = inner.fileAt(path);
    if ((file?.handles ?? 0) > 0) throw new VarveError('IO', `${path} is open already`);
    return inner.open(path, mode);
  };
  const own: Partial<Record<string | symbol, unknown>> = {
    capabilities: {
      hardLinks: false,
      atomicRename: false,
      directorySync: false,
      sharedHandles: false,
    },
    rename: refused,
    link: refused,
    syncDirectory: () => {},
    open,
  };
  return new Proxy(inner, {
    get: (target, name) => {
      if (name in own) return own[name];
      const member = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

test('a closed database is backed up and restored there', async () => {
  const disk = new MemoryFs();
  const fs = least(disk);
  const writer = new NumberedWriter(await openCopied(fs));
  writer.write(200);
  await writer.db.flush();
  writer.write(30);
  await assert.rejects(writer.db.checkpoint('copy'), code('UNSUPPORTED'));
  await writer.db.close();
  const backups = backupsIn(fs, portsOf());
  assert.equal((await backups.createFrom(fs, SOURCE)).seqno, 230);
  assert.equal((await backups.createFrom(fs, SOURCE)).reusedCount > 0, true);
  assert.deepEqual((await backups.verify()).sound, [1, 2]);
  await backups.restore(fs, RESTORED);
  await expectState(disk, RESTORED, SMALL, 230);
  assert.deepEqual((await backups.purge({ keep: 1 })).removed, [1]);
  assert.deepEqual((await backups.verify()).sound, [2]);
  assert.ok(disk.list(BACKUPS).every((name) => !name.endsWith('.part')));
});
