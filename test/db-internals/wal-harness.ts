/**
 * A WalSet over gated syncs, with what its callers know of it: which seqno ends where.
 */
import assert from 'node:assert/strict';
import { WalSet } from '../../src/db/wal-set.ts';
import { BatchEncoder } from '../../src/db/write-batch.ts';
import { Removals } from '../../src/fs/removals.ts';
import { walName } from '../../src/manifest/file-names.ts';
import { plainPipeline } from '../block/pipelines.ts';
import { GatedFs, settled } from './gated-fs.ts';

export const DIRECTORY = 'db';

export class WalHarness {
  readonly fs: GatedFs;
  readonly set: WalSet;
  /** The last seqno that was appended. */
  lastSeqno: number;
  /** Seqnos that a sync acknowledged, and how often one was refused. */
  readonly acknowledged: number[];
  refusals: number;
  #nextNumber: number;
  readonly #records: { readonly path: string; readonly endBytes: number; readonly seqno: number }[];
  readonly #removed: Set<string>;
  readonly #encoder: BatchEncoder;

  constructor() {
    this.fs = new GatedFs();
    this.fs.createDirectory(DIRECTORY);
    this.set = new WalSet(this.fs, DIRECTORY, plainPipeline(), new Removals(this.fs), 0);
    this.lastSeqno = 0;
    this.acknowledged = [];
    this.refusals = 0;
    this.#nextNumber = 1;
    this.#records = [];
    this.#removed = new Set();
    this.#encoder = new BatchEncoder();
    this.rotate();
  }

  rotate(): void {
    this.set.rotate(this.#nextNumber++, this.lastSeqno);
    const before = this.set.ends().at(-2);
    if (before === undefined) return;
    // What is written from here on counts only with the record that names the log.
    const path = pathOf(before.logNumber);
    this.#records.push({ path, endBytes: before.sizeBytes, seqno: this.lastSeqno });
  }

  append(count = 1): void {
    const encoder = this.#encoder;
    encoder.clear();
    for (let i = 0; i < count; i++) encoder.put(undefined, `key ${i}`, 'value');
    this.set.append(encoder, this.lastSeqno + 1);
    this.lastSeqno += count;
    const end = this.set.ends().at(-1)!;
    const path = pathOf(end.logNumber);
    this.#records.push({ path, endBytes: end.sizeBytes, seqno: this.lastSeqno });
  }

  /** Asks for a sync; notes what it acknowledges, and checks that at that moment. */
  async sync(): Promise<void> {
    const seqno = this.lastSeqno;
    try {
      await this.set.sync();
    } catch {
      this.refusals++;
      return;
    }
    this.acknowledged.push(seqno);
    assert.ok(seqno <= this.syncedSeqno(), `${seqno} acknowledged before it was synced`);
    assert.ok(seqno <= this.set.durableSeqno);
  }

  /** Removes all logs but the active one, as a flush does: what they hold is in tables. */
  removeOld(): void {
    const logs = this.set.ends();
    const active = this.set.activeNumber;
    this.set.removeBelow(active);
    for (const { logNumber } of logs) {
      if (logNumber < active) this.#removed.add(pathOf(logNumber));
    }
  }

  /** The highest seqno up to which everything is on stable storage. */
  syncedSeqno(): number {
    let synced = 0;
    for (const { path, endBytes, seqno } of this.#records) {
      const isSynced = (this.fs.durableBytes.get(path) ?? 0) >= endBytes;
      if (!isSynced && !this.#removed.has(path)) break;
      synced = seqno;
    }
    return synced;
  }

  /** Syncs all logs but the active one. */
  syncOld(): void {
    const active = pathOf(this.set.activeNumber);
    this.set.syncUpTo(this.#records.filter(({ path }) => path !== active).at(-1)?.seqno ?? 0);
  }

  /** True when a log that still counts holds records that are not on stable storage. */
  hasUnsynced(path: string): boolean {
    if (this.#removed.has(path)) return false;
    const last = this.#records.filter((record) => record.path === path).at(-1);
    return last !== undefined && (this.fs.durableBytes.get(path) ?? 0) < last.endBytes;
  }

  /** What must hold at every moment. */
  check(): void {
    assert.ok(this.set.durableSeqno <= this.syncedSeqno(), 'durableSeqno is ahead of the disk');
    assert.deepEqual(this.fs.misuses, []);
    assert.ok(this.fs.pending.length <= 1, `${this.fs.pending.length} syncs at once`);
  }

  /** Ends syncs until none is under way; checks after each. */
  async drain(): Promise<void> {
    await settled();
    while (this.fs.pending.length > 0) {
      this.fs.pending[0]!.finish();
      await settled();
      this.check();
    }
  }
}

export function pathOf(logNumber: number): string {
  return `${DIRECTORY}/${walName(logNumber)}`;
}
