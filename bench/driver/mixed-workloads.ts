/**
 * Workloads that read and write by turns, and those that are one long operation.
 *
 * YCSB's core workloads A to F: Cooper et al., "Benchmarking Cloud Serving Systems with YCSB" (SoCC
 * 2010), with its shares, distributions and records of 1 KB (one value of 1000 bytes).
 * @module
 */
import type { Chunk } from './chunk.ts';
import type { Pending } from './engine.ts';
import { Latest, type NumberSource, ScrambledZipfian, Uniform } from './numbers.ts';
import type { Run } from './run.ts';
import type { Workload } from './workload.ts';

const RECORD_BYTES = 1000;
const SCAN_ENTRIES_MAX = 100;
/**
 * Of a hundred operations; db_bench's readrandomwriterandom has the same share. Its latencies are
 * those of the reads, as seen by a program that reads between its writes; the writes, with what
 * they wait for, are timed apart.
 */
const READS_WHILE_WRITING = 90;
const OPENS_MAX = 20;
const DELETES_PER_CALL = 1000;

/** What one in a hundred operations is. */
interface Mix {
  readonly reads?: number;
  readonly scans?: number;
  readonly updates?: number;
  readonly inserts?: number;
  /** Reads and writes back what it has read. */
  readonly readModifyWrites?: number;
  readonly isLatest?: boolean;
}

export const MIXED_WORKLOADS: readonly Workload[] = [
  {
    name: 'readwhilewriting',
    summary: '90 random reads, then 10 random writes, over and over (one thread)',
    needs: 'entries',
    readsOnly: false,
    run: readWhileWriting,
  },
  ycsb('ycsba', 'YCSB A: 50 % reads, 50 % updates; zipfian', { reads: 50, updates: 50 }),
  ycsb('ycsbb', 'YCSB B: 95 % reads, 5 % updates; zipfian', { reads: 95, updates: 5 }),
  ycsb('ycsbc', 'YCSB C: reads; zipfian', { reads: 100 }),
  ycsb('ycsbd', 'YCSB D: 95 % reads, 5 % inserts; the latest are read most', {
    reads: 95,
    inserts: 5,
    isLatest: true,
  }),
  ycsb('ycsbe', 'YCSB E: 95 % scans of 1 to 100 entries, 5 % inserts; zipfian', {
    scans: 95,
    inserts: 5,
  }),
  ycsb('ycsbf', 'YCSB F: 50 % reads, 50 % read-modify-writes; zipfian', {
    reads: 50,
    readModifyWrites: 50,
  }),
  {
    name: 'queue',
    summary: 'delete all entries in order, then by turns: put the next, poll, delete it, poll',
    needs: 'entries',
    readsOnly: false,
    run: queue,
  },
  {
    name: 'compact',
    summary: 'merge everything there is into its final form',
    needs: 'entries',
    readsOnly: false,
    supports: (engine) => engine.compact !== undefined,
    run: compact,
  },
  {
    name: 'open',
    summary: 'close and open the database, num/10000 times (1 to 20)',
    needs: 'entries',
    readsOnly: true,
    supports: (engine) => engine.durability(false) !== 'memory',
    run: open,
  },
];

async function readWhileWriting(run: Run): Promise<void> {
  const { engine } = run;
  const values = run.values();
  const source = new Uniform(run.random, run.num);
  const readChunk = run.chunk(READS_WHILE_WRITING);
  const writeChunk = run.chunk(100 - READS_WHILE_WRITING);
  let reads = 0;
  const isTiming = run.chunkOperations === 1;
  await run.loop(run.reads, isTiming ? 1 : 100, true, (count) => {
    // Timed one by one, operations keep their shares in turns of a hundred.
    const position = isTiming ? run.operations % 100 : 0;
    run.isWriting = position >= READS_WHILE_WRITING;
    const readCount = Math.min(count, Math.max(0, READS_WHILE_WRITING - position));
    reads += readCount;
    readChunk.draw(source, readCount);
    writeChunk.drawEntries(source, values, count - readCount);
    const write = () => (writeChunk.count === 0 ? undefined : engine.put(writeChunk));
    return inTurn(readCount === 0 ? undefined : engine.get(readChunk), write);
  });
  run.countWritten(run.operations - reads);
  run.message = `( reads:${reads} writes:${run.operations - reads} found:${readChunk.found})`;
}

/**
 * A queue that has been emptied: what is timed puts an entry behind the others that are gone, takes
 * the first, deletes it, and finds that there is none.
 */
