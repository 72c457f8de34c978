/**
 * A file system that fails where a test wants it to: it wraps any other one and consults rules
 * before each call.
 *
 *     const fs = new FaultFs(new MemoryFs());
 *     fs.addRule({ operation: 'write', path: (path) => path.endsWith('.wal'), skip: 3,
 *       effect: 'NOSPACE', shortWriteBytes: 10 });
 *
 * To fail every call of a workload in turn:
 *
 *     for (let n = 1; ; n++) {
 *       const fs = new FaultFs(new MemoryFs());
 *       fs.failCall(n);
 *       run(fs);
 *       if (fs.faults === 0) break;      // the workload has fewer than n calls
 *     }
 * @module
 */
import { VarveError } from '../errors.ts';
import type { FileHandle, Fs, FsCapabilities, FsLock, HandlePool, OpenMode } from '../fs/port.ts';

/** The calls that can fail. */
export type FaultOperation =
  | 'createDirectory'
  | 'open'
  | 'read'
  | 'write'
  | 'sync'
  | 'syncAsync'
  | 'truncate'
  | 'remove'
  | 'rename'
  | 'link'
  | 'list'
  | 'lock'
  | 'syncDirectory'
  | 'close';

/** One call that is about to happen. */
export interface FaultCall {
  /** The call. */
  readonly operation: FaultOperation;
  /** The path concerned; the old one for `rename` and `link`. */
  readonly path: string;
}

/** Which calls fail, and how. */
export interface FaultRule {
  /**
   * The operation or operations concerned. When absent every one but `close`, whose failures need
   * not show.
   */
  readonly operation?: FaultOperation | readonly FaultOperation[] | undefined;
  /** The paths concerned; every one when absent. */
  readonly path?: ((path: string) => boolean) | undefined;
  /** How many matching calls pass first; 0 when absent. */
  readonly skip?: number | undefined;
  /** How many matching calls fail after that; 1 when absent, `Infinity` for all. */
  readonly times?: number | undefined;
  /** Code of the error; `IO` when absent. */
  readonly effect?: 'IO' | 'NOSPACE' | 'HANDLES' | undefined;
  /** A failing write writes this many bytes first; 0 when absent. */
  readonly shortWriteBytes?: number | undefined;
  /** Called before the error is thrown, for instance to lose unsynced data (`CrashFs`). */
  readonly onFault?: ((call: FaultCall) => void) | undefined;
}

/** A file system with faults on demand. */
export class FaultFs implements Fs {
  readonly capabilities: FsCapabilities;
  readonly handles: HandlePool | undefined;
  private readonly inner: Fs;
  private readonly faultPlan: FaultPlan;

  /** @param inner does the work; also reachable directly, without faults */
  constructor(inner: Fs, rules: readonly FaultRule[] = []) {
    this.capabilities = inner.capabilities;
    this.handles = inner.handles;
    this.inner = inner;
    this.faultPlan = new FaultPlan();
    for (const rule of rules) this.addRule(rule);
  }

  /** Calls that have failed by a rule. */
  get faults(): number {
    return this.faultPlan.faults;
  }

  /** Calls so far that a rule could have failed, of one operation or of all but `close`. */
  calls(operation?: FaultOperation): number {
    return this.faultPlan.callsOf(operation);
  }

  /** Adds a rule; of several that match a call, the oldest decides. */
  addRule(rule: FaultRule): void {
    this.faultPlan.rules.push(new ActiveRule(rule));
  }

  /** Removes all rules: from now on every call succeeds. */
  clearRules(): void {
    this.faultPlan.rules = [];
  }

  /**
   * Fails the `count`-th call from now on.
   * @param count 1 or more
   * @param rule which calls count and how the last one fails
   */
  failCall(count: number, rule: Omit<FaultRule, 'skip'> = {}): void {
    if (!Number.isInteger(count) || count < 1) throw new RangeError('count must be 1 or more');
    this.addRule({ ...rule, skip: count - 1 });
  }

  resolve(path: string): string {
    return this.inner.resolve(path);
  }

  createDirectory(path: string): void {
    this.faultPlan.check('createDirectory', path);
    this.inner.createDirectory(path);
  }

  exists(path: string): boolean {
    return this.inner.exists(path);
  }

  list(directory: string): string[] {
    this.faultPlan.check('list', directory);
    return this.inner.list(directory);
  }

  open(path: string, mode: OpenMode): FileHandle {
    this.faultPlan.check('open', path);
    return new FaultHandle(this.inner.open(path, mode), this.faultPlan);
  }

  remove(path: string): void {
    this.faultPlan.check('remove', path);
    this.inner.remove(path);
  }

