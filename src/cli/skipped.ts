/**
 * What `--skip` leaves out of a scan, for damage.
 * @module
 */
import type { LostRange } from '../index.ts';
import { type Encoding, toText } from './encoding.ts';
import { CommandError, EXIT_NOT_FOUND_OR_DAMAGE } from './failure.ts';
import { formatItems } from './format.ts';

/** The option, for all commands that scan. */
export const SKIP_OPTION = [
  '--skip',
  'go on past keys that cannot be read for damage, and name their ranges; exit code 1 then',
] as const;

/**
 * Names the ranges on standard error, each once.
 * @throws CommandError if there are any
 */
export function tellSkipped(ranges: readonly LostRange[], encoding: Encoding): void {
  if (ranges.length === 0) return;
  for (const { columnFamily, gte, lt, message } of ranges) {
    const [from, to] = [gte, lt].map((key) => toText(key, encoding));
    const where = columnFamily === 'default' ? '' : ` of family ${columnFamily}`;
    process.stderr.write(`skipped keys from ${from} to before ${to}${where}: ${message}\n`);
  }
  const count = formatItems(ranges.length, 'range', 'ranges');
  const text = `${count} of keys left out, which cannot be read for damage`;
  throw new CommandError('CORRUPTION', text, EXIT_NOT_FOUND_OR_DAMAGE);
}