async function queue(run: Run): Promise<void> {
  const { engine, num } = run;
  const gone = run.chunk(DELETES_PER_CALL);
  for (let i = 0; i < num; i += DELETES_PER_CALL) {
    gone.clear();
    for (let n = i; n < Math.min(num, i + DELETES_PER_CALL); n++) gone.add(n);
    await engine.delete(gone);
  }
  const values = run.values();
  const item = run.chunk(1);
  const front = run.chunk(1);
  front.add(0);
  front.lengths.fill(1);
  await run.loop(run.reads, 1, true, async () => {
    item.clear();
    item.add(num + run.operations);
    item.takeValues(values);
    await engine.put(item);
    await engine.seek(front);
    await engine.delete(item);
    await engine.seek(front);
  });
  run.countWritten(run.operations);
  if (front.found !== run.operations) throw new Error(`the queue gave ${front.found} entries`);
  run.message = '( each put, polled, deleted, polled )';
}

function ycsb(name: string, summary: string, mix: Mix): Workload {
  const readsOnly = mix.reads === 100;
  return {
    name,
    summary,
    needs: 'records',
    valueBytes: RECORD_BYTES,
    readsOnly,
    run: (run) => runMix(run, mix),
  };
}

async function runMix(run: Run, mix: Mix): Promise<void> {
  const mixer = new Mixer(run, mix);
  await run.loop(run.reads, run.chunkOperations, true, (count) => {
    mixer.draw(count);
    return mixer.act();
  });
  run.countWritten(mixer.writeCount);
  run.message = mixer.message;
}

/**
 * Draws operations of several kinds and sorts them by kind: within a chunk the reads go first,
 * which changes nothing in what they cost.
 */
class Mixer {
  writeCount: number;
  readonly #run: Run;
  readonly #mix: Mix;
  readonly #reads: Chunk;
  readonly #scans: Chunk;
  readonly #writes: Chunk;
  readonly #source: NumberSource;
  readonly #latest: Latest | undefined;
  #entryCount: number;

  constructor(run: Run, mix: Mix) {
    this.#run = run;
    this.#mix = mix;
    this.#reads = run.chunk(run.chunkOperations);
    this.#scans = run.chunk(run.chunkOperations);
    this.#writes = run.chunk(run.chunkOperations);
    this.#latest = mix.isLatest === true ? new Latest(run.random, run.num) : undefined;
    this.#source = this.#latest ?? new ScrambledZipfian(run.random, run.num);
    this.#entryCount = run.num;
    this.writeCount = 0;
    run.values(RECORD_BYTES);
  }

  get message(): string {
    const found = this.#reads.found + this.#scans.found;
    return `( writes:${this.writeCount} entries read:${found})`;
  }

  draw(count: number): void {
    this.#reads.clear();
    this.#scans.clear();
    this.#writes.clear();
    for (let i = 0; i < count; i++) this.#drawOne();
    this.#writes.takeValues(this.#run.values());
    this.#latest?.grow(this.#entryCount);
  }

  act(): Pending {
    const { engine } = this.#run;
    const read = this.#reads.count === 0 ? undefined : engine.get(this.#reads);
    const scanned = inTurn(read, () =>
      this.#scans.count === 0 ? undefined : engine.seek(this.#scans),
    );
    return inTurn(scanned, () => (this.#writes.count === 0 ? undefined : engine.put(this.#writes)));
  }

  #drawOne(): void {
    const { reads = 0, scans = 0, updates = 0, inserts = 0 } = this.#mix;
    const { random } = this.#run;
    const draw = random.below(100);
    if (draw < reads) {
      this.#reads.add(this.#source.next());
    } else if (draw < reads + scans) {
      this.#scans.lengths[this.#scans.count] = 1 + random.below(SCAN_ENTRIES_MAX);
      this.#scans.add(this.#source.next());
    } else if (draw < reads + scans + inserts) {
      this.#writes.add(this.#entryCount++);
      this.writeCount++;
    } else {
      const number = this.#source.next();
      if (draw >= reads + scans + inserts + updates) this.#reads.add(number);
      this.#writes.add(number);
      this.writeCount++;
    }
  }
}

/** Goes on when the first is done: at once if it is. */
function inTurn(first: Pending, next: () => Pending): Pending {
  return first === undefined ? next() : first.then(next);
}

async function compact(run: Run): Promise<void> {
  run.begin();
  await run.engine.compact!();
  run.operations = 1;
}

async function open(run: Run): Promise<void> {
  const opens = Math.min(OPENS_MAX, Math.max(1, Math.floor(run.num / 10_000)));
  const { engine, settings } = run;
  run.message = `(${opens} times)`;
  await run.loop(opens, 1, false, () => reopen());
  async function reopen(): Promise<void> {
    await engine.close();
    await engine.open(run.directory, settings.sync);
  }
}
