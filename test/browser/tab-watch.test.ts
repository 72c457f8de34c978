/**
 * Watches of tabs that share a database, in a simulated browser: what one tab writes the others are
 * told, also when the tab that leads goes.
 * @module
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { PageDb, Watch } from '../../src/browser.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { TabWorld, type WorldTab } from './tab-world.ts';

const SEEDS = 12;
const STEPS = 60;
const KEYS = 40;

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Keeps the keys of a database by what a watch tells. */
class Mirror {
  keys: Set<string>;
  missedCount: number;
  readonly #db: PageDb;
  readonly #watch: Watch;
  readonly #ended: Promise<void>;
  #onEvent: () => void;

  constructor(db: PageDb) {
    this.keys = new Set();
    this.missedCount = 0;
    this.#db = db;
    this.#watch = db.watch({ prefix: 'k' });
    this.#onEvent = () => {};
    this.#ended = this.#follow();
  }

  /** Resolves when the key has been told of. */
  async until(key: string): Promise<void> {
    while (!this.keys.has(key)) {
      await new Promise<void>((resolve) => {
        this.#onEvent = resolve;
      });
    }
  }

  async close(): Promise<void> {
    this.#watch.close();
    await this.#ended;
  }

  async #follow(): Promise<void> {
    await this.#read();
    for await (const event of this.#watch) {
      if (event.type === 'batch') {
        for (const { type, key } of event.operations) {
          if (type === 'put') this.keys.add(text(key));
          else this.keys.delete(text(key));
        }
      } else {
        this.missedCount++;
        await this.#read();
      }
      this.#onEvent();
    }
  }

  async #read(): Promise<void> {
    for (;;) {
      try {
        this.keys = await keysOf(this.#db);
        return;
      } catch (error) {
        // Another tab took over in the midst of it.
        assert.match(String(error), /lost/);
      }
    }
  }
}

async function keysOf(db: PageDb): Promise<Set<string>> {
  const keys = new Set<string>();
  for await (const [key] of db.entries({ prefix: 'k' })) keys.add(text(key));
  return keys;
}

/** Lets tabs write, and go; returns how often a tab was told that it missed something. */
async function run(world: TabWorld, random: SeededRandom): Promise<number> {
  const tabs: { tab: WorldTab; mirror: Mirror }[] = [];
  const add = async (): Promise<void> => {
    const tab = world.tab(`tab${tabs.length}-${random.below(2 ** 31)}`);
    await tab.join();
    tabs.push({ tab, mirror: new Mirror(tab.db) });
  };
  for (let i = 0; i < 3; i++) await add();
  for (let step = 0; step < STEPS; step++) {
    const { db } = tabs[random.below(tabs.length)]!.tab;
    const key = `k${random.below(KEYS)}`;
    if (random.chance(0.4)) await db.delete(key);
    else await db.put(key, '');
    if (!random.chance(0.05)) continue;
    const leads = tabs.findIndex(({ tab }) => tab.isLeader);
    const [gone] = tabs.splice(leads < 0 ? 0 : leads, 1);
    if (random.chance(0.5)) gone!.tab.kill();
    else await gone!.tab.db.close();
    await add();
  }
  await tabs[0]!.tab.db.put('k-last', '');
  const wanted = [...(await keysOf(tabs[0]!.tab.db))].sort();
  let missedCount = 0;
  for (const { mirror } of tabs) {
    await mirror.until('k-last');
    assert.deepEqual([...mirror.keys].sort(), wanted);
    missedCount += mirror.missedCount;
    await mirror.close();
  }
  for (const { tab } of tabs) await tab.db.close();
  return missedCount;
}

test('tabs that watch have the keys of the database, whichever writes, leads, goes', async () => {
  let missedCount = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    missedCount += await run(new TabWorld(seed, new MemoryFs()), new SeededRandom(seed));
  }
  assert.ok(missedCount > 0, 'no tab has missed anything');
});
