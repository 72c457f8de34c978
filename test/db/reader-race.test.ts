/**
 * Readers that open and read while a writer replaces files: never damage where there is none, and
 * always one state that the database was in.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { FileHandle, Fs, OpenMode } from '../../src/fs/port.ts';
import { open } from '../../src/node.ts';
import { code, keyAt, PATH } from './helpers.ts';

const KEYS = 40;
const VALUE_BYTES = 1500;
/** Writes after which there is another table, and some are gone. */
const BURST = 60;
/** Everything happens within the writing calls. */
const BUSY: DbOptions = {
  workers: 0,
  writeBufferBytes: 65_536,
  targetTableBytes: 65_536,
  l0TriggerCount: 2,
  compression: 'none',
};
const hostLoop = { turn: () => Promise.resolve() };

type ReadHook = (path: string, bytes: Uint8Array) => void;

/** Calls a hook before each call of a reader; the writer has the file system itself. */
class HookedFs implements Fs {
  readonly capabilities: Fs['capabilities'];
  calls: number;
  readonly #inner: Fs;
  readonly #hook: (call: number, name: string) => void;
  readonly #onRead: ReadHook;

  constructor(inner: Fs, hook: (call: number, name: string) => void, onRead: ReadHook = () => {}) {
    this.capabilities = inner.capabilities;
    this.calls = 0;
    this.#inner = inner;
    this.#hook = hook;
    this.#onRead = onRead;
  }

  exists(path: string): boolean {
    this.#call('exists');
    return this.#inner.exists(path);
  }

  list(path: string): string[] {
    this.#call('list');
    return this.#inner.list(path);
  }

  open(path: string, mode: OpenMode): FileHandle {
    assert.equal(mode, 'read');
    this.#call('open');
    const handle = this.#inner.open(path, mode);
    const read: FileHandle['read'] = (buf, off, length, position) => {
      this.#call('read');
      const count = handle.read(buf, off, length, position);
      this.#onRead(path, buf.subarray(off, off + count));
      return count;
    };
    const size = () => handle.size();
    const close = () => handle.close();
    return { path, read, size, close } as FileHandle;
  }

  resolve(path: string): string {
    return this.#inner.resolve(path);
  }

  freeBytes(): undefined {}
  assertHeld = refused;
  createDirectory = refused;
  remove = refused;
  removeAsync = refused;
  rename = refused;
  link = refused;
  syncDirectory = refused;
  lock = refused;

  #call(name: string): void {
    this.#hook(this.calls++, name);
  }
}

function refused(): never {
  throw new Error('a reader changes nothing');
}

/** Writes numbers in turn: what a state holds follows from its seqno. */
class Writer {
  readonly fs: MemoryFs;
  readonly db: Db;
  #next: number;

  constructor(fs: MemoryFs, db: Db) {
    this.fs = fs;
    this.db = db;
    this.#next = 1;
  }

  static async open(options: DbOptions = {}): Promise<Writer> {
    const fs = new MemoryFs();
    return new Writer(fs, await open(PATH, { fs, ...BUSY, ...options }));
  }

