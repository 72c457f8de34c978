/**
 * Deleting the keys of a range.
 * @module
 */
import { type Db, WriteBatch } from '../../core.ts';
import { engineRange, type RangeRequest } from './requests.ts';

/** Deletes go to the log in portions of about this size. */
const BATCH_BYTES = 1_048_576;

/**
 * Deletes the keys of a range that are there now, or in the snapshot of the request. Does not yield
 * before it is done, so writes that follow the call are not affected; not atomic for a crash.
 */
export function clearRange(db: Db, request: RangeRequest): void {
  const { reverse, limit } = request;
  const cursor = db.cursor({ ...engineRange(request), fillCache: false });
  const batch = new WriteBatch();
  try {
    let left = limit < 0 ? Number.POSITIVE_INFINITY : limit;
    let isOnKey = reverse ? cursor.last() : cursor.first();
    while (isOnKey && left > 0) {
      batch.delete(cursor.keyBuf.subarray(cursor.keyOff, cursor.keyOff + cursor.keyLen));
      left--;
      isOnKey = reverse ? cursor.prev() : cursor.next();
      if (batch.sizeBytes < BATCH_BYTES) continue;
      db.write(batch);
      batch.clear();
    }
    if (batch.count > 0) db.write(batch);
  } finally {
    cursor.close();
  }
}
