/**
 * Tabs that write and read while others are closed, killed, also in the middle of a write to a
 * file, and frozen, with and without notice. `TABS_SEED` names the first seed, `TABS_ROUNDS` how
 * many.
 * @module
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { MemoryFs } from '../../src/fs/memory.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { TabHistory } from './tab-history.ts';
import { newestOf, readAll, TabLife } from './tab-life.ts';
import { TabWorld, type WorldTab } from './tab-world.ts';

const FIRST_SEED = Number(process.env.TABS_SEED ?? 1);
const ROUNDS = Number(process.env.TABS_ROUNDS ?? 12);
const BLOWS = 12;

interface Life {
  readonly tab: WorldTab;
  readonly life: TabLife;
  readonly end: Promise<void>;
}

class Round {
  readonly world: TabWorld;
  readonly #random: SeededRandom;
  readonly #history: TabHistory;
  readonly #lives: Life[];
  #tabCount: number;

  constructor(seed: number) {
    this.world = new TabWorld(seed, new MemoryFs());
    this.#random = new SeededRandom(seed + 1);
    this.#history = new TabHistory();
    this.#lives = [];
    this.#tabCount = 0;
  }

  async run(tabCount: number): Promise<void> {
    for (let i = 0; i < tabCount; i++) this.#open();
    for (let blow = 0; blow < BLOWS; blow++) {
      await turns(20 + this.#random.below(150));
      await this.#strike();
      while (this.#alive().length < tabCount) this.#open();
    }
    for (const { tab, life } of this.#lives) {
      tab.thaw();
      tab.killAtWrite(Number.POSITIVE_INFINITY);
      life.isEnding = true;
    }
    await Promise.all(this.#alive().map(({ end }) => end));
    const judge = this.world.tab('judge');
    await judge.join();
    const history = this.#history;
    const shown = await readAll(judge.db, history.written.keys());
    history.check(shown);
    await Promise.all(this.#alive().map(({ life }) => life.view.until(newestOf(shown))));
    await Promise.all([...this.#alive().map(({ tab }) => tab), judge].map(({ db }) => db.close()));
  }

  #open(): void {
    const name = `tab${this.#tabCount++}`;
    const tab = this.world.tab(name);
    const random = new SeededRandom(this.#random.u32());
    const life = new TabLife(name, tab.db, random, this.#history);
    const end = tab.join().then(() => life.run());
    this.#lives.push({ tab, life, end });
  }

  #alive(): Life[] {
    return this.#lives.filter(({ tab }) => !tab.isDead);
  }

  async #strike(): Promise<void> {
    const lives = this.#alive();
    if (lives.length === 0) return;
    const leader = lives.find(({ tab }) => tab.isLeader);
    const any = lives[this.#random.below(lives.length)]!;
    const { tab } = this.#random.below(2) === 0 ? (leader ?? any) : any;
    const choice = this.#random.below(8);
    if (choice < 2) tab.kill();
    else if (choice < 4) leader?.tab.killAtWrite(1 + this.#random.below(60));
    else if (choice < 5) tab.killWorker();
    else if (choice < 6) tab.freeze(true);
    else if (choice < 7) tab.freeze(false);
    else await this.#close(any);
    for (const life of lives) if (this.#random.below(3) === 0) life.tab.thaw();
  }

  /** Not awaited to the end: it may hang on a tab that is frozen. */
  async #close({ tab, life, end }: Life): Promise<void> {
    life.isEnding = true;
    void end.then(async () => {
      await tab.db.close();
      tab.kill();
    });
  }
}

function turns(count: number): Promise<void> {
  return new Promise((resolve) => {
    const wait = (left: number): void =>
      void (left === 0 ? resolve() : setImmediate(wait, left - 1));
    wait(count);
  });
}

for (let seed = FIRST_SEED; seed < FIRST_SEED + ROUNDS; seed++) {
  test(`tabs lose nothing and do nothing twice, seed ${seed}`, async () => {
    const round = new Round(seed);
    await round.run(seed % 3 === 0 ? 5 : 2);
    assert.equal(round.world.opfs.open.size, 0);
  });
}
