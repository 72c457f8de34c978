/**
 * The layout of a target as docs/FORMAT.md says it: a reader written after that page, and the bytes
 * of one inventory.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import xxhash from 'xxhash-wasm';
import { Backups } from '../../src/backup/index.ts';
import {
  decodeInventory,
  encodeInventory,
  type Inventory,
  type StoredFile,
} from '../../src/backup/inventory.ts';
import { loadChecksum } from '../../src/block/checksum.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { NumberedWriter, openCopied, SOURCE } from '../copy/copy-fixture.ts';
import { code } from '../db/helpers.ts';
import { MemoryTarget, portsOf } from './backup-fixture.ts';

const { h64Raw } = await xxhash();

interface RawFile {
  readonly name: string;
  readonly object: string;
  readonly sizeBytes: number;
  readonly checksum: string;
  readonly salt: string | null;
  readonly isDamaged: boolean;
}

function checksumOf(bytes: Uint8Array): string {
  return h64Raw(bytes, 0n).toString(16).padStart(16, '0');
}

/** Follows the page, and nothing else. */
function readInventory(bytes: Uint8Array): Record<string, unknown> & { files: RawFile[] } {
  const text = Buffer.from(bytes).toString();
  const [json, digits, rest] = text.split('\n');
  assert.equal(rest, '');
  assert.equal(digits, checksumOf(Buffer.from(`${json}\n`)));
  return JSON.parse(json!);
}

test('a reader that follows the page finds every byte of the database', async () => {
  const fs = new MemoryFs();
  const db = await openCopied(fs);
  new NumberedWriter(db).write(150);
  await db.flush();
  await db.close();
  const target = new MemoryTarget();
  await new Backups(target, portsOf(4)).createFrom(fs, SOURCE);
  const name = [...target.objects.keys()].find((one) => one.startsWith('backup-'))!;
  const found = readInventory(target.objects.get(name)!);
  assert.equal(name, `backup-00000${found['number']}-${found['id']}`);
  assert.equal(found['format'], 'varve backup 1');
  assert.equal(found['seqno'], 150);
  assert.deepEqual(found.files.map((file) => file.name).sort(), fs.list(SOURCE).sort());
  assert.equal(found.files.at(-1)!.name, 'CURRENT');
  for (const { name: file, object, sizeBytes, checksum, salt, isDamaged } of found.files) {
    assert.equal(object, `${file}-${found['id']}`);
    const bytes = target.objects.get(object)!;
    assert.equal(bytes.length, sizeBytes);
    assert.equal(checksumOf(bytes), checksum);
    assert.equal(
      salt,
      file === 'CURRENT' ? null : Buffer.from(bytes.subarray(16, 32)).toString('hex'),
    );
    assert.equal(isDamaged, false);
    const source = fs.fileAt(`${SOURCE}/${file}`)!;
    const own = new Uint8Array(source.size);
    source.read(own, 0, own.length, 0);
    assert.deepEqual(Buffer.from(bytes), Buffer.from(own));
  }
  assert.equal(target.objects.size, found.files.length + 1);
});

const INVENTORY: Inventory = {
  number: 7,
  id: 'cdc09f1b20ef96b1',
  createdAtMs: 1_700_000_000_000,
  databaseId: '104328223e1acdc27b1de8297fda9589',
  seqno: null,
  files: [
    {
      name: '000005.sst',
      object: '000005.sst-00112233445566ff',
      sizeBytes: 4711,
      checksum: 'eaf1733659d57861',
      salt: '2c2f4474dd221a1591696927d3da08a7',
      isDamaged: true,
    },
    {
      name: 'CURRENT',
      object: 'CURRENT-cdc09f1b20ef96b1',
      sizeBytes: 2048,
      checksum: '4947dc73d3a3fa1c',
      salt: null,
      isDamaged: false,
    },
  ],
};
const NAME = 'backup-000007-cdc09f1b20ef96b1';
const GOLDEN = [
  '{"format":"varve backup 1","number":7,"id":"cdc09f1b20ef96b1","createdAtMs":1700000000000,',
  '"databaseId":"104328223e1acdc27b1de8297fda9589","seqno":null,"files":[{"name":"000005.sst",',
  '"object":"000005.sst-00112233445566ff","sizeBytes":4711,"checksum":"eaf1733659d57861",',
  '"salt":"2c2f4474dd221a1591696927d3da08a7","isDamaged":true},{"name":"CURRENT",',
  '"object":"CURRENT-cdc09f1b20ef96b1","sizeBytes":2048,"checksum":"4947dc73d3a3fa1c",',
  '"salt":null,"isDamaged":false}]}\n',
  '23ae12d036bb79fb\n',
].join('');

test('an inventory is these bytes', async () => {
  await loadChecksum();
  assert.equal(Buffer.from(encodeInventory(INVENTORY)).toString(), GOLDEN);
  assert.deepEqual(decodeInventory(Buffer.from(GOLDEN), NAME), INVENTORY);
});

test('what is no inventory is damage, whatever its checksum says', async () => {
  await loadChecksum();
  const [file, current] = INVENTORY.files as [StoredFile, StoredFile];
  const wrong: readonly unknown[] = [
    { ...INVENTORY, number: 8 },
    { ...INVENTORY, id: '0'.repeat(16) },
    { ...INVENTORY, number: 7.5 },
    { ...INVENTORY, seqno: '1' },
    { ...INVENTORY, createdAtMs: -1 },
    { ...INVENTORY, databaseId: 'x' },
    { ...INVENTORY, files: {} },
    { ...INVENTORY, files: [file] },
    { ...INVENTORY, files: [current, file] },
    { ...INVENTORY, files: [file, file, current] },
    ...['../x', '/etc/passwd', 'LOCK', 'a/000005.sst', 'CURRENT.new', ''].map((name) => {
      return { ...INVENTORY, files: [{ ...file, name }, current] };
    }),
    { ...INVENTORY, files: [{ ...file, object: '../secret-00112233445566ff' }, current] },
    { ...INVENTORY, files: [{ ...file, sizeBytes: -4 }, current] },
    { ...INVENTORY, files: [{ ...file, checksum: 'abc' }, current] },
    { ...INVENTORY, files: [{ ...file, salt: 'abc' }, current] },
    { ...INVENTORY, files: [{ ...file, isDamaged: 1 }, current] },
    { ...INVENTORY, files: [null, current] },
  ];
  for (const one of wrong) {
    const bytes = encodeInventory(one as Inventory);
    assert.throws(() => decodeInventory(bytes, NAME), code('CORRUPTION'), JSON.stringify(one));
  }
  for (const text of ['', '\n', '{}\n', GOLDEN.slice(1), `${GOLDEN}x`]) {
    assert.throws(() => decodeInventory(Buffer.from(text), NAME), code('CORRUPTION'));
  }
  const later = encodeInventory({ ...INVENTORY, format: 'varve backup 2' } as never);
  assert.throws(() => decodeInventory(later, NAME), code('UNSUPPORTED'));
});
