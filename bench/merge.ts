/**
 * What an entry costs in a flush and in a compaction: processor time, without the file system.
 *
 *     npm run bench -- merge [--entries N] [--keys N] [--rounds N] [--only REGEXP] [--json]
 *
 * `--entries` is what a memtable holds, `--keys` the number of different keys. The cases take
 * turns; shown are medians of nanoseconds per entry that is read, and the MB of keys and values
 * per second that these are. The inputs are in bench/merge/cases.ts.
 * @module
 */
import { parseArgs } from 'node:util';
import { loadChecksum } from '../src/block/checksum.ts';
import { textTable } from './driver/text-table.ts';
import { MergeCases } from './merge/cases.ts';
import { median } from './table/measure.ts';

const ENTRY_BYTES = 116;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      entries: { type: 'string', default: '110000' },
      keys: { type: 'string', default: '400000' },
      rounds: { type: 'string', default: '7' },
      only: { type: 'string', default: '' },
      json: { type: 'boolean', default: false },
    },
  });
  await loadChecksum();
  const pattern = new RegExp(values.only);
  const all = Object.entries(new MergeCases(Number(values.keys)).all(Number(values.entries)));
  const cases = all.filter(([name]) => pattern.test(name));
  const nanos = new Map<string, number[]>(cases.map(([name]) => [name, []]));
  // The first round warms up.
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const [name, merge] of cases) {
      const before = process.cpuUsage();
      const { entriesRead } = merge();
      const { user, system } = process.cpuUsage(before);
      if (round > 0) nanos.get(name)!.push(((user + system) * 1000) / entriesRead);
    }
  }
  const rows = cases.map(([name]) => {
    const perEntry = median(nanos.get(name)!);
    return { name, nanosPerEntry: perEntry, mbPerSecond: (ENTRY_BYTES * 1000) / perEntry };
  });
  if (values.json) {
    process.stdout.write(`${JSON.stringify(rows)}\n`);
    return;
  }
  const cells = rows.map(({ name, nanosPerEntry, mbPerSecond }) => {
    return [name, nanosPerEntry.toFixed(0), mbPerSecond.toFixed(0)];
  });
  process.stdout.write(`${textTable(['merge', 'ns/entry', 'MB/s'], cells)}\n`);
}

await main();
