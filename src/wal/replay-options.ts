/**
 * Which logs of a database count, as its manifest says.
 * @module
 */
import type { Pipeline } from '../block/pipeline.ts';
import { corruption } from '../errors.ts';
import { type Fs, joinPath } from '../fs/port.ts';
import { walName } from '../manifest/file-names.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { ReplayOptions, WalRecoveryMode } from './wal-replay.ts';

/** Where the logs are. */
export interface LogDirectory {
  readonly fs: Fs;
  readonly directory: string;
  readonly pipeline: Pipeline;
}

/**
 * How to replay the logs of a database.
 * @param present numbers of the logs that are there, ascending; `logNumbers` of the result are
 * those that some family still needs
 * @throws VarveError `CORRUPTION` when the first one is missing, in the modes that look for damage
 */
export function replayOptionsOf(
  { fs, directory, pipeline }: LogDirectory,
  manifest: Manifest,
  present: readonly number[],
  mode: WalRecoveryMode,
): ReplayOptions {
  const firstLogNumber = manifest.version.firstLogNumber();
  const logNumbers = present.filter((number) => number >= firstLogNumber);
  // Every log that the manifest refers to was durable before it did.
  const isNamed = firstLogNumber === 0 || manifest.logIdentities.has(firstLogNumber);
  if (isStrict(mode) && !isNamed && logNumbers[0] !== firstLogNumber) {
    throw corruption('log is missing', joinPath(directory, walName(firstLogNumber)), 0);
  }
  return {
    fs,
    directory,
    pipeline,
    logNumbers,
    names: isNamed ? manifest.logIdentities : undefined,
    mode,
    cleanEnds: manifest.walEnds,
    firstSeqno: manifest.lastSeqno + 1,
    firstLogNumber,
  };
}

/** True for the modes in which damage to what was acknowledged is an error. */
export function isStrict(mode: WalRecoveryMode): boolean {
  return mode === 'absolute' || mode === 'tolerate-tail';
}
