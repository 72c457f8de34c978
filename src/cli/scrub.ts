/**
 * `varve scrub`.
 * @module
 */
import { Command } from 'commander';
import { isVarveError } from '../errors.ts';
import { NodeFs } from '../fs/node.ts';
import type { ScrubFinding, ScrubReport } from '../index.ts';
import { scrubDirectory } from '../index.ts';
import { typeName } from '../inspect/names.ts';
import { CommandError, EXIT_LOCKED, EXIT_NOT_FOUND_OR_DAMAGE } from './failure.ts';
import { formatBytes, formatItems, formatRate, formatSeconds } from './format.ts';
import { plain } from './inspect-text.ts';
import { addJson } from './options.ts';
import type { Output } from './output.ts';
import { withProgress } from './progress.ts';
import { interruptible, requireDatabase } from './session.ts';

interface ScrubCommandOptions {
  readonly heal?: boolean;
  readonly json?: boolean;
}

const HELP = `
Reads every byte of every file: checksums, parity, copies of headers. Needs no key, whatever is
encrypted. With --heal, what parity and copies give back is written over exactly the bytes that are
damaged, synced and read again; no other process may have the database open. Without it nothing is
written. Exit code 1 if damage is left. An unfinished last record of a log is none.`;

/** The command, which prints to `output`. */
export function scrubCommand(output: Output): Command {
  const command = new Command('scrub')
    .description('look for damage in every byte of every file, without a key, and heal it on disk')
    .argument('<db>', 'directory of the database')
    .argument('[files...]', 'names of files in it; all if absent')
    .option('--heal', 'write back what parity and copies give back')
    .addHelpText('after', HELP)
    .action(async (path: string, files: string[], options: ScrubCommandOptions) => {
      requireDatabase(path);
      const begin = performance.now();
      const report = await scrub(path, files, options);
      await print(output, report, performance.now() - begin, options);
      failIfDamaged(report);
    });
  return addJson(command);
}

function scrub(
  path: string,
  files: readonly string[],
  { heal, json }: ScrubCommandOptions,
): Promise<ScrubReport> {
  return interruptible(async (signal) => {
    const chosen = files.length > 0 ? { files } : {};
    try {
      return await withProgress('scrubbing', json !== true, (onProgress) =>
        scrubDirectory(new NodeFs(), path, {
          ...{ heal: heal === true, ...chosen },
          ...{ signal, onProgress },
        }),
      );
    } catch (error) {
      if (!isVarveError(error, 'LOCKED')) throw error;
      const hint =
        'while it has the database open, nobody else can heal it; a look takes no --heal';
      throw new CommandError('LOCKED', `${error.message}; ${hint}`, EXIT_LOCKED);
    }
  });
}

async function print(
  output: Output,
  report: ScrubReport,
  milliseconds: number,
  { heal, json }: ScrubCommandOptions,
): Promise<void> {
  if (json) {
    await output.json({ ...report, milliseconds: Math.round(milliseconds) });
    return;
  }
  const { fileCount, bytesRead, findings, tornLogs, unnamed, isManifestRead } = report;
  for (const finding of findings) await output.text(findingText(finding, heal === true));
  for (const { file, offset } of tornLogs) {
    await output.text(`unfinished log, no damage: ${plain(file)}, offset ${offset}\n`);
  }
  for (const name of unnamed) await output.text(`not of the database any more: ${plain(name)}\n`);
  if (!isManifestRead) {
    await output.text(
      'the manifest was not read (encrypted, or damaged): a missing file goes unnoticed\n',
    );
  }
  const amount = `${formatItems(fileCount, 'file')}, ${formatBytes(bytesRead)}`;
  const rate = formatRate(bytesRead, milliseconds);
  await output.text(`scrubbed ${amount} in ${formatSeconds(milliseconds)} (${rate})\n`);
  await output.text(`${summaryOf(findings)}\n`);
}

function findingText(finding: ScrubFinding, isHealing: boolean): string {
  const { file, part, offset, lengthBytes, blockType, cause, state, refusal } = finding;
  const block = blockType === 0 ? '' : `${typeName(blockType)} `;
  const what = part === 'block' && blockType === 0 ? 'block' : `${block}${part}`;
  const wrong = finding.ranges.reduce((sum, range) => sum + range.lengthBytes, 0);
  const amount = wrong === 0 ? '' : `, ${formatItems(wrong, 'wrong byte', 'wrong bytes')}`;
  const outcome = outcomeOf(finding, isHealing);
  const why = refusal === undefined ? '' : `  reason: ${plain(refusal)}\n`;
  return (
    `${state === 'lost' ? 'lost:    ' : 'damaged: '}${plain(file)}\n` +
    `  place:  ${what} at offset ${offset}, ${formatBytes(lengthBytes)}${amount}\n` +
    `  cause:  ${cause}\n  result: ${outcome}\n${why}`
  );
}

function outcomeOf({ isHealed, state, source }: ScrubFinding, isHealing: boolean): string {
  if (isHealed) return `healed from ${source}, synced and read again`;
  if (state === 'lost') return 'neither parity nor copies give it back';
  return isHealing ? 'not healed' : `can be healed from ${source} (--heal)`;
}

function summaryOf(findings: readonly ScrubFinding[]): string {
  if (findings.length === 0) return 'no damage';
  const healed = findings.filter(({ isHealed }) => isHealed).length;
  const lost = findings.filter(({ state }) => state === 'lost').length;
  const healable = findings.length - healed - lost;
  const parts = [
    ...(healed > 0 ? [`${healed} healed`] : []),
    ...(healable > 0 ? [`${healable} healable`] : []),
    ...(lost > 0 ? [`${lost} lost`] : []),
  ];
  return `${formatItems(findings.length, 'place')} damaged: ${parts.join(', ')}`;
}

function failIfDamaged({ findings }: ScrubReport): void {
  const left = findings.filter(({ isHealed }) => !isHealed).length;
  if (left === 0) return;
  const text = `${formatItems(left, 'place is', 'places are')} damaged`;
  throw new CommandError('CORRUPTION', text, EXIT_NOT_FOUND_OR_DAMAGE);
}
