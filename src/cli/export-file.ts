/**
 * A whole database as one file: `varve export --whole`, `varve import --whole`, and opening such a
 * file where it lies.
 * @module
 */
import { createReadStream, createWriteStream, rmSync, statSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { ImportReport } from '../backup/index.ts';
import { exportDatabase, importDatabase, verifyExport } from '../backup/index.ts';
import { NodeFs } from '../fs/node.ts';
import { usageError } from './failure.ts';
import { formatBytes, formatItems, formatSeconds } from './format.ts';
import type { KeyOptions } from './keys.ts';
import { type RateOptions, rateOf } from './options.ts';
import type { Output } from './output.ts';
import { withProgress } from './progress.ts';
import { interruptible, withReader } from './session.ts';

export type WholeOptions = KeyOptions & RateOptions & { readonly json?: boolean };

/**
 * Writes all of a database, sealed files as they are, to a file; a failure leaves none.
 * @param file replaced if it exists; undefined or `'-'` is standard output
 */
export async function exportWhole(
  path: string,
  file: string | undefined,
  options: WholeOptions,
  output: Output,
): Promise<void> {
  const begin = performance.now();
  const isFile = file !== undefined && file !== '-';
  if (!isFile && process.stdout.isTTY) {
    throw usageError('name a file, or send the output to one: it is no text');
  }
  let bytes = 0;
  await withReader(path, options, (db) =>
    interruptible((signal) =>
      withProgress('exporting', isFile && !options.json, async (onProgress) => {
        const pieces = exportDatabase(db, { signal, onProgress, ...rateOf(options) });
        const counted = async function* () {
          for await (const piece of pieces) {
            bytes += piece.length;
            yield piece;
          }
        };
        if (isFile) await writeFile(file, counted());
        else for await (const piece of counted()) await output.bytes(piece);
      }),
    ),
  );
  if (!isFile) return;
  const milliseconds = Math.round(performance.now() - begin);
  if (options.json) await output.json({ bytes, milliseconds });
  else await output.text(`exported ${formatBytes(bytes)} in ${formatSeconds(milliseconds)}\n`);
}

async function writeFile(file: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    await pipeline(pieces, createWriteStream(file, { flush: true }));
  } catch (error) {
    if (statSync(file, { throwIfNoEntry: false })?.isFile()) rmSync(file);
    throw error;
  }
}

/** Makes a database of what {@link exportWhole} wrote: all of it or none. */
export async function importWhole(
  path: string,
  file: string | undefined,
  options: WholeOptions,
  output: Output,
): Promise<void> {
  const begin = performance.now();
  const report = await interruptible((signal) =>
    withProgress('importing', !options.json, (onProgress) =>
      importDatabase(new NodeFs(), path, bytesOf(file), { signal, onProgress, ...rateOf(options) }),
    ),
  );
  const milliseconds = Math.round(performance.now() - begin);
  if (options.json) return output.json({ ...report, milliseconds });
  const { seqno, fileCount, bytesWritten } = report;
  await output.text(`database of seqno ${seqno} in ${path}\n`);
  const amount = `${formatItems(fileCount, 'file')}, ${formatBytes(bytesWritten)}`;
  await output.text(`${amount} in ${formatSeconds(milliseconds)}\n`);
}

function bytesOf(file: string | undefined): AsyncIterable<Uint8Array> {
  if (file === undefined || file === '-') {
    if (process.stdin.isTTY === true) throw usageError('name a file to import, or pipe one in');
    return process.stdin;
  }
  return createReadStream(file);
}

/** Checks every byte of an export file; no key is needed. */
export function verifyWhole(
  file: string,
  options: WholeOptions,
  signal: AbortSignal,
): Promise<ImportReport> {
  return withProgress('verifying', !options.json, (onProgress) =>
    verifyExport(createReadStream(file), { signal, onProgress, ...rateOf(options) }),
  );
}
