/**
 * `varve verify` and `compact`.
 * @module
 */
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { isVarveError } from '../errors.ts';
import type { Correction, DbEvent, DbStats } from '../index.ts';
import { typeName } from '../inspect/names.ts';
import { keyArgument, toJson, toText } from './encoding.ts';
import { CommandError, EXIT_NOT_FOUND_OR_DAMAGE } from './failure.ts';
import { formatBytes, formatItems, formatRate, formatSeconds } from './format.ts';
import { addKeys } from './keys.ts';
import {
  addEncoding,
  addFamily,
  addJson,
  addWriting,
  type EncodingOptions,
  type FamilyOptions,
} from './options.ts';
import type { Output } from './output.ts';
import { inFamily } from './point-commands.ts';
import { Progress } from './progress.ts';
import { unlessStopped, withReader, withWriter } from './session.ts';
import { levelsText } from './stats-text.ts';
import type { StorageOptions } from './storage.ts';

/** A writer may remove a table before it is verified; then the newer tables are verified. */
const VERIFY_ATTEMPTS_MAX = 3;

interface CompactOptions extends FamilyOptions, EncodingOptions, StorageOptions {
  readonly from?: string;
  readonly to?: string;
}

/** Damage as it is shown; without keys when it concerns the whole database. */
interface ShownDamage {
  readonly file: string | undefined;
  readonly offset: number | undefined;
  readonly message: string;
  readonly smallestKey?: Uint8Array;
  readonly largestKey?: Uint8Array;
}

interface Verification {
  readonly tableCount: number;
  readonly bytesRead: number;
  /** Unfinished ends of logs: no damage, but nobody should be surprised by it. */
  readonly dropped: DbStats['recovery']['dropped'];
  /** Damage that error correction puts right whenever it is read. */
  readonly corrected: readonly Correction[];
  readonly damage: readonly ShownDamage[];
}

/** The commands, which print to `output`. */
export function maintenanceCommands(output: Output): Command[] {
  return [verifyCommand(output), compactCommand(output)];
}

function verifyCommand(output: Output): Command {
  const command = new Command('verify')
    .description('read everything from disk and check it; exit code 1 if something is damaged')
    .argument('<db>', 'directory of the database')
    .action(async (path: string, options: EncodingOptions) => {
      const begin = performance.now();
      const found = await verify(path, options);
      const milliseconds = performance.now() - begin;
      const { tableCount, bytesRead, dropped, corrected, damage } = found;
      if (options.json) {
        await output.json({
          tables: tableCount,
          bytes: bytesRead,
          milliseconds: Math.round(milliseconds),
          dropped,
          corrected,
          damage: damage.map((one) => damageJson(one, options)),
        });
      } else {
        const amount = `${formatItems(tableCount, 'table')}, ${formatBytes(bytesRead)}`;
        const rate = formatRate(bytesRead, milliseconds);
        await output.text(`verified ${amount} in ${formatSeconds(milliseconds)} (${rate})\n`);
        for (const { file, offset, reason } of dropped) {
          await output.text(`unfinished log, no damage: ${file}, offset ${offset}: ${reason}\n`);
        }
        for (const one of corrected) await output.text(correctionText(one));
        for (const one of damage) await output.text(damageText(one, options));
        if (damage.length === 0) {
          await output.text(corrected.length === 0 ? 'no damage\n' : 'no other damage\n');
        }
      }
      if (damage.length > 0) {
        const text = `${formatItems(damage.length, 'file is', 'files are')} damaged`;
        throw new CommandError('CORRUPTION', text, EXIT_NOT_FOUND_OR_DAMAGE);
      }
    });
  addKeys(command, 'read');
  return addJson(addEncoding(command));
}

async function verify(path: string, options: EncodingOptions): Promise<Verification> {
  for (let attempt = 1; ; attempt++) {
    const found = await verifyOnce(path, options).catch(asFinding);
    const isOutrun = found.damage.some(({ file }) => file !== undefined && !existsSync(file));
    if (!isOutrun || attempt === VERIFY_ATTEMPTS_MAX) return found;
  }
}

/** A database that is too damaged to be opened is a finding; other errors are thrown on. */
function asFinding(error: unknown): Verification {
  if (!isVarveError(error)) throw error;
  const { code, file, offset, message } = error;
  const isMissing = code === 'IO' && file !== undefined && !existsSync(file);
  if (code !== 'CORRUPTION' && !isMissing) throw error;
  const damage = [{ file, offset, message }];
  return { tableCount: 0, bytesRead: 0, dropped: [], corrected: [], damage };
}

