/**
 * Whole databases as one file: what is exported is imported, opened where it lies, and unpacked.
 * @module
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { suite, test } from 'node:test';
import {
  exportDatabase,
  exportFileFs,
  importDatabase,
  verifyExport,
} from '../../src/backup/index.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { NodeFs } from '../../src/fs/node.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import {
  COMBINATIONS,
  contentAfter,
  contentOf,
  expectState,
  NumberedWriter,
  openCopied,
  SMALL,
  SOURCE,
  stagesOf,
} from '../copy/copy-fixture.ts';
import { tableNames } from '../db/helpers.ts';
import { exported, filled, inPieces, joined, WRITES } from './export-fixture.ts';

suite('a database that is exported', () => {
  for (const options of COMBINATIONS) {
    test(`is imported, and opens in the file: ${stagesOf(options)}`, async () => {
      const bytes = await exported(options);
      const report = await importDatabase(new MemoryFs(), 'x', inPieces(bytes));
      assert.equal(report.seqno, WRITES);
      const fs = new MemoryFs();
      assert.deepEqual(await importDatabase(fs, 'copies/one', inPieces(bytes)), report);
      assert.deepEqual(await verifyExport(inPieces(bytes)), report);
      await expectState(fs, 'copies/one', options, WRITES);
      const disk = new MemoryFs();
      writeFile(disk, 'file.tar', bytes);
      const file = disk.open('file.tar', 'read');
      const db = await openCopied(exportFileFs(file), { ...options, readOnly: true });
      assert.deepEqual(contentOf(db), contentAfter(WRITES));
      assert.deepEqual((await db.verify()).uncorrectable, []);
      await db.close();
      file.close();
    });
  }

  test('is what it was at the first step, whatever is written meanwhile', async () => {
    const db = await filled();
    const writer = new NumberedWriter(db, WRITES);
    const parts: Uint8Array[] = [];
    for await (const piece of exportDatabase(db)) {
      parts.push(piece);
      writer.write(50);
      await db.compact();
    }
    await db.close();
    const fs = new MemoryFs();
    await importDatabase(fs, 'copy', inPieces(Buffer.concat(parts)));
    await expectState(fs, 'copy', SMALL, WRITES);
  });

  test('gives the same bytes for the same state', async () => {
    const db = await filled();
    assert.deepEqual(await joined(exportDatabase(db)), await joined(exportDatabase(db)));
    await db.close();
  });

  test('comes in any pieces, and tells how far it is', async () => {
    const bytes = await exported();
    const random = new SeededRandom(1);
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (let off = 0; off < bytes.length; ) {
        const length = random.below(random.chance(0.5) ? 3 : 3000);
        yield bytes.subarray(off, off + length);
        off += length;
      }
    }
    const told: number[] = [];
    const fs = new MemoryFs();
    await importDatabase(fs, 'copy', pieces(), {
      onProgress: (bytesDone, bytesTotal) => {
        told.push(bytesDone);
        assert.equal(bytesTotal, bytes.length);
      },
    });
    assert.ok(
      told.length > 10 && told.every((bytesDone, i) => i === 0 || bytesDone > told[i - 1]!),
    );
    assert.ok(told.at(-1)! <= bytes.length);
    await expectState(fs, 'copy', SMALL, WRITES);
  });

  test('is a tar: what tar unpacks is the database, with checksums of each file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'varve-export-'));
    try {
      const path = join(folder, 'file.tar');
      writeFileSync(path, await exported());
      const names = execFileSync('tar', ['-tf', path], { encoding: 'utf8' }).trim().split('\n');
      assert.equal(names[0], 'EXPORT');
      assert.deepEqual(names.slice(-2), ['CURRENT', 'XXH64SUMS']);
      execFileSync('tar', ['-xf', path, '-C', folder]);
      const db = await openCopied(new NodeFs(), { ...SMALL, createIfMissing: false }, folder);
      assert.deepEqual(contentOf(db), contentAfter(WRITES));
      await db.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('goes through streams of Node and of the web', async () => {
    const db = await filled();
    const fs = new MemoryFs();
    await importDatabase(fs, 'node', Readable.from(exportDatabase(db)));
    await importDatabase(fs, 'web', Readable.toWeb(Readable.from(exportDatabase(db))));
    await db.close();
    await expectState(fs, 'node', SMALL, WRITES);
    await expectState(fs, 'web', SMALL, WRITES);
  });
});

suite('an export that is called off', () => {
  test('by its signal, or because nobody reads on, keeps no file', async () => {
    for (const way of ['signal', 'return'] as const) {
      const fs = new MemoryFs();
      const db = await openCopied(fs, SMALL);
      new NumberedWriter(db).write(WRITES);
      await db.flush();
      const controller = new AbortController();
      const pieces = exportDatabase(db, {
        signal: controller.signal,
        onProgress: (bytesDone) => {
          if (bytesDone > 20_000) controller.abort(new RangeError('enough'));
        },
      });
      if (way === 'signal') await assert.rejects(joined(pieces), RangeError);
      else {
        const whole = exportDatabase(db);
        await whole.next();
        await whole.return();
      }
      await db.compact({ bottommost: true });
      const wanted = db.stats().tableCount;
      assert.equal(tableNames(fs).length, wanted);
      await db.close();
    }
  });

  test('does not begin with a signal that is aborted', async () => {
    const db = await filled();
    const signal = AbortSignal.abort(new RangeError('enough'));
    await assert.rejects(joined(exportDatabase(db, { signal })), RangeError);
    await assert.rejects(joined(exportDatabase(db, { other: 1 } as never)), TypeError);
    await db.close();
    await assert.rejects(joined(exportDatabase(db)), { code: 'CLOSED' });
  });

  test('leaves nothing of an import', async () => {
    const bytes = await exported();
    const fs = new MemoryFs();
    const controller = new AbortController();
    const importing = importDatabase(fs, 'copy', inPieces(bytes, 512), {
      signal: controller.signal,
      onProgress: (bytesDone) => {
        if (bytesDone > 20_000) controller.abort(new RangeError('enough'));
      },
    });
    await assert.rejects(importing, RangeError);
    assert.deepEqual(
      fs.list('copy').filter((name) => !name.startsWith('LOCK')),
      [],
    );
    await importDatabase(fs, 'copy', inPieces(bytes));
    await expectState(fs, 'copy', SMALL, WRITES);
  });

  test('refuses a directory with a database, and leaves that alone', async () => {
    const bytes = await exported();
    const fs = new MemoryFs();
    await importDatabase(fs, SOURCE, inPieces(bytes));
    await assert.rejects(importDatabase(fs, SOURCE, inPieces(bytes)), { code: 'INVALID' });
    await expectState(fs, SOURCE, SMALL, WRITES);
  });
});

function writeFile(fs: MemoryFs, path: string, bytes: Uint8Array): void {
  const file = fs.open(path, 'create');
  file.write(bytes, 0, bytes.length, 0);
  file.close();
}
