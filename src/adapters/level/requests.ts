/**
 * What abstract-level passes to the private methods of a database: its options, checked, with keys
 * and values encoded.
 * @module
 */
import type { AbstractSnapshot } from 'abstract-level';
import type { RangeOptions } from '../../core.ts';
import { type Encoded, engineBytes, type Format } from './formats.ts';
import { VarveSnapshot } from './snapshot.ts';

/** Options of `_get`, `_getSync` and `_getMany`. */
export interface ReadRequest {
  readonly valueEncoding: Format;
  readonly snapshot?: AbstractSnapshot | undefined;
}

/** Options of `_has` and `_hasMany`. */
export type PresenceRequest = Pick<ReadRequest, 'snapshot'>;

/** Options of everything that writes. */
export interface WriteRequest {
  readonly sync?: boolean | undefined;
}

/** One operation of `_batch`. */
export interface Operation {
  readonly type: 'put' | 'del';
  readonly key: Encoded;
  /** Absent for `del`. */
  readonly value?: Encoded;
}

/** A range, as `_clear` gets it. */
export interface RangeRequest {
  readonly gt?: Encoded;
  readonly gte?: Encoded;
  readonly lt?: Encoded;
  readonly lte?: Encoded;
  readonly reverse: boolean;
  /** -1 for no limit; for iterators abstract-level itself counts. */
  readonly limit: number;
  readonly snapshot?: AbstractSnapshot | undefined;
  readonly fillCache?: boolean | undefined;
}

/** Options of `_iterator`, `_keys` and `_values`. */
export interface ScanRequest extends RangeRequest {
  readonly keys?: boolean;
  readonly values?: boolean;
  readonly keyEncoding: Format;
  readonly valueEncoding: Format;
  readonly highWaterMarkBytes?: number | undefined;
  readonly onDamage?: 'throw' | 'skip' | undefined;
  readonly signal?: AbortSignal | null | undefined;
}

/** The range as the engine takes it; of two bounds on one side Level lets the inclusive count. */
export function engineRange(request: RangeRequest): RangeOptions {
  const { gt, gte, lt, lte, snapshot, fillCache } = request;
  const range: { -readonly [name in keyof RangeOptions]: RangeOptions[name] } = {};
  if (gte !== undefined) range.gte = engineBytes(gte);
  else if (gt !== undefined) range.gt = engineBytes(gt);
  if (lte !== undefined) range.lte = engineBytes(lte);
  else if (lt !== undefined) range.lt = engineBytes(lt);
  if (snapshot !== undefined) range.snapshot = VarveSnapshot.engineSnapshot(snapshot);
  if (fillCache !== undefined) range.fillCache = fillCache;
  return range;
}
