/**
 * Backup targets in memory, and ports that follow from a seed.
 * @module
 */
import assert from 'node:assert/strict';
import {
  type BackupPorts,
  Backups,
  type BackupTarget,
  DirectoryTarget,
  type Pieces,
} from '../../src/backup/index.ts';
import type { Fs } from '../../src/fs/port.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';

export const BACKUPS = 'backups';
export const RESTORED = 'restored';

export interface TestPorts extends BackupPorts {
  readonly clock: SimulatedClock;
}

/** A turn of the host is nothing, unless a test says so. */
export function portsOf(seed = 1, turn: () => void | Promise<void> = () => {}): TestPorts {
  return {
    clock: new SimulatedClock(1_700_000_000_000),
    random: new SeededRandom(seed),
    hostLoop: { turn: async () => turn() },
  };
}

/** Backups in a directory of a file system. */
export function backupsIn(fs: Fs, ports: BackupPorts = portsOf()): Backups {
  return new Backups(new DirectoryTarget(fs, BACKUPS), ports);
}

/**
 * Objects in memory, each call of which takes a turn and can be stopped at. A put shows its name
 * before it is complete, as some stores do.
 */
export class MemoryTarget implements BackupTarget {
  readonly objects: Map<string, Uint8Array>;
  /** Called before each step of a call. */
  before: (what: string, name: string) => void | Promise<void>;

  constructor() {
    this.objects = new Map();
    this.before = () => {};
  }

  async put(name: string, pieces: Pieces): Promise<void> {
    assert.match(name, /^[A-Za-z0-9.-]{1,100}$/);
    await this.before('put', name);
    this.objects.set(name, new Uint8Array(0));
    for await (const piece of pieces) {
      const before = this.objects.get(name) ?? new Uint8Array(0);
      this.objects.set(name, Buffer.concat([before, piece]));
      await this.before('putting', name);
    }
  }

  async get(name: string, range?: { from: number; length: number }): Promise<Pieces | undefined> {
    await this.before('get', name);
    const bytes = this.objects.get(name);
    if (bytes === undefined) return undefined;
    const part =
      range === undefined ? bytes : bytes.subarray(range.from, range.from + range.length);
    // In pieces of odd sizes.
    return (async function* () {
      for (let at = 0; at < part.length; at += 1013) yield part.slice(at, at + 1013);
    })();
  }

  async list(): Promise<string[]> {
    await this.before('list', '');
    return [...this.objects.keys()];
  }

  async delete(name: string): Promise<void> {
    await this.before('delete', name);
    this.objects.delete(name);
  }
}
