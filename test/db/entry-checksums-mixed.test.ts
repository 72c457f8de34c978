/**
 * A database that is opened with entry checksums now and without them then, by family, against a
 * model.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { Db } from '../../src/db/database.ts';
import { WriteBatch } from '../../src/db/write-batch.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { keyAt, PATH, text } from './helpers.ts';

suite('a database whose option changes from open to open', () => {
  const step = fc.oneof(
    { weight: 12, arbitrary: fc.record({ do: fc.constant('write' as const), seed: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('flush' as const), seed: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('compact' as const), seed: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('reopen' as const), seed: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('snapshot' as const), seed: fc.nat() }) },
  );

  test('reads the same, mixes tables with and without, and verifies', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const run = new Mixed();
        await run.reopen(1);
        for (const { do: what, seed } of steps) {
          if (what === 'write') run.write(seed);
          else if (what === 'flush') await run.db.flush();
          else if (what === 'compact') await run.db.compact();
          else if (what === 'reopen') await run.reopen(seed);
          else run.takeSnapshot();
          run.compare();
        }
        assert.deepEqual((await run.db.verify()).uncorrectable, []);
        await run.db.close();
      }),
      { numRuns: 60 },
    );
  });
});

const FAMILIES = ['default', 'other'];

/** What a family holds: texts by key. */
type State = ReadonlyMap<string, string>;

class Mixed {
  db!: Db;
  readonly #fs = new MemoryFs();
  #state: State[] = FAMILIES.map(() => new Map());
  #snapshot: { seen: ReturnType<Db['snapshot']>; state: State[] } | undefined;

  async reopen(seed: number): Promise<void> {
    this.#snapshot = undefined;
    await this.db?.close();
    this.db = await open(PATH, {
      fs: this.#fs,
      entryChecksums: (seed & 1) === 1,
      columnFamilies: { other: { entryChecksums: (seed & 2) === 2 } },
    });
  }

  /** One batch over both families; a third of its operations are deletes. */
  write(seed: number): void {
    const batch = new WriteBatch({ entryChecksums: (seed & 4) === 4 });
    this.#state = this.#state.map((state) => new Map(state));
    for (let i = 0; i < 1 + (seed % 5); i++) {
      const number = (seed + i * 7919) % 97;
      const family = number % FAMILIES.length;
      const key = keyAt(number % 11);
      const handle =
        family === 0 && number % 3 === 0 ? undefined : this.db.columnFamily(FAMILIES[family]!);
      const state = this.#state[family] as Map<string, string>;
      if (number % 3 === 1) {
        batch.delete(key, handle);
        state.delete(key);
      } else {
        batch.put(key, `${seed} ${i}`, handle);
        state.set(key, `${seed} ${i}`);
      }
    }
    this.db.write(batch);
  }

  takeSnapshot(): void {
    this.#snapshot?.seen.release();
    this.#snapshot = { seen: this.db.snapshot(), state: this.#state };
  }

  compare(): void {
    FAMILIES.forEach((columnFamily, i) => {
      this.#compareOne({ columnFamily }, this.#state[i]!);
      const snapshot = this.#snapshot;
      if (snapshot === undefined) return;
      this.#compareOne({ columnFamily, snapshot: snapshot.seen }, snapshot.state[i]!);
    });
  }

  #compareOne(options: Parameters<Db['entries']>[0], state: State): void {
    const found = [...this.db.entries(options)].map((pair) => pair.map((part) => text(part)!));
    assert.deepEqual(found, [...state].sort());
  }
}
