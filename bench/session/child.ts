/**
 * Sessions of one store in a process of its own. Argument: a {@link SessionJob} as JSON. Prints a
 * {@link SessionTimes} as a line of JSON.
 * @module
 */
import { Chunk } from '../driver/chunk.ts';
import { makeEngine } from '../vs/peers.ts';

export interface SessionJob {
  readonly peer: string;
  /** Of a store that was closed. */
  readonly directory: string;
  readonly count: number;
  readonly work: 'get' | 'put' | 'load';
}

/** Medians, in milliseconds. */
export interface SessionTimes {
  readonly open: number;
  readonly work: number;
  readonly close: number;
}

const KEY_BYTES = 16;
const VALUE_BYTES = 100;
/** Entries that a store holds when sessions begin. */
const LOADED_ENTRIES = 1000;

async function run({ peer, directory, count, work }: SessionJob): Promise<SessionTimes> {
  const times: Record<keyof SessionTimes, number[]> = { open: [], work: [], close: [] };
  for (let i = 0; i < count; i++) {
    const engine = makeEngine(peer);
    const chunk = new Chunk(engine.keyForm, LOADED_ENTRIES, KEY_BYTES);
    const numbers = work === 'load' ? Array.from({ length: LOADED_ENTRIES }, (_, n) => n) : [i];
    // Of each session its own: SQLite writes nothing where a row is what it was.
    const value = new Uint8Array(VALUE_BYTES).fill(work === 'load' ? 0xff : i);
    for (const number of numbers) {
      chunk.values[chunk.count] = value;
      chunk.add(number);
    }
    const begin = performance.now();
    await engine.open(directory, false);
    const opened = performance.now();
    await (work === 'get' ? engine.get(chunk) : engine.put(chunk));
    const done = performance.now();
    await engine.close();
    times.open.push(opened - begin);
    times.work.push(done - opened);
    times.close.push(performance.now() - done);
  }
  return { open: median(times.open), work: median(times.work), close: median(times.close) };
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

process.stdout.write(`${JSON.stringify(await run(JSON.parse(process.argv[2]!) as SessionJob))}\n`);
