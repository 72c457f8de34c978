/**
 * Databases that come from Node and go there, by export files and by copies of files, and backups
 * that are restored; as a page has them.
 * @module
 */
import {
  type BatchOperation,
  importInWorker,
  isVarveError,
  openInWorker,
  type PageDb,
} from '../../src/browser.ts';
import {
  COMBINATIONS,
  combinationName,
  contentOf,
  differenceOf,
  MARK,
  operationsOf,
  optionsOf,
} from './exchange-content.ts';
import type { ExchangeOrder } from './exchange-program.ts';

type Check = () => Promise<string | undefined>;

const FILES = '/exchange';
const LAST = COMBINATIONS.at(-1)!;

function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

async function expectContent(db: PageDb, wanted: ReadonlyMap<string, string>): Promise<void> {
  const decoder = new TextDecoder();
  const found = new Map<string, string>();
  for await (const [key, value] of db.entries()) {
    found.set(decoder.decode(key), decoder.decode(value));
  }
  const difference = differenceOf(found, wanted);
  check(difference === undefined, `${difference}`);
  const { uncorrectable, corrected } = await db.verify();
  check(uncorrectable.length + corrected.length === 0, 'it is damaged');
}

/** Exports a database to the server, and closes it. */
async function send(db: PageDb, name: string): Promise<void> {
  const body = await new Response(db.export()).arrayBuffer();
  await db.close();
  await fetch(`${FILES}/${name}`, { method: 'POST', body });
}

function inProgram(order: ExchangeOrder): Promise<string> {
  const worker = new Worker(new URL('./exchange-program.js', import.meta.url), { type: 'module' });
  return new Promise<string>((resolve, reject) => {
    worker.onmessage = ({ data: { note, error } }) =>
      error === undefined ? resolve(note) : reject(new Error(error));
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(order);
  }).finally(() => worker.terminate());
}

async function codeOf(answer: Promise<unknown>): Promise<string> {
  try {
    await answer;
    return 'nothing';
  } catch (error) {
    return isVarveError(error) ? error.code : (error as Error).name;
  }
}

/** By the export file, there and back. */
async function fromNodeByFile(bits: number): Promise<string> {
  const name = `from-node-${bits}`;
  const { body } = await fetch(`${FILES}/node-${bits}.tar`);
  const { fileCount } = await importInWorker(name, body!);
  const db = await openInWorker(name, { db: optionsOf(bits) });
  await expectContent(db, contentOf('node'));
  await db.put(MARK, 'page');
  await send(db, `back-${bits}.tar`);
  return `${fileCount} files`;
}

async function fromNodeByCopy(bits: number): Promise<string> {
  const name = `copied-${bits}`;
  const note = await inProgram({ what: 'fetch', name, url: `${FILES}/node-${bits}` });
  const db = await openInWorker(name, { db: optionsOf(bits) });
  await expectContent(db, contentOf('node'));
  await db.close();
  return note;
}

/** By the export file, and by copies of the files. */
async function toNode(bits: number): Promise<string> {
  const name = `page-${bits}`;
  const db = await openInWorker(name, { shared: false, db: optionsOf(bits) });
  const operations: BatchOperation[] = operationsOf('page');
  const half = operations.length / 2;
  await db.write(operations.slice(0, half));
  await db.compact();
  await db.write(operations.slice(half));
  await db.put(MARK, 'page');
  await send(db, `page-${bits}.tar`);
  return inProgram({ what: 'send', name, url: `${FILES}/page-${bits}` });
}

const exchanges: [string, Check][] = COMBINATIONS.flatMap((bits): [string, Check][] => {
  const name = combinationName(bits);
  return [
    [`an export file of Node is imported: ${name}`, () => fromNodeByFile(bits)],
    [`files of Node are copied into OPFS: ${name}`, () => fromNodeByCopy(bits)],
    [`a database of a page goes to Node: ${name}`, () => toNode(bits)],
  ];
});

