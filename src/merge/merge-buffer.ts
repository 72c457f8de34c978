/**
 * What the runs of a merge are read into, and what its tables are put together in, as parts of one
 * buffer: within one array a value is copied without a view (bytes/byte-writer.ts).
 * @module
 */
import { ByteWriter } from '../bytes/byte-writer.ts';
import { Room } from '../bytes/room.ts';

/** See the module head. */
export class MergeBuffer {
  /** For one table after the other. */
  readonly out: ByteWriter;
  /** One for each run. */
  readonly rooms: readonly Room[];

  /** @param runBytes of the room of each run */
  constructor(outBytes: number, runCount: number, runBytes: number) {
    const buf = new Uint8Array(outBytes + runCount * runBytes);
    this.out = new ByteWriter(outBytes, buf);
    this.rooms = Array.from({ length: runCount }, (_, run) => {
      return new Room(buf, outBytes + run * runBytes, runBytes);
    });
  }
}
