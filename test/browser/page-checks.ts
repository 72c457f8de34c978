/**
 * The database of a page, as the page has it. Each check throws if it fails, and may return what it
 * has measured.
 * @module
 */
import { isVarveError, openInWorker, type PageDb, type Watch } from '../../src/browser.ts';

type Check = () => Promise<string | undefined>;

const COUNT = 5000;
const GETS = 20_000;
const encoder = new TextEncoder();

function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

function keyAt(n: number): string {
  return `key${String(n).padStart(8, '0')}`;
}

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes && new TextDecoder().decode(bytes);
}

/** The next event of a watch, in a line. */
async function told(watch: Watch): Promise<string> {
  const { value } = await watch.next();
  if (value === undefined) return 'end';
  if (value.type === 'missed') return `missed ${value.seqno}`;
  if (value.type === 'dropped') return `dropped ${value.columnFamily}`;
  const operations = value.operations.map(
    ({ type, key, columnFamily }) => `${type} ${columnFamily}/${text(key)}`,
  );
  return `${value.operations.at(-1)!.seqno}: ${operations.join(', ')}`;
}

async function codeOf(answer: Promise<unknown>): Promise<string> {
  try {
    await answer;
    return 'nothing';
  } catch (error) {
    return isVarveError(error) ? error.code : (error as Error).name;
  }
}

async function filled(name: string): Promise<PageDb> {
  const db = await openInWorker(name, { db: { writeBufferBytes: 256 * 1024 } });
  for (let first = 0; first < COUNT; first += 1000) {
    const numbers = Array.from({ length: 1000 }, (_, i) => first + i);
    await db.write(
      numbers.map((n) => ({ type: 'put', key: keyAt(n), value: encoder.encode(`value${n}`) })),
    );
  }
  return db;
}

