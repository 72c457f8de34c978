/**
 * A thread that sends messages of given lengths into a mailbox; see mailbox.test.ts.
 * @module
 */
import { parentPort, workerData } from 'node:worker_threads';
import { MailboxSender } from '../../src/executor/mailbox.ts';
import { messageOf } from './mailbox-message.ts';

const { mailbox, signal } = workerData as { mailbox: SharedArrayBuffer; signal: Int32Array };
const sender = new MailboxSender(mailbox, () => {
  Atomics.add(signal, 0, 1);
  Atomics.notify(signal, 0);
  if (sender.asksForAttention()) parentPort?.postMessage('look');
});
let count = 0;
parentPort?.on('message', (lengths: number[]) => {
  for (const length of lengths) sender.send(messageOf(count++, length));
});
