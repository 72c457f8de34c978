/**
 * A reader beside the processes of a simulation, which goes to the newest state now and then: what
 * it shows is a state that the history allows, and its snapshots and cursors go on seeing theirs.
 * @module
 */
import type { Db } from '../../src/db/database.ts';
import type { DbCursor } from '../../src/db/db-cursor.ts';
import type { DbOptions } from '../../src/db/options.ts';
import type { Snapshot } from '../../src/db/snapshot.ts';
import type { Fs } from '../../src/fs/port.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { processOf } from './environment.ts';
import { expectSame } from './expect.ts';
import type { History } from './history.ts';

/** How often it is its turn, of the steps of a simulation. */
const DUE_CHANCE = 0.06;
const HELD_MAX = 3;

interface Held {
  readonly snapshot: Snapshot;
  readonly cursor: DbCursor;
  /** What both see of the default family. */
  readonly content: string;
}

/** See the module head. */
export class Follower {
  private readonly random: SeededRandom;
  private readonly seed: number;
  private readonly held: Held[];
  private db: Db | undefined;
  private seqno: number;

  constructor(seed: number) {
    this.random = new SeededRandom(2 ** 41 + seed);
    this.seed = seed;
    this.held = [];
    this.db = undefined;
    this.seqno = 0;
  }

  isDue(): boolean {
    return this.random.chance(DUE_CHANCE);
  }

  /**
   * Opens the database, or refreshes, and compares.
   * @param options of the process that writes
   * @param oldest what is shown is no older
   */
  async follow(fs: Fs, options: DbOptions, history: History, oldest: number): Promise<void> {
    if (this.db === undefined) this.db = await this.open(fs, options);
    else await this.db.refresh();
    const { db, held, random } = this;
    const least = Math.max(oldest, this.seqno);
    this.seqno = history.recognise(db, [], least).seqno;
    for (const one of held) {
      expectSame(contentOf(db, one.snapshot), one.content, 'what a snapshot of a reader sees');
      expectSame(contentOfCursor(one.cursor), one.content, 'what a cursor of a reader sees');
    }
    if (held.length > 0 && (held.length === HELD_MAX || random.chance(0.2))) {
      const { snapshot, cursor } = held.shift()!;
      snapshot.release();
      cursor.close();
    }
    if (random.chance(0.5)) {
      const content = contentOf(db, undefined);
      held.push({ snapshot: db.snapshot(), cursor: db.cursor(), content });
    }
  }

  private open(fs: Fs, options: DbOptions): Promise<Db> {
    const clock = new SimulatedClock(0);
    const turn = () => Promise.resolve();
    const process = processOf({ fs, clock, seed: this.seed, workerCount: 0, turn });
    // It takes the families that are there: those of the writer come and go.
    const { columnFamilies: _, ...others } = options;
    return process.open({ ...others, readOnly: true });
  }
}

function contentOf(db: Db, snapshot: Snapshot | undefined): string {
  const options = snapshot === undefined ? {} : { snapshot };
  return textOf(db.entries(options));
}

function contentOfCursor(cursor: DbCursor): string {
  const entries: [Uint8Array, Uint8Array][] = [];
  for (let on = cursor.first(); on; on = cursor.next()) {
    entries.push([cursor.key(), cursor.value()]);
  }
  return textOf(entries);
}

function textOf(entries: Iterable<readonly [Uint8Array, Uint8Array]>): string {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  return [...entries].map(([key, value]) => `${hex(key)}=${hex(value)}`).join();
}
