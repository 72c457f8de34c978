/**
 * What the tabs of the random tests do: each writes entries of its own, one behind the other and
 * several at a time, and values of its own to registers that all tabs write; and reads.
 * @module
 */
import type { PageDb } from '../../src/browser/page-db.ts';
import { isVarveError } from '../../src/errors.ts';
import type { SeededRandom } from '../../src/testing/seeded-random.ts';
import { check, type Shown, type TabHistory } from './tab-history.ts';
import { TabView } from './tab-view.ts';

const REGISTERS = 2;
/** Large enough that memory is flushed, and logs end, every few dozen writes. */
const PADDING = new Uint8Array(900);

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes && new TextDecoder().decode(bytes);
}

function ownKey(tab: string, n: number): string {
  return `own/${tab}/${String(n).padStart(6, '0')}`;
}

/** The life of one tab, until it is told to end. */
export class TabLife {
  /** What it is told of the writes of all tabs. */
  readonly view: TabView;
  readonly #name: string;
  readonly #db: PageDb;
  readonly #random: SeededRandom;
  readonly #history: TabHistory;
  #registerWrites: number;
  isEnding: boolean;

  constructor(name: string, db: PageDb, random: SeededRandom, history: TabHistory) {
    this.view = new TabView(db);
    this.#name = name;
    this.#db = db;
    this.#random = random;
    this.#history = history;
    this.#registerWrites = 0;
    this.isEnding = false;
  }

  async run(): Promise<void> {
    const viewed = this.view.run();
    // It goes on until the database is closed, and fails at once.
    const live = async (): Promise<void> => {
      while (!this.isEnding) await this.#step();
    };
    await Promise.race([live(), viewed]);
  }

  async #step(): Promise<void> {
    const choice = this.#random.below(16);
    if (choice < 5) await this.#write();
    else if (choice < 8) await this.#writeRegister();
    else if (choice < 12) await this.#readRegister();
    else if (choice < 14) await this.#scan();
    else if (choice < 15) await this.#look();
    else await (this.#random.below(2) === 0 ? this.#db.sync() : this.#db.flush());
  }

  /** One to four batches under way at a time. */
  async #write(): Promise<void> {
    const count = 1 + this.#random.below(4);
    await Promise.all(Array.from({ length: count }, () => this.#writeOne()));
  }

  async #writeOne(): Promise<void> {
    const history = this.#history;
    const name = this.#name;
    const n = (history.written.get(name) ?? 0) + 1;
    history.written.set(name, n);
    const put = (key: string, value: string | Uint8Array) => ({ type: 'put', key, value }) as const;
    const operations = [put(ownKey(name, n), PADDING), put(`newest/${name}`, String(n))];
    const seqno = await this.#db.write(operations, { sync: this.#random.below(3) === 0 });
    check(seqno > 0, 'a seqno');
    history.acknowledge(name, n);
  }

  async #writeRegister(): Promise<void> {
    const register = `register/${this.#random.below(REGISTERS)}`;
    await this.#db.put(register, `${this.#name} ${++this.#registerWrites}`);
  }

  async #readRegister(): Promise<void> {
    const register = `register/${this.#random.below(REGISTERS)}`;
    const asked = this.#history.tick();
    const value = text(await this.#db.get(register));
    this.#history.noteRead(register, value, asked);
  }

  /** All that this tab has written, as of one moment. */
  async #scan(): Promise<void> {
    const acknowledged = this.#history.acknowledged.get(this.#name) ?? 0;
    let n = 0;
    const reverse = this.#random.below(2) === 0;
    try {
      for await (const [key] of this.#db.entries({ prefix: `own/${this.#name}/`, reverse })) {
        n++;
        check(reverse || text(key) === ownKey(this.#name, n), `${this.#name}: a scan has a gap`);
      }
    } catch (error) {
      if (!isVarveError(error, 'STALE')) throw error;
      return;
    }
    check(n >= acknowledged, `${this.#name}: a scan shows ${n} of ${acknowledged} writes`);
  }

  /** The parts of a batch, as of a snapshot. */
  async #look(): Promise<void> {
    const snapshot = await this.#db.snapshot();
    try {
      const newest = Number(text(await this.#db.get(`newest/${this.#name}`, { snapshot })) ?? 0);
      const keys = [ownKey(this.#name, newest), ownKey(this.#name, newest + 1)];
      const [here, after] = await this.#db.getMany(keys, { snapshot });
      check((newest === 0 || here !== undefined) && after === undefined, 'a part of a batch');
    } catch (error) {
      if (!isVarveError(error, 'STALE')) throw error;
    }
    await snapshot.release();
  }
}

/** The newest writes of what is shown, which every tab has to be told of. */
export function newestOf(shown: readonly Shown[]): Map<string, number> {
  return new Map(shown.map(({ tab, newest }) => [tab, newest]));
}

/** Reads what is there of the writes of tabs. */
export async function readAll(db: PageDb, tabs: Iterable<string>): Promise<Shown[]> {
  const all: Shown[] = [];
  for (const tab of tabs) {
    const numbers: number[] = [];
    const prefix = `own/${tab}/`;
    for await (const [key] of db.entries({ prefix })) {
      numbers.push(Number(text(key)!.slice(prefix.length)));
    }
    all.push({ tab, numbers, newest: Number(text(await db.get(`newest/${tab}`)) ?? 0) });
  }
  return all;
}
