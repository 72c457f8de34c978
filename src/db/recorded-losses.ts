/**
 * What is lost for certain is recorded in the manifest, so that the next process knows it from its
 * opening on: compactions step around the table, and statistics list it.
 *
 * The record hides nothing and gives nothing up: reads meet the table as ever. If it is out of
 * date, because the file was mended meanwhile, the next look ends it.
 * @module
 */
import { VarveError } from '../errors.ts';
import { joinPath } from '../fs/port.ts';
import type { LostPlace, LostTable } from '../integrity/table-health.ts';
import { tableName } from '../manifest/file-names.ts';
import { emptyEdit, type RecordedLoss, type TableLosses } from '../manifest/version-edit.ts';
import type { DbCore } from './core.ts';

/** Takes over what earlier processes have recorded. */
export function recallLosses(core: DbCore): void {
  const { requests, recordedLosses, location } = core;
  for (const [fileNumber, losses] of recordedLosses) {
    const file = joinPath(location.directory, tableName(fileNumber));
    requests.health.recall(
      fileNumber,
      losses.map((loss) => placeOf(loss, file)),
    );
  }
}

/** Records what has changed. A failure stops writing, as of any edit. */
export function recordLosses(core: DbCore): void {
  const { manifest, requests, backgroundError, isClosed } = core;
  if (manifest === undefined || backgroundError !== undefined || isClosed) return;
  const losses = changes(manifest.losses, requests.health.all);
  if (losses.length === 0) return;
  try {
    core.install({ ...emptyEdit(), losses });
  } catch (error) {
    core.fail(error);
  }
}

function changes(
  recorded: ReadonlyMap<number, readonly RecordedLoss[]>,
  all: readonly LostTable[],
): TableLosses[] {
  const certain = all.filter(({ isCertain }) => isCertain);
  const numbers = new Set(certain.map(({ fileNumber }) => fileNumber));
  const gone = [...recorded.keys()].filter((fileNumber) => !numbers.has(fileNumber));
  return [
    ...gone.map((fileNumber) => ({ fileNumber, places: [] })),
    ...certain
      .filter(({ fileNumber, places }) => !isSame(recorded.get(fileNumber), places))
      .map(({ fileNumber, places }) => ({ fileNumber, places: places.map(lossOf) })),
  ];
}

function isSame(
  recorded: readonly RecordedLoss[] | undefined,
  places: readonly LostPlace[],
): boolean {
  if (recorded?.length !== places.length) return false;
  return places.every(({ ordinal }, i) => recorded[i]!.ordinal === ordinal);
}

function lossOf({ ordinal, keys, error }: LostPlace): RecordedLoss {
  const { code, offset, message } = error;
  return { ordinal, offset, code, message, gte: keys.gte, lt: keys.lt };
}

function placeOf({ ordinal, offset, code, message, gte, lt }: RecordedLoss, file: string) {
  const lostKeys = { gte, lt };
  return {
    ordinal,
    keys: lostKeys,
    error: new VarveError(code, message, { file, offset, lostKeys }),
  };
}
