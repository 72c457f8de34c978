/**
 * Writes that keep the amount of live data the same, for ten times its size: how much disk they
 * take.
 *
 *     npm run bench -- churn [--live-mib N] [--turnovers N] [--only REGEXP] [--options JSON]
 *                            [--json]
 *
 * Nothing is compressed, so that bytes on disk compare with bytes of keys and values; otherwise
 * options are as they come. The live data should be many times the write buffer (16 MiB). `peak` is
 * the most that all files took once everything was filled, `at rest` what they take when
 * compactions have ended. The rows are in bench/churn/workloads.ts.
 * @module
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type DbOptions, open } from '../src/index.ts';
import { type ChurnResult, runChurn } from './churn/run.ts';
import { CHURNS } from './churn/workloads.ts';
import { megabytes, rate, textTable } from './driver/text-table.ts';

const MIB = 1_048_576;
const VALUE_BYTES = 100;
const ENTRY_BYTES = 16 + VALUE_BYTES;

const { values } = parseArgs({
  options: {
    'live-mib': { type: 'string', default: '256' },
    turnovers: { type: 'string', default: '10' },
    only: { type: 'string', default: '' },
    options: { type: 'string', default: '{}' },
    json: { type: 'boolean', default: false },
  },
});
const liveCount = Math.ceil((Number(values['live-mib']) * MIB) / ENTRY_BYTES);
const pattern = new RegExp(values.only);
const rows: string[][] = [];
for (const name of Object.keys(CHURNS).filter((one) => pattern.test(one))) {
  const result = await run(name, JSON.parse(values.options) as DbOptions);
  if (values.json) console.log(JSON.stringify({ name, ...result }));
  else rows.push(rowOf(name, result));
}
const head = ['churn', 'writes/s', 'live', 'peak', 'by live', 'at rest', 'by live', 'write ampl.'];
if (!values.json) console.log(textTable(head, rows));

async function run(name: string, options: DbOptions): Promise<ChurnResult> {
  const directory = mkdtempSync(join(tmpdir(), 'varve-churn-'));
  const db = await open(directory, { compression: 'none', ...options });
  try {
    const turnovers = Number(values.turnovers);
    const plan = { name, liveCount, valueBytes: VALUE_BYTES, turnovers };
    return await runChurn(db, plan, () => sizeOf(directory));
  } finally {
    // Until then its threads write.
    await db.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Of files that may vanish meanwhile. */
function sizeOf(directory: string): number {
  let bytes = 0;
  for (const file of readdirSync(directory)) {
    bytes += statSync(join(directory, file), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

function rowOf(name: string, result: ChurnResult): string[] {
  const { operations, seconds, liveBytes, peakBytes, finalBytes } = result;
  return [
    name,
    rate(operations / seconds),
    megabytes(liveBytes),
    megabytes(peakBytes),
    (peakBytes / liveBytes).toFixed(2),
    megabytes(finalBytes),
    (finalBytes / liveBytes).toFixed(2),
    result.writeAmplification.toFixed(1),
  ];
}
