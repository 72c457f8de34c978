/**
 * `varve backup`.
 * @module
 */
import { existsSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import {
  type BackupInfo,
  type BackupReport,
  Backups,
  type BackupVerification,
  type CopyOptions,
  DirectoryTarget,
  type PurgeReport,
} from '../backup/index.ts';
import { isVarveError } from '../errors.ts';
import { NodeFs } from '../fs/node.ts';
import { CommandError, EXIT_NOT_FOUND_OR_DAMAGE, usageError } from './failure.ts';
import { formatBytes, formatItems, formatSeconds, formatTable } from './format.ts';
import { addKeys, type KeyOptions } from './keys.ts';
import { addJson, addRate, parseCount, type RateOptions, rateOf } from './options.ts';
import type { Output } from './output.ts';
import { withProgress } from './progress.ts';
import { interruptible, requireDatabase, withReader } from './session.ts';

const DAY_MS = 24 * 60 * 60_000;

interface JsonOptions {
  readonly json?: boolean;
}

interface CreateOptions extends KeyOptions, RateOptions {}

interface ChoiceOptions extends JsonOptions, RateOptions {
  readonly backup?: number | string;
}

interface PurgeOptions extends JsonOptions {
  readonly keep?: number;
  readonly olderThan?: number;
  readonly id?: readonly string[];
}

/** The command and its parts, which print to `output`. */
export function backupCommand(output: Output): Command {
  const command = new Command('backup')
    .description('make, check, remove and restore incremental backups in a directory')
    .addHelpText('after', HELP);
  const parts = [createPart, listPart, verifyPart, purgePart, restorePart];
  for (const part of parts) command.addCommand(addJson(part(output)));
  return command;
}

const HELP = `
A backup stores the files that the target does not have yet, as they are on disk. An encrypted
database is backed up without its key, as long as no other process has it open for writing.`;

function createPart(output: Output): Command {
  const command = new Command('create')
    .description('back up a database, beside a process that writes as well')
    .argument('<db>', 'directory of the database')
    .argument('<target>', 'directory of the backups; it is made if there is none')
    .action(async (path: string, target: string, options: CreateOptions) => {
      const begin = performance.now();
      const report = await create(path, target, options);
      await printBackup(output, report, performance.now() - begin, options);
    });
  return addKeys(addRate(command, 'copy'), 'read');
}

/** Where nobody has it open no key is needed; otherwise it is read beside the one who has. */
async function create(path: string, target: string, options: CreateOptions): Promise<BackupReport> {
  requireDatabase(path);
  const backups = backupsIn(target);
  return follow('backup', options, async (work) => {
    try {
      return await backups.createFrom(new NodeFs(), path, work);
    } catch (error) {
      if (!isVarveError(error, 'LOCKED')) throw error;
    }
    return withReader(path, options, (db) => backups.create(db, work));
  });
}

async function printBackup(
  output: Output,
  report: BackupReport,
  milliseconds: number,
  { json }: KeyOptions,
): Promise<void> {
  const { number, id, seqno, fileCount, reusedCount, bytesStored, damaged } = report;
  if (json) await output.json({ ...report, milliseconds: Math.round(milliseconds) });
  else {
    const state = seqno === null ? '' : ` of seqno ${seqno}`;
    await output.text(`backup ${number}${state}, id ${id}\n`);
    const files = `${formatItems(fileCount, 'file')}, ${reusedCount} of them there before`;
    await output.text(`${files}, ${formatBytes(bytesStored)} stored`);
    await output.text(` in ${formatSeconds(milliseconds)}\n`);
    for (const name of damaged) await output.text(`damaged, and stored as it is: ${name}\n`);
  }
  if (damaged.length === 0) return;
  const text = `${formatItems(damaged.length, 'file is', 'files are')} damaged`;
  throw new CommandError('CORRUPTION', text, EXIT_NOT_FOUND_OR_DAMAGE);
}

function listPart(output: Output): Command {
  return new Command('list')
    .description('what backups there are')
    .argument('<target>', 'directory of the backups')
    .action(async (target: string, { json }: JsonOptions) => {
      const found = await existingIn(target).list();
      if (json) {
        await output.json(found);
        return;
      }
      if (found.backups.length === 0) await output.text('no backups\n');
      else await output.text(listText(found.backups));
      for (const id of found.damaged) await output.text(`damaged inventory: ${id}\n`);
      for (const id of found.pending) await output.text(`being made, or cut off: ${id}\n`);
    });
}

function listText(backups: readonly BackupInfo[]): string {
  const rows = backups.map((one) => [
    String(one.number),
    one.id,
    new Date(one.createdAtMs).toISOString(),
    one.seqno === null ? '-' : String(one.seqno),
    String(one.fileCount),
    formatBytes(one.bytesTotal),
    formatBytes(one.bytesOwn),
  ]);
  const head = ['backup', 'id', 'made', 'seqno', 'files', 'size', 'only here'];
  return formatTable(head, rows);
}

function verifyPart(output: Output): Command {
  const command = new Command('verify')
    .description('read all that backups consist of; exit code 1 if something is damaged')
    .argument('<target>', 'directory of the backups')
    .action(async (target: string, options: ChoiceOptions) => {
      const { backup, json } = options;
      const choice = backup === undefined ? {} : { backup };
      const found = await follow('verifying', options, (work) =>
        existingIn(target).verify({ ...work, ...choice }),
      );
      await printVerification(output, found, json === true);
    });
  return addChoice(addRate(command, 'read'), 'only this one; all if absent');
}

async function printVerification(
  output: Output,
  found: BackupVerification,
  isJson: boolean,
): Promise<void> {
  const { backupCount, objectCount, bytesRead, damage } = found;
  if (isJson) await output.json(found);
  else {
    const backups = formatItems(backupCount, 'backup');
    const objects = `${formatItems(objectCount, 'object')}, ${formatBytes(bytesRead)}`;
    await output.text(`verified ${backups}: ${objects}\n`);
    for (const { object, message, backups: numbers } of damage) {
      await output.text(`damaged: ${object}, of backup ${numbers.join(', ')}: ${message}\n`);
    }
    if (damage.length === 0) await output.text('no damage\n');
  }
  if (damage.length === 0) return;
  const text = `${formatItems(damage.length, 'object is', 'objects are')} damaged`;
  throw new CommandError('CORRUPTION', text, EXIT_NOT_FOUND_OR_DAMAGE);
}

function purgePart(output: Output): Command {
  return new Command('purge')
    .description('remove backups, and what interrupted ones have left')
    .argument('<target>', 'directory of the backups')
    .option('--keep <n>', 'keep the newest n', parseCount)
    .option('--older-than <days>', 'remove only those that are so old', parseCount)
    .option(
      '--id <id>',
      'remove only this one; may be repeated',
      (id: string, before: readonly string[] = []) => [...before, id],
    )
    .addHelpText(
      'after',
      '\nWithout options no backup is removed. With several, those that meet all.',
    )
    .action(async (target: string, { keep, olderThan, id, json }: PurgeOptions) => {
      const report = await existingIn(target).purge({
        ...(keep === undefined ? {} : { keep }),
        ...(olderThan === undefined ? {} : { olderThanMs: olderThan * DAY_MS }),
        ...(id === undefined ? {} : { ids: id }),
      });
      if (json) await output.json(report);
      else await output.text(purgeText(report));
    });
}

function purgeText({ removed, objectCount, waitsFor }: PurgeReport): string {
  const backups = removed.length === 0 ? 'no backup' : `backup ${removed.join(', ')}`;
  const objects = formatItems(objectCount, 'object');
  const rest = waitsFor === undefined ? '' : `files stay until the next purge, for ${waitsFor}\n`;
  return `removed ${backups} and ${objects}\n${rest}`;
}

function restorePart(output: Output): Command {
  const command = new Command('restore')
    .description('make a database of a backup')
    .argument('<target>', 'directory of the backups')
    .argument('<db>', 'directory for the database: missing or empty')
    .option('--keep-damaged', 'restore what is damaged as well as what is not')
    .action(async (target: string, path: string, options: RestoreOptions) => {
      const { backup, keepDamaged = false } = options;
      const choice = backup === undefined ? {} : { backup };
      const report = await follow('restoring', options, (work) =>
        existingIn(target).restore(new NodeFs(), path, { ...work, ...choice, keepDamaged }),
      );
      const { number, fileCount, bytesWritten, damaged } = report;
      if (options.json) await output.json(report);
      else {
        const files = `${formatItems(fileCount, 'file')}, ${formatBytes(bytesWritten)}`;
        await output.text(`restored backup ${number} to ${path}: ${files}\n`);
        for (const name of damaged) await output.text(`damaged: ${name}\n`);
      }
      if (damaged.length === 0) return;
      const text = `${formatItems(damaged.length, 'file is', 'files are')} damaged`;
      throw new CommandError('CORRUPTION', text, EXIT_NOT_FOUND_OR_DAMAGE);
    });
  return addChoice(addRate(command, 'copy'), 'this one; the newest if absent');
}

interface RestoreOptions extends ChoiceOptions {
  readonly keepDamaged?: boolean;
}

function addChoice(command: Command, what: string): Command {
  return command.option('--backup <number|id>', what, (text: string) => {
    if (/^[0-9a-f]{16}$/.test(text)) return text;
    const number = Number(text);
    if (/^\d+$/.test(text) && number > 0 && Number.isSafeInteger(number)) return number;
    throw new InvalidArgumentError('It must be the number of a backup, or its id.');
  });
}

function backupsIn(target: string): Backups {
  if (target === '') throw usageError('name a directory of backups');
  return new Backups(new DirectoryTarget(new NodeFs(), target));
}

/** A path that is misspelt would pass for a target without backups. */
function existingIn(target: string): Backups {
  const backups = backupsIn(target);
  if (existsSync(target)) return backups;
  throw new CommandError('INVALID', `no backups at ${target}: there is no such directory`);
}

/** Shows how far work is, and ends it when the process is told to stop. */
function follow<T>(
  label: string,
  options: JsonOptions & RateOptions,
  run: (work: CopyOptions) => Promise<T>,
): Promise<T> {
  return interruptible((signal) =>
    withProgress(label, !options.json, (onProgress) =>
      run({ signal, onProgress, ...rateOf(options) }),
    ),
  );
}
