/**
 * Looking up single keys, as abstract-level asks for them.
 * @module
 */
import type { Db, ReadOptions } from '../../core.ts';
import { levelError } from './errors.ts';
import { copyAs, type Encoded, engineBytes } from './formats.ts';
import type { PresenceRequest, ReadRequest } from './requests.ts';
import { VarveSnapshot } from './snapshot.ts';

const BORROWING: ReadOptions = { borrow: true };

/** The value of a key in the form that is asked for, or undefined; fresh. Borrows the key. */
export function readValue(db: Db, key: Encoded, request: ReadRequest): Encoded | undefined {
  try {
    return lookUp(db, key, request);
  } catch (error) {
    throw levelError(error);
  }
}

/** {@link readValue} for many keys, in their order. */
export function readValues(
  db: Db,
  keys: readonly Encoded[],
  request: ReadRequest,
): (Encoded | undefined)[] {
  try {
    return keys.map((key) => lookUp(db, key, request));
  } catch (error) {
    throw levelError(error);
  }
}

/** Which of the keys are there. Borrows the keys. */
export function findKeys(
  db: Db,
  keys: readonly Encoded[],
  { snapshot }: PresenceRequest,
): boolean[] {
  try {
    const options = snapshot && VarveSnapshot.readOptions(snapshot, false);
    return keys.map((key) => db.has(engineBytes(key), options));
  } catch (error) {
    throw levelError(error);
  }
}

/** Converts a view that the engine lends; only the form `view` is the engine's own copy. */
function lookUp(
  db: Db,
  key: Encoded,
  { valueEncoding, snapshot }: ReadRequest,
): Encoded | undefined {
  const isView = valueEncoding === 'view';
  let options = isView ? undefined : BORROWING;
  if (snapshot !== undefined) options = VarveSnapshot.readOptions(snapshot, !isView);
  const value = db.get(engineBytes(key), options);
  return value === undefined || isView ? value : copyAs(valueEncoding, value);
}