export const CHECKS: Readonly<Record<string, Check>> = {
  async 'a page puts, gets, deletes, and finds it all again'() {
    const db = await openInWorker('page');
    const seqnos = await Promise.all([db.put('a', 'one'), db.put('b', 'two'), db.delete('a')]);
    check(seqnos.join() === '2,3,4', `seqnos are ${seqnos}`);
    check((await db.get('a')) === undefined && !(await db.has('a')), 'a is gone');
    check(text(await db.get(encoder.encode('b'))) === 'two', 'b is there');
    await db.createColumnFamily('other');
    await db.put('b', 'elsewhere', { columnFamily: 'other', sync: true });
    check(text(await db.get('b', { columnFamily: 'other' })) === 'elsewhere', 'b of other');
    check((await db.listColumnFamilies()).join() === 'default,other', 'families');
    await db.close();
    await db.close();
    check((await codeOf(db.get('b'))) === 'CLOSED', 'a closed database says so');
    const again = await openInWorker('page');
    check(text(await again.get('b')) === 'two', 'b is there again');
    const many = await again.getMany(['a', 'b']);
    check(many[0] === undefined && text(many[1]) === 'two', 'getMany');
    await again.dropColumnFamily('other');
    check((await again.listColumnFamilies()).join() === 'default', 'other is gone');
    await again.close();
    return undefined;
  },

  async 'entries come in order, both ways, within bounds, and a loop may end early'() {
    const db = await filled('page-entries');
    let n = 0;
    for await (const [key, value] of db.entries()) {
      check(text(key) === keyAt(n) && text(value) === `value${n}`, `entry ${n}`);
      n++;
    }
    check(n === COUNT, `${n} entries`);
    const back: number[] = [];
    const range = { gte: keyAt(10), lt: keyAt(20), reverse: true, limit: 3 };
    for await (const [key] of db.entries(range)) back.push(Number(text(key)!.slice(3)));
    check(back.join() === '19,18,17', `backwards: ${back}`);
    for await (const [key] of db.entries()) if (text(key) === keyAt(7)) break;
    await db.sync();
    const { cursorCount } = await db.stats();
    check(cursorCount === 0, `${cursorCount} cursors are open`);
    await db.close();
    return undefined;
  },

  async 'a snapshot shows what was, until it is released'() {
    const db = await filled('page-snapshot');
    const snapshot = await db.snapshot();
    await db.put(keyAt(1), 'new');
    check(text(await db.get(keyAt(1), { snapshot })) === 'value1', 'the old value');
    check(text(await db.get(keyAt(1))) === 'new', 'the new value');
    let n = 0;
    for await (const [, value] of db.entries({ snapshot }))
      check(text(value) === `value${n}`, `${n++}`);
    await snapshot.release();
    await snapshot.release();
    check((await codeOf(db.get(keyAt(1), { snapshot }))) === 'CLOSED', 'a released snapshot');
    await db.close();
    return undefined;
  },

  async 'a watch tells what is committed, in order, and what was missed'() {
    const db = await openInWorker('page-watch');
    await db.createColumnFamily('users');
    await db.put('before', '');
    const watch = db.watch([{ prefix: 'a' }, { columnFamily: 'users' }], { bufferBytes: 4096 });
    const first = await db.put('a1', '');
    await db.put('b', '');
    const second = await db.delete('a2');
    await db.put('before', '');
    check((await told(watch)) === `${first}: put default/a1`, 'the first batch');
    check((await told(watch)) === `${second}: delete default/a2`, 'the second one');
    const waiting = told(watch);
    const last = await db.write([
      { type: 'put', key: 'x', value: '', columnFamily: 'users' },
      { type: 'put', key: 'a', value: '' },
    ]);
    check((await waiting) === `${last}: put users/x, put default/a`, 'what was waited for');
    for (let i = 0; i < 200; i++) void db.put(`a${i}`, '');
    const newest = await db.put('b', '');
    const [what, seqno] = (await told(watch)).split(' ');
    check(what === 'missed' && Number(seqno) >= newest, `${what} ${seqno}, not ${newest}`);
    await db.dropColumnFamily('users');
    check((await told(watch)) === 'dropped users', 'a dropped family');
    check((await db.stats()).watchCount === 1, 'one watch is open');
    const other = db.watch();
    await db.put('b', '');
    for await (const { type } of other) {
      check(type === 'batch', `the other one tells of ${type}`);
      break;
    }
    check(
      (await codeOf(db.watch({ columnFamily: 'none' }).next())) === 'INVALID',
      'no such family',
    );
    check((await codeOf(db.watch({ gte: 7 as never }).next())) === 'TypeError', 'no range');
    const controller = new AbortController();
    const aborted = codeOf(db.watch({}, { signal: controller.signal }).next());
    controller.abort(new VarveAbort());
    check((await aborted) === 'VarveAbort', 'an aborted watch');
    check((await db.stats()).watchCount === 1, 'the others were closed');
    const end = told(watch);
    await db.close();
    check((await end) === 'end' && (await told(watch)) === 'end', 'the end');
    return undefined;
  },

  async 'a page scrubs, verifies and makes a checkpoint, and hears how far it is'() {
    const db = await filled('page-long');
    await db.flush();
    const scrubbed: number[] = [];
    const scrub = await db.scrub({ onProgress: (bytesDone) => scrubbed.push(bytesDone) });
    check(scrub.fileCount > 3 && scrub.findings.length === 0, `${scrub.fileCount} files scrubbed`);
    check(scrubbed.at(-1)! > 40_000, `a scrub of ${scrubbed}`);
    const verified: string[] = [];
    const onProgress = (done: number, total: number): number => verified.push(`${done}/${total}`);
    const { bytesRead, uncorrectable } = await db.verify({ onProgress });
    check(uncorrectable.length === 0, 'damage');
    check(verified.at(-1)?.startsWith(`${bytesRead}/`) === true, `${verified}, not ${bytesRead}`);
    const families = db.scrub({ columnFamily: 'none' });
    check((await codeOf(families)) === 'INVALID', 'a scrub of no family');
    const seqnos = [await db.put('last', 'one'), (await db.checkpoint('page-copy')).seqno];
    check(seqnos[1]! >= seqnos[0]!, `the checkpoint is of ${seqnos}`);
    await db.put('later', 'one');
    check((await codeOf(db.checkpoint('page-copy'))) === 'INVALID', 'a second checkpoint there');
    check((await codeOf(db.checkpoint(''))) === 'TypeError', 'no name');
    check((await codeOf(db.checkpoint('page-long'))) === 'LOCKED', 'its own directory');
    const controller = new AbortController();
    const work = db.verify({ signal: controller.signal, bytesPerSecond: 4096 });
    controller.abort(new VarveAbort());
    check((await codeOf(work)) === 'VarveAbort', 'an aborted verification');
    await db.close();
    const copy = await openInWorker('page-copy');
    check(text(await copy.get('last')) === 'one' && !(await copy.has('later')), 'the copy');
    check(text(await copy.get(keyAt(4999))) === 'value4999', 'what tables have');
    await copy.close();
    return undefined;
  },

  async 'mistakes and failures arrive as what they are'() {
    const db = await openInWorker('page-errors');
    check((await codeOf(db.get(7 as never))) === 'TypeError', 'a wrong type');
    check((await codeOf(db.put('k'.repeat(70_000), ''))) === 'RangeError', 'a long key');
    const other = db.get('a', { columnFamily: 'none' });
    check((await codeOf(other)) === 'INVALID', 'an unknown family');
    const [bad, good] = [db.put('f', (() => 1) as never), db.put('g', 'good')];
    check((await codeOf(bad)) === 'TypeError', 'what cannot be cloned');
    check((await codeOf(good)) === 'nothing', 'the call beside it');
    const alone = openInWorker('page-errors', { shared: false });
    check((await codeOf(alone)) === 'LOCKED', 'a second owner that does not share');
    const wrong = openInWorker('page-wrong', { db: { nonsense: 1 } as never });
    check((await codeOf(wrong)) === 'TypeError', 'an unknown option');
    const none = openInWorker('page-none', { workerUrl: new URL('/none.js?404', location.href) });
    check((await codeOf(none)) === 'UNSUPPORTED', 'a worker that is not there');
    const controller = new AbortController();
    const answer = db.get('g', { signal: controller.signal });
    controller.abort(new VarveAbort());
    check((await codeOf(answer)) === 'VarveAbort', 'an aborted read');
    await db.close();
    return undefined;
  },

  async 'two of one page share a database, and the one goes on when the other closes'() {
    const [first, second] = await Promise.all([openInWorker('page-two'), openInWorker('page-two')]);
    await first.put('a', 'one');
    check(text(await second.get('a')) === 'one', 'the other sees it');
    const large = new Uint8Array(100_000).fill(7);
    await Promise.all([first.put('large', large), second.put('b', 'two'), first.close()]);
    check(text(await second.get('b')) === 'two', 'it goes on');
    check((await second.get('large'))?.length === large.length, 'a large value');
    await second.close();
    const alone = await openInWorker('page-two', { shared: false });
    check((await codeOf(openInWorker('page-two'))) === 'LOCKED', 'one that does not share');
    await alone.close();
    return undefined;
  },

  async 'gets per second, for the record'() {
    const db = await filled('page-speed');
    const rates: string[] = [];
    for (const inFlight of [1, 16, 256]) {
      const started = performance.now();
      let next = 0;
      const run = async (): Promise<void> => {
        while (next < GETS) {
          const value = await db.get(keyAt((next++ * 7919) % COUNT));
          check(value !== undefined, 'a key is missing');
        }
      };
      await Promise.all(Array.from({ length: inFlight }, run));
      rates.push(`${inFlight}: ${Math.round(GETS / (performance.now() - started))} k/s`);
    }
    const started = performance.now();
    await Promise.all(Array.from({ length: 500 }, (_, n) => db.put(`s${n}`, 'v', { sync: true })));
    const synced = Math.round(500_000 / (performance.now() - started));
    await db.close();
    return `gets in flight ${rates.join(', ')}; 500 synced puts at once ${synced}/s`;
  },
};

class VarveAbort extends Error {
  constructor() {
    super('aborted');
    this.name = 'VarveAbort';
  }
}
