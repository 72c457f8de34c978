/**
 * One process in a simulation: it sees the disk until it dies, and what it does there is noted.
 * @module
 */
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import type { FileHandle, Fs, FsLock } from '../../src/fs/port.ts';
import type { CrashFs } from '../../src/testing/crash-fs.ts';
import { PowerCut } from '../../src/testing/power-cut.ts';
import type { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { type Process, processOf } from './environment.ts';
import { observed } from './observed-fs.ts';
import type { Trace } from './simulation-trace.ts';

/** What a process does to clean up: where it dies over that, nobody is left to be told. */
const CLEANUPS: ReadonlySet<string> = new Set(['close', 'remove']);
const CHANGES: ReadonlySet<string> = new Set([
  ...['write', 'truncate', 'sync', 'syncAsync', 'remove', 'rename', 'link'],
  ...['open', 'createDirectory', 'syncDirectory'],
]);

/** See the module head. */
export class SimulatedProcess {
  private readonly disk: CrashFs;
  private readonly process: Process;
  private readonly trace: Trace;
  private readonly locks: FsLock[];
  private isDead: boolean;

  constructor(
    disk: CrashFs,
    clock: SimulatedClock,
    trace: Trace,
    { seed, workerCount }: { readonly seed: number; readonly workerCount: number },
  ) {
    this.disk = disk;
    this.trace = trace;
    this.locks = [];
    this.isDead = false;
    const fs = observed(disk, {
      before: (operation, target, args) => this.before(operation, target, args),
      after: (operation, result) => this.after(operation, result),
      failed: (operation, error) => CLEANUPS.has(operation) && error instanceof PowerCut,
    });
    const turn = async (): Promise<void> => clock.advance(1);
    this.process = processOf({ fs, clock, seed, workerCount, turn });
  }

  open(options: DbOptions): Promise<Db> {
    return this.process.open(options);
  }

  /** Lets threads get on. */
  work(): void {
    this.process.threads?.run();
  }

  /** Ends a thread in the middle of its work. Returns whether one had any. */
  killWorker(): boolean {
    return this.process.threads?.kill() ?? false;
  }

  /** From now on it changes and reads nothing; what it had locked is free. */
  async die(): Promise<void> {
    this.isDead = true;
    await Promise.all(this.locks.map((lock) => lock.release()));
  }

  private before(operation: string, target: Fs | FileHandle, args: readonly unknown[]): boolean {
    if (this.isDead || this.disk.isOff) {
      if (CLEANUPS.has(operation)) return true;
      throw new PowerCut('the process is dead');
    }
    if (!CHANGES.has(operation)) return false;
    const numbers = args.filter((arg) => typeof arg !== 'object').join();
    this.trace.note(`${operation} ${'path' in target ? target.path : ''} ${numbers}`);
    const [buf, off, length] = args;
    if (buf instanceof Uint8Array) {
      this.trace.bytes(buf.subarray(off as number, (off as number) + (length as number)));
    }
    return false;
  }

  private after(operation: string, result: unknown): void {
    if (operation !== 'lock') return;
    (result as Promise<FsLock>).then(
      (lock) => this.locks.push(lock),
      () => {},
    );
  }
}