  burst(count = BURST): void {
    for (let i = 0; i < count; i++, this.#next++) {
      this.db.put(keyAt(this.#next % KEYS), valueAt(this.#next));
    }
  }
}

function valueAt(seqno: number): Uint8Array {
  const value = new Uint8Array(VALUE_BYTES).fill(seqno);
  new DataView(value.buffer).setUint32(0, seqno);
  return value;
}

/** Holds everything that a reader shows against the state of its seqno. */
function expectState(reader: Db): void {
  const { seqno } = reader;
  const expected = new Map<string, number>();
  for (let at = Math.max(1, seqno - KEYS + 1); at <= seqno; at++)
    expected.set(keyAt(at % KEYS), at);
  let count = 0;
  for (const [key, value] of reader.entries()) {
    const name = new TextDecoder().decode(key);
    assert.equal(new DataView(value.buffer, value.byteOffset).getUint32(0), expected.get(name));
    count++;
  }
  assert.equal(count, expected.size);
  for (const [name, at] of expected) assert.deepEqual(reader.get(name), valueAt(at));
}

/** Opens a reader with a writer that does something before each call for which `isDue`. */
async function openBeside(
  writer: Writer,
  isDue: (call: number, name: string) => boolean,
  options: DbOptions = {},
  onRead?: ReadHook,
): Promise<{ reader: Db; calls: number; told: string[] }> {
  const told: string[] = [];
  const fs = new HookedFs(
    writer.fs,
    (call, name) => {
      if (isDue(call, name)) writer.burst();
    },
    onRead,
  );
  const onEvent: DbOptions['onEvent'] = (event) => told.push(event.type);
  const reader = await open(PATH, { fs, readOnly: true, hostLoop, onEvent, ...options });
  return { reader, calls: fs.calls, told };
}

suite('a reader beside a writer', () => {
  test('opens one state, before whichever of its calls the writer replaces files', async () => {
    const writer = await Writer.open();
    writer.burst(400);
    let isOver = false;
    for (let at = 0; !isOver; at++) {
      const { reader, calls, told } = await openBeside(writer, (call) => call === at);
      isOver = at > calls;
      expectState(reader);
      const { uncorrectable } = await reader.verify();
      assert.deepEqual([uncorrectable, told], [[], []]);
      await reader.close();
    }
    await writer.db.close();
  });

  test('opens one state when the writer goes on for a while', async () => {
    const writer = await Writer.open();
    writer.burst(400);
    for (const every of [1, 2, 5, 9]) {
      const isDue = (call: number) => call < 200 && call % every === 0;
      const { reader, told } = await openBeside(writer, isDue);
      expectState(reader);
      assert.deepEqual(told, []);
      await reader.close();
    }
    await writer.db.close();
  });

  test('says BUSY, not CORRUPTION, when it never finds two moments alike', async () => {
    const writer = await Writer.open();
    writer.burst(400);
    const isDue = (_: number, name: string) => name === 'open';
    await assert.rejects(openBeside(writer, isDue), code('BUSY'));
    await writer.db.close();
  });

  test('sees the state of its opening for as long as it lives', async () => {
    const writer = await Writer.open();
    writer.burst(400);
    const { reader } = await openBeside(writer, () => false, { openTablesMax: 16 });
    const { seqno } = reader;
    const cursor = reader.cursor();
    for (let round = 0; round < 5; round++) {
      writer.burst(500);
      await writer.db.compact();
      assert.equal(reader.seqno, seqno);
      expectState(reader);
      assert.ok(round === 0 ? cursor.first() : cursor.next());
    }
    cursor.close();
    assert.deepEqual((await reader.verify()).uncorrectable, []);
    await reader.close();
    await writer.db.close();
  });

  test('takes a slot of CURRENT that is being written for no damage', async () => {
    const writer = await Writer.open();
    writer.burst(10);
    for (const slot of [0, 1]) {
      let reads = 0;
      const { reader, told } = await openBeside(
        writer,
        () => false,
        {},
        (path, buf) => {
          if (path.endsWith('CURRENT') && reads++ === 1)
            buf.fill(0, slot * 1024 + 300, slot * 1024 + 900);
        },
      );
      assert.ok(reads > 1);
      expectState(reader);
      assert.deepEqual(told, []);
      await reader.close();
    }
    await writer.db.close();
  });
});

suite('damage beside no writer', () => {
  test('is told after the second look', async () => {
    const writer = await Writer.open();
    writer.burst(10);
    await writer.db.close();
    const manifest = writer.fs.list(PATH).find((name) => name.startsWith('MANIFEST'))!;
    writer.fs.remove(`${PATH}/${manifest}`);
    let lists = 0;
    const fs = new HookedFs(writer.fs, (_, name) => {
      if (name === 'list') lists++;
    });
    await assert.rejects(open(PATH, { fs, readOnly: true, hostLoop }), code('CORRUPTION'));
    assert.ok(lists <= 8, `${lists} looks at the directory`);
  });
});