function verifyOnce(path: string, options: EncodingOptions): Promise<Verification> {
  const corrections = new Map<string, Correction>();
  // Opening corrects what it reads of CURRENT, manifest and logs.
  const onEvent = (event: DbEvent) => {
    if (event.type === 'corrected') corrections.set(`${event.offset} ${event.file}`, event);
  };
  return withReader(path, { ...options, onEvent }, async (db) => {
    const { tableBytes, recovery } = db.stats();
    const progress = new Progress('verifying', tableBytes, !options.json);
    try {
      const report = await db.verify({ onProgress: (bytesRead) => progress.update(bytesRead) });
      const { tableCount, bytesRead, uncorrectable: damage } = report;
      const corrected = [...corrections.values()];
      return { tableCount, bytesRead, dropped: recovery.dropped, corrected, damage };
    } finally {
      progress.stop();
    }
  });
}

function correctionText(correction: Correction): string {
  const { file, offset, blockType, correctedShards, correctedBits } = correction;
  const what = blockType === 0 ? 'file header' : `${typeName(blockType)} block`;
  const how =
    correctedBits > 0 ? formatItems(correctedBits, 'bit') : formatItems(correctedShards, 'shard');
  return `corrected when read, still in the file: ${file}, offset ${offset}: ${what}, ${how}\n`;
}

function damageJson(damage: ShownDamage, { encoding }: EncodingOptions): object {
  const { file, offset, message, smallestKey, largestKey } = damage;
  return {
    file,
    offset,
    message,
    ...(smallestKey === undefined ? {} : { smallestKey: toJson(smallestKey, encoding) }),
    ...(largestKey === undefined ? {} : { largestKey: toJson(largestKey, encoding) }),
  };
}

function damageText(damage: ShownDamage, { encoding }: EncodingOptions): string {
  const { file, offset, message, smallestKey, largestKey } = damage;
  const place = offset === undefined ? 'the whole file' : `offset ${offset}`;
  const keys =
    smallestKey === undefined || largestKey === undefined
      ? ''
      : `  keys:   ${toText(smallestKey, encoding)} to ${toText(largestKey, encoding)}\n`;
  return `damaged:  ${file ?? 'database'}\n  place:  ${place}\n  reason: ${message}\n${keys}`;
}

function compactCommand(output: Output): Command {
  const command = new Command('compact')
    .description('merge tables, so that what was overwritten and deleted takes no space')
    .argument('<db>', 'directory of the database')
    .option('--from <key>', 'first key of the range; from the beginning if absent')
    .option('--to <key>', 'last key of the range; to the end if absent')
    .action(async (path: string, options: CompactOptions) => {
      const { family, encoding, from, to } = options;
      const range = {
        ...(from === undefined ? {} : { from: keyArgument(from, encoding) }),
        ...(to === undefined ? {} : { to: keyArgument(to, encoding) }),
      };
      const begin = performance.now();
      const [before, after] = await withWriter(
        path,
        { ...options, create: false },
        async (db, stop) => {
          await unlessStopped(db.flush(inFamily(family, {})), stop);
          const sizes = db.stats();
          await unlessStopped(db.compact(inFamily(family, range)), stop);
          return [sizes, db.stats()] as const;
        },
      );
      await report(output, before, after, performance.now() - begin, options);
    });
  addWriting(command);
  return addJson(addEncoding(addFamily(command, 'only this column family; all if absent')));
}

async function report(
  output: Output,
  before: DbStats,
  after: DbStats,
  milliseconds: number,
  { json }: CompactOptions,
): Promise<void> {
  if (json) {
    const sizes = ({ tableCount, tableBytes }: DbStats) => ({ tableCount, tableBytes });
    await output.json({
      before: sizes(before),
      after: sizes(after),
      milliseconds: Math.round(milliseconds),
    });
    return;
  }
  const sizes = ({ tableCount, tableBytes }: DbStats) =>
    `${formatBytes(tableBytes)} in ${formatItems(tableCount, 'table')}`;
  await output.text(`before  ${sizes(before)}\nafter   ${sizes(after)}\n`);
  await output.text(`took    ${formatSeconds(milliseconds)}\n\n`);
  await output.text(levelsText(after.columnFamilies));
}
