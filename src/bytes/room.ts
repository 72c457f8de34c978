/**
 * A range of a buffer that may be filled. Several may be parts of one buffer, where bytes go from
 * one to another: within one array `copyBytes` needs no view.
 * @module
 */

/** `buf[off, off + len)`. */
export class Room {
  readonly buf: Uint8Array;
  readonly off: number;
  readonly len: number;

  /** All of the buffer, or a part. */
  constructor(buf: Uint8Array, off = 0, len: number = buf.length - off) {
    this.buf = buf;
    this.off = off;
    this.len = len;
  }
}

export const NO_ROOM: Room = /* @__PURE__ */ new Room(new Uint8Array(0));

/** `room` if that many bytes fit, else a fresh one. */
export function roomFor(length: number, room: Room): Room {
  return room.len >= length ? room : new Room(new Uint8Array(length));
}
