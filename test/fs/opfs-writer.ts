/**
 * A web worker that writes to a database in OPFS until it is killed, and tells the page of each
 * write that is durable. First it checks what an earlier life has left: entries 0 to n-1 for some n
 * that is no less than what was told, and nothing else.
 * @module
 */
import { check, keyAt, SMALL } from '../executor/browser-world.ts';
import { OpfsWorld } from './opfs-world.ts';

/** What the page sends first. */
export interface WriterStart {
  readonly directory: string;
  /** Entries that were told to be durable. */
  readonly acknowledged: number;
}

/** What the page hears: how many entries are durable, or what is wrong. */
export type WriterReport = { readonly durable: number } | { readonly error: string };

const OPTIONS = { ...SMALL, compression: 'lz4', ecc: { scheme: 'secded' } } as const;
const BATCH_COUNT = 20;

addEventListener('message', ({ data }: MessageEvent<WriterStart>) => void run(data), {
  once: true,
});

async function run({ directory, acknowledged }: WriterStart): Promise<void> {
  try {
    const { db } = await OpfsWorld.open(directory, OPTIONS);
    let count = 0;
    for (const [key, value] of db.entries()) {
      const isRight = new TextDecoder().decode(key) === keyAt(count) && value[0] === count % 251;
      check(isRight, `entry ${count} is ${key}`);
      count++;
    }
    check(count >= acknowledged, `${count} entries where ${acknowledged} were durable`);
    report({ durable: count });
    for (;;) {
      for (let n = 0; n < BATCH_COUNT; n++, count++) {
        db.put(keyAt(count), new Uint8Array(300).fill(count % 251), {
          sync: n === BATCH_COUNT - 1,
        });
      }
      report({ durable: count });
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  } catch (error) {
    report({ error: String((error as Error).stack ?? error) });
  }
}

function report(report: WriterReport): void {
  postMessage(report);
}
