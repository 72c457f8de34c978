/**
 * A one-way channel of byte messages through shared memory, from one thread to another. The
 * receiver takes messages in while it blocks the event loop of its thread, which messages of the
 * runtime cannot do everywhere; a message may be longer than the mailbox.
 *
 *     offset  size   meaning
 *     0       4      bytes sent since the beginning, modulo 2^32; the sender writes it
 *     4       4      bytes received, modulo 2^32; the receiver writes it, and notifies
 *     8       4      1 from when the sender has asked for attention until the receiver pays it
 *     12      4      0
 *     16      65536  ring: byte n of the stream stands at n modulo 65536
 *
 * The stream holds messages, each a length (4 bytes, little-endian) and that many bytes.
 * @module
 */
import { readU32, writeU32 } from '../bytes/fixed.ts';

const SENT_WORD = 0;
const RECEIVED_WORD = 1;
const ATTENTION_WORD = 2;
const RING_OFFSET = 16;
const RING_BYTES = 0x1_0000;
const LENGTH_BYTES = 4;

/** An empty mailbox; give it to one sender and one receiver. */
export function makeMailbox(): SharedArrayBuffer {
  return new SharedArrayBuffer(RING_OFFSET + RING_BYTES);
}

/** The two views that either side needs. */
class Ring {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;

  constructor(mailbox: SharedArrayBuffer) {
    this.words = new Int32Array(mailbox, 0, RING_OFFSET / Int32Array.BYTES_PER_ELEMENT);
    this.bytes = new Uint8Array(mailbox, RING_OFFSET, RING_BYTES);
  }
}

/** Puts messages in; for a thread that may block. */
export class MailboxSender {
  readonly #ring: Ring;
  readonly #onSent: () => void;
  readonly #length: Uint8Array;

  /** @param onSent called whenever the receiver has something to take, a message or a part */
  constructor(mailbox: SharedArrayBuffer, onSent: () => void) {
    this.#ring = new Ring(mailbox);
    this.#onSent = onSent;
    this.#length = new Uint8Array(LENGTH_BYTES);
  }

  /**
   * Sends a message. While the mailbox is full it blocks until the receiver has made room. Borrows
   * `message`.
   */
  send(message: Uint8Array): void {
    writeU32(this.#length, 0, message.length);
    this.#put(this.#length);
    this.#put(message);
    this.#onSent();
  }

  /** True if the receiver must be called: it has not been since it last paid attention. */
  asksForAttention(): boolean {
    return Atomics.exchange(this.#ring.words, ATTENTION_WORD, 1) === 0;
  }

  #put(part: Uint8Array): void {
    const { words, bytes } = this.#ring;
    let sent = Atomics.load(words, SENT_WORD);
    for (let off = 0; off < part.length; ) {
      const received = Atomics.load(words, RECEIVED_WORD);
      const room = RING_BYTES - ((sent - received) >>> 0);
      if (room === 0) {
        this.#onSent();
        Atomics.wait(words, RECEIVED_WORD, received);
        continue;
      }
      const at = sent & (RING_BYTES - 1);
      const count = Math.min(part.length - off, room, RING_BYTES - at);
      bytes.set(part.subarray(off, off + count), at);
      off += count;
      sent = (sent + count) | 0;
      Atomics.store(words, SENT_WORD, sent);
    }
  }
}

/** Takes messages out; never blocks. */
export class MailboxReceiver {
  readonly #ring: Ring;
  readonly #length: Uint8Array;
  /** The message that is arriving; undefined while its length is. */
  #message: Uint8Array | undefined;
  /** Bytes of the length or of the message that have arrived. */
  #filled: number;

  constructor(mailbox: SharedArrayBuffer) {
    this.#ring = new Ring(mailbox);
    this.#length = new Uint8Array(LENGTH_BYTES);
    this.#message = undefined;
    this.#filled = 0;
  }

  /** The next message, fresh, if all of it is there. Makes room for what follows in any case. */
  receive(): Uint8Array | undefined {
    if (this.#message === undefined) {
      if (!this.#fill(this.#length)) return undefined;
      this.#message = new Uint8Array(readU32(this.#length, 0));
      this.#filled = 0;
    }
    if (!this.#fill(this.#message)) return undefined;
    const message = this.#message;
    this.#message = undefined;
    this.#filled = 0;
    return message;
  }

  /** The receiver looks at the mailbox from now on: later messages need a new call. */
  payAttention(): void {
    Atomics.store(this.#ring.words, ATTENTION_WORD, 0);
  }

  /** Takes in what there is, and returns whether `target` is full. */
  #fill(target: Uint8Array): boolean {
    const { words, bytes } = this.#ring;
    let received = Atomics.load(words, RECEIVED_WORD);
    for (;;) {
      const at = received & (RING_BYTES - 1);
      const ready = (Atomics.load(words, SENT_WORD) - received) >>> 0;
      const count = Math.min(target.length - this.#filled, ready, RING_BYTES - at);
      if (count === 0) return this.#filled === target.length;
      target.set(bytes.subarray(at, at + count), this.#filled);
      this.#filled += count;
      received = (received + count) | 0;
      Atomics.store(words, RECEIVED_WORD, received);
      Atomics.notify(words, RECEIVED_WORD);
    }
  }
}
