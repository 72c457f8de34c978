/**
 * Export files that are damaged, cut short, or were made to harm: a typed error, and nothing is
 * left of what was imported until then.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { exportFileFs, importDatabase, verifyExport } from '../../src/backup/index.ts';
import { tarHeader, tarPadding, tarSize } from '../../src/backup/tar.ts';
import { loadChecksum } from '../../src/block/checksum.ts';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { Fs, ReadableFile } from '../../src/fs/port.ts';
import { expectState, SMALL } from '../copy/copy-fixture.ts';
import { cutEverywhere, failEverywhere } from '../copy/trouble.ts';
import { exported, inPieces, WRITES } from './export-fixture.ts';

await loadChecksum();

const CODES = ['CORRUPTION', 'INVALID', 'UNSUPPORTED'];
/** Bytes of contents that are left out between two that are changed. */
const STRIDE = 97;

const BYTES = await exported();

/** Rejects with an error that a damaged file may lead to. */
async function expectRefused(bytes: Uint8Array, what: string): Promise<void> {
  await assert.rejects(verifyExport(inPieces(bytes)), (error) => {
    assert.ok(isVarveError(error) && CODES.includes(error.code), `${what}: ${error}`);
    return true;
  });
}

function namesLeft(fs: Fs): string[] {
  return fs.exists('copy') ? fs.list('copy').filter((name) => !name.startsWith('LOCK')) : [];
}

function fileOf(bytes: Uint8Array): ReadableFile {
  const fs = new MemoryFs();
  const file = fs.open('file', 'create');
  file.write(bytes, 0, bytes.length, 0);
  return file;
}

/** Offsets of all members' headers. */
function headers(): number[] {
  const offsets: number[] = [];
  for (let off = 0; BYTES[off] !== 0; ) {
    offsets.push(off);
    const size = tarSize(BYTES.subarray(off, off + 512))!;
    off += 512 + size + tarPadding(size);
  }
  return offsets;
}

/** An export file that begins with this text, in place of the list. */
function forged(text: string): Uint8Array {
  const body = new TextEncoder().encode(text);
  const header = tarHeader({ name: 'EXPORT', sizeBytes: body.length });
  const rest = new Uint8Array(tarPadding(body.length));
  return Buffer.concat([header, body, rest, BYTES.subarray(1024)]);
}

function list(files: unknown, more: object = {}): string {
  const databaseId = '00'.repeat(16);
  return JSON.stringify({ format: 'varve export 1', databaseId, seqno: 1, files, ...more });
}

