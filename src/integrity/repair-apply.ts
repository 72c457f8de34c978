/**
 * Does what a plan says, in an order in which it can be cut off anywhere and done again:
 *
 * 1. Files that are no part of the database get the ending `.lost`, tables by ascending number:
 *    what shows that a table was replaced stands in tables with higher numbers.
 * 2. A manifest with the new state is written and synced, with the directory. Nothing names it:
 *    until step 3 it is one more manifest with sound edits.
 * 3. A CURRENT without a valid slot gets another name. Both slots are written, one after the other.
 * 4. The manifests before get the ending `.lost`.
 * @module
 */
import type { Pipeline } from '../block/pipeline.ts';
import { type Fs, joinPath } from '../fs/port.ts';
import { CURRENT_SLOTS } from '../manifest/current.ts';
import { CURRENT_NAME, lostName, parseFileName } from '../manifest/file-names.ts';
import { keepAsLost } from '../manifest/lost-files.ts';
import { ManifestLog } from '../manifest/manifest-log.ts';
import type { ManifestState } from '../manifest/manifest-state.ts';
import { SlotWriter } from '../manifest/slot-writer.ts';
import type { RepairPlan } from './repair-plan.ts';

/**
 * @param generation of the newest valid slot of CURRENT; 0 without one
 * @throws VarveError of the `Fs`; the repair can then be done again
 */
export function applyRepair(
  fs: Fs,
  directory: string,
  pipeline: Pipeline,
  { leaving, state }: RepairPlan,
  generation: number,
): void {
  for (const { name } of leaving) keepAsLost(fs, directory, name);
  const fileNumber = state.nextFileNumber;
  const log = ManifestLog.create(fs, directory, fileNumber, sealed(state, pipeline), pipeline);
  try {
    writeSlots(fs, directory, pipeline, log, generation);
  } finally {
    log.close();
  }
  for (const name of fs.list(directory)) {
    const parsed = parseFileName(name);
    const isOther = parsed?.kind === 'manifest' && parsed.number !== fileNumber;
    if (isOther) keepAsLost(fs, directory, name);
  }
  fs.syncDirectory(directory);
}

function writeSlots(
  fs: Fs,
  directory: string,
  pipeline: Pipeline,
  log: ManifestLog,
  generation: number,
): void {
  const has = (name: string) => fs.exists(joinPath(directory, name));
  if (generation === 0 && has(CURRENT_NAME) && !has(lostName(CURRENT_NAME))) {
    keepAsLost(fs, directory, CURRENT_NAME);
  }
  // What one is kept for, a second one without a valid slot does not add to: it is written over.
  const isWrittenOver = generation === 0 && has(CURRENT_NAME);
  const slots = new SlotWriter(fs, directory, pipeline, isWrittenOver ? CURRENT_SLOTS : generation);
  slots.createFile();
  fs.syncDirectory(directory);
  slots.write(log, log.snapshotBytes, false);
  slots.write(log, log.snapshotBytes, false);
}

/** The state as the new manifest has it: with its own number, and encrypted where keys are. */
function sealed(state: ManifestState, { keys, databaseId }: Pipeline): ManifestState {
  const nextFileNumber = state.nextFileNumber + 1;
  if (keys === undefined) return { ...state, nextFileNumber };
  const keyChecks = new Map(state.keyChecks);
  const { epoch } = keys;
  if (!keyChecks.has(epoch)) keyChecks.set(epoch, keys.keyCheck(epoch, databaseId, ''));
  const sealedFrom = Math.min(state.sealedFrom, state.nextFileNumber);
  return { ...state, nextFileNumber, keyChecks, sealedFrom };
}
