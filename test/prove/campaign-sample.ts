/**
 * The databases that the damage campaign works on: closed cleanly, of several sessions, with what
 * every key ever was, and the directory as each session before the last left it.
 * @module
 */
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { NO_STAGES, type Sample } from './damage.ts';
import { DIRECTORY, openSeeded } from './environment.ts';
import { keyOf, type ModelEntry } from './model.ts';
import { valueFor } from './operations.ts';
import { STAGES } from './settings.ts';

const FORM: DbOptions = { blockSizeBytes: 512, restartInterval: 4 };
const FAMILIES = ['default', 'other'];
const KEYS = 30;
const SESSIONS = 4;

/** See the module head. */
export interface CampaignSample extends Sample {
  readonly name: string;
  /** By family and key, every value that the key has ever had, in hexadecimal. */
  readonly history: ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>;
  /** The directory after each session but the last, oldest first. */
  readonly older: readonly MemoryFs[];
}

/** Five of eight have error correction, two of them stripes. */
const SETS: Readonly<Record<string, DbOptions>> = {
  none: NO_STAGES,
  ...STAGES,
  shards: { compression: 'lz4', ecc: { scheme: 'reed-solomon', data: 4, parity: 2 } },
};

/** A sample for each set of stages. */
export async function campaignSamples(): Promise<CampaignSample[]> {
  const samples: CampaignSample[] = [];
  for (const [name, stages] of Object.entries(SETS)) {
    samples.push(await makeCampaignSample(name, stages));
  }
  return samples;
}

async function makeCampaignSample(name: string, stages: DbOptions): Promise<CampaignSample> {
  const fs = new MemoryFs();
  const options = { ...FORM, ...stages };
  const history = new Map(FAMILIES.map((family) => [family, new Map<string, Set<string>>()]));
  const older: MemoryFs[] = [];
  let content: Map<string, ModelEntry[]> = new Map();
  for (let session = 0; session < SESSIONS; session++) {
    const db = await openSeeded(fs, 20 + session, { ...options, columnFamilies: ['other'] });
    await live(db, session, history);
    content = new Map(
      FAMILIES.map((columnFamily) => {
        const entries = [...db.entries({ columnFamily })];
        return [columnFamily, entries.map(([key, value]): ModelEntry => [keyOf(key), value])];
      }),
    );
    await db.close();
    if (session < SESSIONS - 1) older.push(fs.clone());
  }
  return { name, options, fs, files: fs.list(DIRECTORY).sort(), content, history, older };
}

/** What a session does: tables of several levels, deletes, and a log with writes in no table. */
async function live(
  db: Db,
  session: number,
  history: ReadonlyMap<string, Map<string, Set<string>>>,
): Promise<void> {
  for (const columnFamily of FAMILIES) {
    const values = history.get(columnFamily)!;
    const step = columnFamily === 'other' ? 3 : 1;
    for (let round = 0; round < 2; round++) {
      for (let i = session; i < KEYS; i += step + session) {
        const key = `key-${String(i).padStart(2, '0')}`;
        if ((i + round + session) % 7 === 0) {
          db.delete(key, { columnFamily });
          continue;
        }
        const seed = session * 1000 + round * 100 + i;
        const value = valueFor({ seed, length: 20 + ((seed * 7) % 90) });
        db.put(key, value, { columnFamily });
        const known = values.get(key) ?? new Set();
        values.set(key, known.add(Buffer.from(value).toString('hex')));
      }
      // The last round of a session stays in its log.
      if (round === 0) await (session === 1 ? db.compact() : db.flush());
    }
  }
}