suite('an export file', () => {
  test('of which any byte is changed is refused', async () => {
    const begins = headers();
    const isHeader = (off: number): boolean => begins.some((at) => off >= at && off < at + 1024);
    let count = 0;
    for (let off = 0; off < BYTES.length; off++) {
      if (!isHeader(off) && off % STRIDE !== 0 && off < BYTES.length - 2048) continue;
      if (isHeader(off) && off > 2048 && off % 5 !== 0) continue;
      const bytes = BYTES.slice();
      bytes[off]! ^= 1 << (off % 8);
      await expectRefused(bytes, `byte ${off}`);
      count++;
    }
    assert.ok(count > 2000, `${count} bytes`);
  });

  test('that is cut short anywhere, or goes on, leaves nothing', async () => {
    const lengths = [0, 1, 511, 512, 513, 1024, BYTES.length - 1024, BYTES.length - 1];
    for (let length = 700; length < BYTES.length; length += 2311) lengths.push(length);
    for (const length of lengths) {
      const fs = new MemoryFs();
      const source = inPieces(BYTES.subarray(0, length));
      const code = length < 512 ? 'INVALID' : 'CORRUPTION';
      await assert.rejects(importDatabase(fs, 'copy', source), { code }, `${length} bytes`);
      assert.deepEqual(namesLeft(fs), []);
      assert.throws(() => exportFileFs(fileOf(BYTES.subarray(0, length))), isVarveError);
    }
    const longer = Buffer.concat([BYTES, new Uint8Array(512)]);
    await expectRefused(longer, 'longer');
    assert.throws(() => exportFileFs(fileOf(longer)), { code: 'CORRUPTION' });
  });

  test('that names files of no database is refused, and nothing is written', async () => {
    const current = { name: 'CURRENT', sizeBytes: 100 };
    const lists: unknown[] = [
      [{ name: '../evil', sizeBytes: 1 }, current],
      [{ name: '/etc/passwd', sizeBytes: 1 }, current],
      [{ name: 'LOCK', sizeBytes: 1 }, current],
      [{ name: 'UNFINISHED', sizeBytes: 1 }, current],
      [{ name: 'SCRUB', sizeBytes: 1 }, current],
      [{ name: 'CURRENT.new', sizeBytes: 1 }, current],
      [{ name: '000001.sst/x', sizeBytes: 1 }, current],
      [{ name: '000001.sst', sizeBytes: 1 }, { name: '000001.sst', sizeBytes: 1 }, current],
      [current, { name: '000001.sst', sizeBytes: 1 }],
      [{ name: '000001.sst', sizeBytes: -1 }, current],
      [{ name: '000001.sst', sizeBytes: 1e300 }, current],
      [{ name: 'CURRENT', sizeBytes: 2 ** 40 }],
      [],
      [null],
      {},
      undefined,
    ];
    for (const files of lists) {
      const fs = new MemoryFs();
      const bytes = forged(list(files));
      await assert.rejects(importDatabase(fs, 'copy', inPieces(bytes)), { code: 'CORRUPTION' });
      assert.throws(() => exportFileFs(fileOf(bytes)), { code: 'CORRUPTION' });
      assert.ok(!fs.exists('copy'));
    }
    for (const text of ['', '{', '7', 'null', '[]', '{"format":"other"}']) {
      await assert.rejects(verifyExport(inPieces(forged(text))), { code: 'INVALID' }, text);
    }
    const later = forged(list([current], { format: 'varve export 2' }));
    await assert.rejects(verifyExport(inPieces(later)), { code: 'UNSUPPORTED' });
  });

  test('that claims to be huge takes no memory for it', async () => {
    const header = tarHeader({ name: 'EXPORT', sizeBytes: 2 ** 45 });
    assert.equal(tarSize(header), 2 ** 45);
    await assert.rejects(verifyExport(inPieces(header)), { code: 'INVALID' });
    const files = [
      { name: '000001.sst', sizeBytes: 2 ** 50 },
      { name: 'CURRENT', sizeBytes: 10 },
    ];
    const bytes = Buffer.concat([forged(list(files)).subarray(0, 1024), tarHeader(files[0]!)]);
    await assert.rejects(verifyExport(inPieces(bytes)), { code: 'CORRUPTION' });
  });

  test('that is none, and a source that gives no bytes, are refused', async () => {
    await assert.rejects(verifyExport(inPieces(new Uint8Array(2000))), { code: 'INVALID' });
    const text = (async function* () {
      yield 'text';
    })();
    await assert.rejects(verifyExport(text as never), TypeError);
    const failing = (async function* () {
      yield BYTES.subarray(0, 30_000);
      throw new RangeError('the network');
    })();
    const fs = new MemoryFs();
    await assert.rejects(importDatabase(fs, 'copy', failing), RangeError);
    assert.deepEqual(namesLeft(fs), []);
  });
});

suite('an import is whole or nothing', () => {
  const work = async (fs: Fs): Promise<void> => {
    await importDatabase(fs, 'copy', inPieces(BYTES));
  };
  const check = async (disk: MemoryFs, isDone: boolean): Promise<void> => {
    const fs = disk.clone();
    const again = importDatabase(fs, 'copy', inPieces(BYTES));
    if (isDone) await assert.rejects(again, { code: 'INVALID' });
    else await again.catch((error: unknown) => assert.ok(isVarveError(error, 'INVALID')));
    await expectState(fs, 'copy', SMALL, WRITES);
  };

  test('when the power is cut', async (t) => {
    await cutEverywhere(t, { disk: new MemoryFs(), work, check }, 3);
  });

  test('when calls of the file system fail', async (t) => {
    await failEverywhere(t, { disk: new MemoryFs(), work, check }, 'NOSPACE');
  });
});