export const CHECKS: Readonly<Record<string, Check>> = {
  ...Object.fromEntries(exchanges),

  async 'a backup that Node made is restored into OPFS'() {
    const name = 'restored';
    const note = await inProgram({ what: 'restore', name, url: `${FILES}/backups` });
    const db = await openInWorker(name, { db: optionsOf(LAST) });
    await expectContent(db, contentOf('node'));
    await db.put(MARK, 'page');
    await db.close();
    const again = await inProgram({ what: 'again', name, url: '' });
    const copy = await openInWorker(`${name}-restored`, { db: optionsOf(LAST) });
    await expectContent(copy, contentOf('node').set(MARK, 'page'));
    await copy.close();
    return `${note}; backed up in OPFS and restored: ${again}`;
  },

  async 'an import that fails or is called off leaves nothing, and the next one is whole'() {
    const bytes = new Uint8Array(await (await fetch(`${FILES}/node-0.tar`)).arrayBuffer());
    const name = 'import-trouble';
    const cut = new Blob([bytes.subarray(0, bytes.length - 3000)]).stream();
    check((await codeOf(importInWorker(name, cut))) === 'CORRUPTION', 'one that is cut short');
    const other = new Blob(['no export file'.repeat(100)]).stream();
    check((await codeOf(importInWorker(name, other))) === 'INVALID', 'another file');
    const failing = (async function* () {
      yield bytes.subarray(0, 20_000);
      throw new RangeError('the network');
    })();
    check((await codeOf(importInWorker(name, failing))) === 'RangeError', 'a source that fails');
    const controller = new AbortController();
    const progress: number[] = [];
    const slow = (async function* () {
      for (let off = 0; off < bytes.length; off += 4096) yield bytes.subarray(off, off + 4096);
    })();
    const aborted = importInWorker(name, slow, {
      signal: controller.signal,
      onProgress: (bytesDone, bytesTotal) => {
        check(bytesTotal === bytes.length, `${bytesTotal} bytes`);
        progress.push(bytesDone);
        if (progress.length === 5) controller.abort(new SyntaxError('enough'));
      },
    });
    check((await codeOf(aborted)) === 'SyntaxError', 'one that is called off');
    const db = await openInWorker('import-held');
    const held = importInWorker('import-held', new Blob([bytes]).stream());
    check((await codeOf(held)) === 'LOCKED', 'one that is open');
    await db.close();
    const exists = importInWorker('import-held', new Blob([bytes]).stream());
    check((await codeOf(exists)) === 'INVALID', 'one that is there');
    await importInWorker(name, new Blob([bytes]).stream());
    const whole = await openInWorker(name, { db: optionsOf(0) });
    await expectContent(whole, contentOf('node'));
    await whole.close();
    return `${progress.length} steps`;
  },

  async 'an export stops when it is cancelled or aborted, and goes at the pace of its reader'() {
    const db = await openInWorker('export-trouble', { db: { writeBufferBytes: 8_000_000 } });
    const value = crypto.getRandomValues(new Uint8Array(50_000));
    for (let n = 0; n < 160; n++) await db.put(`k${n}`, value);
    const told: number[] = [];
    const reader = db.export({ onProgress: (bytesDone) => told.push(bytesDone) }).getReader();
    await reader.read();
    await db.sync();
    check(told.at(-1)! < 4_500_000, `${told.at(-1)} bytes were read for one piece`);
    await reader.cancel();
    const controller = new AbortController();
    const stream = db.export({ signal: controller.signal }).getReader();
    await stream.read();
    controller.abort(new SyntaxError('enough'));
    await stream.read().catch(() => {});
    check((await codeOf(stream.read())) === 'SyntaxError', 'an aborted export');
    const rest = db.export().getReader();
    await rest.read();
    await db.close();
    let code = 'nothing';
    for (let i = 0; i < 20 && code === 'nothing'; i++) code = await codeOf(rest.read());
    check(code === 'CLOSED', `an export of a closed database: ${code}`);
    return undefined;
  },
};
