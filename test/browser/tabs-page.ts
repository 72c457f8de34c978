/**
 * A tab of the tests with real tabs: `#database,tab,seed`. What it has done goes to `report`, which
 * the driver of the browser has put there (scripts/browser-tabs.mjs).
 * @module
 */
import { openInWorker } from '../../src/browser.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { type Shown, TabHistory } from './tab-history.ts';
import { newestOf, readAll, TabLife } from './tab-life.ts';

declare const report: (news: string) => void;

const [database = '', tab = '', seed = '0'] = location.hash.slice(1).split(',');

/** Events that say nothing about a failure. */
const ROUTINE = /^(flush|compaction|stall)/;

/** Times are milliseconds, of a clock that all tabs have. */
class ReportedHistory extends TabHistory {
  override tick(): number {
    return performance.timeOrigin + performance.now();
  }

  override acknowledge(name: string, n: number): void {
    super.acknowledge(name, n);
    tell({ acknowledged: n });
  }

  override noteRead(register: string, value: string | undefined, asked: number): void {
    tell({ register, read: { value, asked, answered: this.tick() } });
  }
}

async function run(): Promise<void> {
  const history = new ReportedHistory();
  const db = await openInWorker(database, {
    db: { writeBufferBytes: 64 * 1024 },
    onEvent: (event) => {
      if (!ROUTINE.test(event.type)) tell({ event });
    },
  });
  const life = new TabLife(tab, db, new SeededRandom(Number(seed)), history);
  const lived = life.run();
  lived.catch((error: unknown) => fail(error));
  const ends = {
    /** Ends this life; resolves to the number of its newest write. */
    finish: async () => {
      life.isEnding = true;
      await lived;
      return history.written.get(tab) ?? 0;
    },
    /** Closes the database. */
    close: () => db.close(),
    /** Resolves when it was told of all that is there. */
    follow: (shown: readonly Shown[]) => life.view.until(newestOf(shown)),
    /** What is there of the writes of these tabs. */
    judge: (tabs: readonly string[]) => readAll(db, tabs),
  };
  Object.assign(globalThis, ends);
  tell({ isOpen: true });
}

function tell(news: object): void {
  report(JSON.stringify({ tab, ...news }));
}

function fail(error: unknown): void {
  tell({ error: String((error as Error).stack ?? error) });
}

run().catch(fail);
