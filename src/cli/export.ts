/**
 * `varve export`.
 * @module
 */
import { Command } from 'commander';
import type { Db, LostRange } from '../index.ts';
import { toJson } from './encoding.ts';
import { usageError } from './failure.ts';
import { formatBytes, formatItems, formatRate, formatSeconds } from './format.ts';
import { addKeys } from './keys.ts';
import {
  addEncoding,
  addFamily,
  addJson,
  addRate,
  type EncodingOptions,
  type FamilyOptions,
  givenOptions,
  type RateOptions,
} from './options.ts';
import { Output } from './output.ts';
import { Progress } from './progress.ts';
import { DEFAULT_FAMILY, withReader } from './session.ts';
import { SKIP_OPTION, tellSkipped } from './skipped.ts';

interface ExportOptions extends FamilyOptions, EncodingOptions, RateOptions {
  readonly skip?: boolean;
  readonly whole?: boolean;
}

/** Every block is read once. */
const WHOLE_SCAN = { fillCache: false, readAheadBytes: 262_144 } as const;

/** The command; entries go to `output` if no file is named. */
export function exportCommand(output: Output): Command {
  const command = new Command('export')
    .description('write all entries as JSON lines, from which import restores them exactly')
    .argument('<db>', 'directory of the database')
    .argument('[file]', "replaced if it exists; '-' or nothing: standard output")
    .option('--whole', 'the whole database as one file instead, with its files as they are')
    .option(...SKIP_OPTION)
    .addHelpText('after', HELP)
    .action(async (path: string, file: string | undefined, options: ExportOptions, self) => {
      const given = givenOptions(self);
      if (options.whole) {
        if (given.some((name) => ['family', 'skip', 'encoding'].includes(name))) {
          throw usageError(
            '--whole takes the files as they are: no --family, --skip or --encoding',
          );
        }
        const { exportWhole } = await import('./export-file.ts');
        return exportWhole(path, file, options, output);
      }
      if (given.includes('rate')) throw usageError('--rate is for --whole');
      const isFile = file !== undefined && file !== '-';
      await withReader(path, options, async (db) => {
        // Checked before a file is replaced.
        if (options.family !== undefined) db.columnFamily(options.family);
        const target = isFile ? Output.file(file) : output;
        const begin = performance.now();
        const { skipped, ...written } = await exportAll(db, target, options, isFile);
        await target.end();
        if (!isFile) return tellSkipped(skipped, options.encoding);
        const milliseconds = performance.now() - begin;
        if (options.json) {
          await output.json({ ...written, milliseconds: Math.round(milliseconds) });
        } else {
          await output.text(summary(written, milliseconds));
        }
        tellSkipped(skipped, options.encoding);
      });
    });
  addKeys(addRate(command, 'copy'), 'read');
  return addJson(addEncoding(addFamily(command, 'only this column family; all if absent')));
}

const HELP = `
A line is {"key": "...", "value": "..."}, with {"base64": "..."} in place of a string for bytes that
are not UTF-8. Entries of families other than default have a "family" as well, unless --family asks
for one. All entries are of the same moment, also while another process writes.

With --whole the file is a tar of the database's files, encrypted if they are. Commands that read
take it in place of a directory, and 'varve import --whole' makes a database of it.`;

interface Written {
  readonly entries: number;
  /** Of keys and values. */
  readonly bytes: number;
}

/** What was left out for damage. */
interface Exported extends Written {
  readonly skipped: readonly LostRange[];
}

async function exportAll(
  db: Db,
  target: Output,
  options: ExportOptions,
  isFile: boolean,
): Promise<Exported> {
  const { family, encoding, skip } = options;
  const families = family === undefined ? db.listColumnFamilies() : [family];
  const memtables = db.stats().columnFamilies.filter(({ name }) => families.includes(name));
  let totalBytes = memtables.reduce((sum, { memtableBytes }) => sum + memtableBytes, 0);
  for (const name of families) totalBytes += db.approximateSize({ columnFamily: name });
  const progress = new Progress('exporting', totalBytes, isFile && !options.json);
  const skipped: LostRange[] = [];
  const onDamage = skip === true ? 'skip' : 'throw';
  let entries = 0;
  let bytes = 0;
  try {
    for (const name of families) {
      const label = family === undefined && name !== DEFAULT_FAMILY ? { family: name } : {};
      const found = db.entries({ columnFamily: name, borrow: true, onDamage, ...WHOLE_SCAN });
      for (const [key, value] of found) {
        if (target.isClosed) return { entries, bytes, skipped };
        // The bytes are lent: they become text before anything is waited for.
        await target.json({ key: toJson(key, encoding), value: toJson(value, encoding), ...label });
        entries++;
        bytes += key.length + value.length;
        progress.update(Math.min(bytes, totalBytes));
      }
      skipped.push(...found.lostRanges);
    }
  } finally {
    progress.stop();
  }
  return { entries, bytes, skipped };
}

function summary({ entries, bytes }: Written, milliseconds: number): string {
  const amount = `${formatItems(entries, 'entry', 'entries')}, ${formatBytes(bytes)}`;
  const rate = formatRate(bytes, milliseconds);
  return `exported ${amount} in ${formatSeconds(milliseconds)} (${rate})\n`;
}
