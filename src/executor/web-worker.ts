/**
 * The program of a web worker that runs jobs; started by web-steward.ts.
 * @module
 */
import { loadChecksum } from '../block/checksum.ts';
import { portableCompression } from '../compress/portable.ts';
import { nobleCrypto } from '../crypto/noble.ts';
import { systemClock, systemRandom } from '../env/system.ts';
import { VarveError } from '../errors.ts';
import type { Fs } from '../fs/port.ts';
import { JobRunner } from './job-runner.ts';
import { MailboxSender } from './mailbox.ts';
import { encodePlainData } from './plain-data.ts';
import type { Order, Report } from './protocol.ts';
import type { NamedExport, WorkerStart } from './web-protocol.ts';
import { type Collect, WorkerProgram, WorkerSignals } from './worker-program.ts';

addEventListener('message', ({ data }: MessageEvent<WorkerStart>) => void run(data), {
  once: true,
});

/** An uncaught error is what the steward takes for death. */
async function run({ signals: words, number, mailbox, port, fs, lock }: WorkerStart) {
  await holdUntilDeath(lock);
  const signals = new WorkerSignals(words, number);
  const sender = new MailboxSender(mailbox, () => {
    // To wait for room is no silence.
    signals.beat();
    signals.notify();
    if (sender.asksForAttention()) port.postMessage('look');
  });
  const send = (report: Report): void => sender.send(encodePlainData(report));
  // The handler property, of this event as well, would let orders in that nobody takes yet.
  port.addEventListener('messageerror', () => reportError(new Error('it cannot read an order')));
  let runner: JobRunner;
  try {
    runner = await makeRunner(fs, send);
  } catch (error) {
    // It has not said that it takes orders: the database does them without it.
    reportError(error);
    return;
  }
  const program = new WorkerProgram(runner, signals, collector());
  port.onmessage = ({ data }: MessageEvent<Order>) => void program.follow(data).catch(reportError);
}

/** Resolves when the steward has been told that this worker lives. */
function holdUntilDeath(lock: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const hold = (): Promise<never> => {
      postMessage('alive');
      resolve();
      return new Promise(() => {});
    };
    navigator.locks.request(lock, hold).catch(reject);
  });
}

async function makeRunner(
  { module, export: name, argument }: NamedExport,
  send: (report: Report) => void,
): Promise<JobRunner> {
  await loadChecksum();
  let fs: Fs;
  try {
    // Bundlers must leave this to the browser: the name of the module comes from the user.
    const exported = await import(/* @vite-ignore */ /* webpackIgnore: true */ module);
    fs = await exported[name](argument);
  } catch (cause) {
    const text = `a worker cannot make its file system by ${name}() of ${module}`;
    throw new VarveError('UNSUPPORTED', text, { cause });
  }
  const ports = {
    fs,
    clock: systemClock,
    random: systemRandom,
    compression: portableCompression,
    crypto: nobleCrypto,
  };
  return new JobRunner(ports, send);
}

/** Orders come by events: the program has to give the event loop a turn. */
function collector(): Collect {
  // A timer would take 4 ms.
  const { port1, port2 } = new MessageChannel();
  let resume = (): void => {};
  port1.onmessage = () => resume();
  return () =>
    new Promise((resolve) => {
      resume = resolve;
      port2.postMessage(undefined);
    });
}
