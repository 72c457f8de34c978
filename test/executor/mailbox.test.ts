/**
 * The mailbox, between real threads.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { MailboxReceiver, MailboxSender, makeMailbox } from '../../src/executor/mailbox.ts';
import { messageOf } from './mailbox-message.ts';

/** Short ones, and some that are longer than the mailbox, or just as long. */
const lengths = fc.array(
  fc.oneof(
    fc.nat(40),
    fc.nat(5000),
    fc.integer({ min: 65_526, max: 65_540 }),
    fc.integer({ min: 0, max: 300_000 }),
  ),
  { minLength: 1, maxLength: 40 },
);

/** A sending thread, with what its receiver needs. */
function startSender() {
  const mailbox = makeMailbox();
  const signal = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL('./mailbox-sender.js', import.meta.url), {
    workerData: { mailbox, signal },
  });
  return { worker, signal, receiver: new MailboxReceiver(mailbox) };
}

suite('messages arrive whole and in order', () => {
  test('at a receiver that blocks its thread', async () => {
    const { worker, signal, receiver } = startSender();
    let count = 0;
    fc.assert(
      fc.property(lengths, (all) => {
        worker.postMessage(all);
        for (const length of all) {
          let message: Uint8Array | undefined;
          for (;;) {
            const seen = Atomics.load(signal, 0);
            message = receiver.receive();
            if (message !== undefined) break;
            Atomics.wait(signal, 0, seen);
          }
          assert.ok(Buffer.from(messageOf(count++, length)).equals(message));
        }
        assert.equal(receiver.receive(), undefined);
      }),
    );
    await worker.terminate();
  });

  test('at a receiver that is called when it is to look', async () => {
    const { worker, receiver } = startSender();
    let count = 0;
    let calls = 0;
    let expected: number[] = [];
    let onEmpty = (): void => {};
    worker.on('message', () => {
      calls++;
      receiver.payAttention();
      for (;;) {
        const message = receiver.receive();
        if (message === undefined) break;
        const length = expected.shift() ?? -1;
        assert.ok(Buffer.from(messageOf(count++, length)).equals(message));
      }
      if (expected.length === 0) onEmpty();
    });
    await fc.assert(
      fc.asyncProperty(lengths, async (all) => {
        expected = [...all];
        const done = new Promise<void>((resolve) => {
          onEmpty = resolve;
        });
        worker.postMessage(all);
        await done;
      }),
    );
    assert.ok(calls > 0);
    await worker.terminate();
  });
});

test('a sender asks for attention once until it gets it', () => {
  const mailbox = makeMailbox();
  let sent = 0;
  const sender = new MailboxSender(mailbox, () => {
    sent++;
  });
  const receiver = new MailboxReceiver(mailbox);
  for (let round = 0; round < 3; round++) {
    assert.equal(sender.asksForAttention(), true);
    assert.equal(sender.asksForAttention(), false);
    receiver.payAttention();
  }
  sender.send(Uint8Array.of(1, 2, 3));
  sender.send(new Uint8Array(0));
  assert.equal(sent, 2);
  assert.deepEqual(receiver.receive(), Uint8Array.of(1, 2, 3));
  assert.deepEqual(receiver.receive(), new Uint8Array(0));
  assert.equal(receiver.receive(), undefined);
});