  async removeAsync(path: string): Promise<void> {
    this.faultPlan.check('remove', path);
    await this.inner.removeAsync(path);
  }

  rename(from: string, to: string): void {
    this.faultPlan.check('rename', from);
    this.inner.rename(from, to);
  }

  link(existing: string, path: string): void {
    this.faultPlan.check('link', existing);
    this.inner.link(existing, path);
  }

  syncDirectory(path: string): void {
    this.faultPlan.check('syncDirectory', path);
    this.inner.syncDirectory(path);
  }

  /** Not counted: it neither reads nor changes a file. */
  freeBytes(directory: string): number | undefined {
    return this.inner.freeBytes(directory);
  }

  async lock(path: string): Promise<FsLock> {
    this.faultPlan.check('lock', path);
    return this.inner.lock(path);
  }

  /** Not counted: it accompanies other calls. */
  assertHeld(path: string, token: string): void {
    this.inner.assertHeld(path, token);
  }
}

class FaultHandle implements FileHandle {
  readonly path: string;
  private readonly inner: FileHandle;
  private readonly plan: FaultPlan;

  constructor(inner: FileHandle, plan: FaultPlan) {
    this.path = inner.path;
    this.inner = inner;
    this.plan = plan;
  }

  read(buf: Uint8Array, off: number, length: number, position: number): number {
    this.plan.check('read', this.path);
    return this.inner.read(buf, off, length, position);
  }

  write(buf: Uint8Array, off: number, length: number, position: number): void {
    const rule = this.plan.next('write', this.path);
    if (rule !== undefined) {
      const part = Math.min(rule.shortWriteBytes ?? 0, length);
      if (part > 0) this.inner.write(buf, off, part, position);
      throw this.plan.fault(rule, 'write', this.path);
    }
    this.inner.write(buf, off, length, position);
  }

  size(): number {
    return this.inner.size();
  }

  linkCount(): number {
    return this.inner.linkCount();
  }

  truncate(size: number): void {
    this.plan.check('truncate', this.path);
    this.inner.truncate(size);
  }

  sync(): void {
    this.plan.check('sync', this.path);
    this.inner.sync();
  }

  async syncAsync(): Promise<void> {
    this.plan.check('syncAsync', this.path);
    await this.inner.syncAsync();
  }

  /** The handle is released all the same. */
  close(): void {
    this.inner.close();
    this.plan.check('close', this.path);
  }
}

/** A rule and the matching calls it has seen. */
class ActiveRule {
  readonly rule: FaultRule;
  private seen: number;

  constructor(rule: FaultRule) {
    this.rule = rule;
    this.seen = 0;
  }

  /** Counts the call if it matches. True when the call has to fail. */
  applies(operation: FaultOperation, path: string): boolean {
    const { rule } = this;
    const wanted = rule.operation;
    const names = typeof wanted === 'string' ? [wanted] : wanted;
    const matches = names?.includes(operation) ?? operation !== 'close';
    if (!matches || rule.path?.(path) === false) return false;
    const skip = rule.skip ?? 0;
    const at = this.seen++;
    return at >= skip && at < skip + (rule.times ?? 1);
  }
}

/** The rules and counts that a `FaultFs` shares with its handles. */
class FaultPlan {
  rules: ActiveRule[];
  faults: number;
  private readonly counts: Map<FaultOperation, number>;

  constructor() {
    this.rules = [];
    this.faults = 0;
    this.counts = new Map();
  }

  callsOf(operation: FaultOperation | undefined): number {
    if (operation !== undefined) return this.counts.get(operation) ?? 0;
    let sum = 0;
    for (const [name, count] of this.counts) if (name !== 'close') sum += count;
    return sum;
  }

  /** Counts a call and throws if it has to fail. */
  check(operation: FaultOperation, path: string): void {
    const rule = this.next(operation, path);
    if (rule !== undefined) throw this.fault(rule, operation, path);
  }

  /** Counts a call. @returns the rule that fails it */
  next(operation: FaultOperation, path: string): FaultRule | undefined {
    this.counts.set(operation, (this.counts.get(operation) ?? 0) + 1);
    let decider: FaultRule | undefined;
    for (const active of this.rules) {
      if (active.applies(operation, path)) decider ??= active.rule;
    }
    return decider;
  }

  /** Notes a fault. @returns the error to throw */
  fault(rule: FaultRule, operation: FaultOperation, path: string): VarveError {
    this.faults++;
    rule.onFault?.({ operation, path });
    return new VarveError(rule.effect ?? 'IO', `injected fault: ${operation} ${path}`, {
      file: path,
    });
  }
}
