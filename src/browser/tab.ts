/**
 * The place of a page among the tabs that share a database: one of them leads, and starts the
 * worker that has the files open; the others are linked to that worker.
 *
 * - Every page that shares holds the lock `varve-share:NAME` in shared mode, one that does not in
 *   exclusive mode, and so the two kinds keep out of each other's way.
 * - Who holds the lock `varve-lead:NAME` leads. All pages queue for it; the browser gives it to the
 *   next one when its holder closes, crashes or gives it up. The lock only says who may try: the
 *   files are open in one worker at a time, so one that lives on has to be gone before another can
 *   open them, and nobody counts seconds.
 * - A worker that leads says so on the control channel when it has opened the database, and
 *   whenever it is asked. A page that hears it asks that worker for a link.
 * - A page that is about to be frozen ends its worker, for a frozen one would keep the files open.
 *   What was acknowledged is with the operating system, as when a tab is killed. Back again, the
 *   page queues behind the others.
 * @module
 */
import type { DbOptions } from '../db/options.ts';
import { VarveError } from '../errors.ts';
import { type Connection, errorOf } from './connection.ts';
import type { HostWorker, TabHost } from './host.ts';
import { holdLock, whenFree } from './locks.ts';
import {
  type ControlMessage,
  clientLock,
  controlChannel,
  type Link,
  type Message,
  PROTOCOL_VERSION,
  type WorkerNews,
  type WorkerStart,
} from './protocol.ts';

/** So many workers may end in a row without having answered anything. */
const LOSSES_MAX = 3;

/** What a page asks a worker to open, and how it shares it. */
export interface TabOrder {
  readonly name: string;
  readonly db: DbOptions;
  readonly handlesMax: number | undefined;
  readonly persist: boolean | undefined;
  readonly hasEvents: boolean;
  readonly isShared: boolean;
}

/** See the module head. */
export class Tab {
  readonly #host: TabHost;
  readonly #order: TabOrder;
  readonly #connection: Connection;
  readonly #client: string;
  /** To be called when this page is gone for good. */
  readonly #releases: (() => void)[];
  #control: Link | undefined;
  #state: 'new' | 'present' | 'away' | 'gone';
  /** The worker that this page is linked to, or will be. */
  #leader: string | undefined;
  #linkCount: number;
  /** A link that is not attached yet. */
  #pendingLink: Link | undefined;
  /** Ends waiting for the lock of the leader. */
  #queue: AbortController | undefined;
  /** Gives the lock of the leader up. */
  #abdicate: (() => void) | undefined;
  #worker: HostWorker | undefined;
  #lossCount: number;
  #answersAtLoss: number;
  #onOpened: ((error?: unknown) => void) | undefined;

  constructor(host: TabHost, order: TabOrder, connection: Connection) {
    this.#host = host;
    this.#order = order;
    this.#connection = connection;
    this.#client = host.randomName();
    this.#releases = [];
    this.#control = undefined;
    this.#state = 'new';
    this.#leader = undefined;
    this.#linkCount = 0;
    this.#pendingLink = undefined;
    this.#queue = undefined;
    this.#abdicate = undefined;
    this.#worker = undefined;
    this.#lossCount = 0;
    this.#answersAtLoss = 0;
    this.#onOpened = undefined;
  }

  /** Whether the worker of this page has the files. */
  get isLeader(): boolean {
    return this.#worker !== undefined;
  }

  /**
   * Resolves when a worker, of this page or of another, has the database open for it.
   * @throws VarveError `LOCKED` while a tab has it that does not share, or that shares it with this
   * one, which does not; whatever `open` throws
   */
  async join(): Promise<void> {
    const { name, isShared } = this.#order;
    try {
      await this.#share(name, isShared);
      await new Promise<void>((resolve, reject) => {
        this.#onOpened = (error) => (error === undefined ? resolve() : reject(error));
        this.#state = 'present';
        this.#enter();
      });
    } catch (error) {
      this.leave(error);
      throw error;
    }
  }

  async #share(name: string, isShared: boolean): Promise<void> {
    const { locks } = this.#host;
    const mode = isShared ? 'shared' : 'exclusive';
    const release = await holdLock(locks, `varve-share:${name}`, { mode, ifAvailable: true });
    if (release === undefined) {
      throw new VarveError('LOCKED', `${name} is open in another tab, which does not share it`);
    }
    this.#releases.push(release);
    if (!isShared) return;
    this.#releases.push((await holdLock(locks, clientLock(this.#client)))!);
    const control = this.#host.channel(controlChannel(name));
    control.onmessage = ({ data }: { readonly data: ControlMessage }) => this.#hear(data);
    this.#control = control;
    this.#releases.push(() => control.close());
    const pause = (): void => this.#pause();
    this.#releases.push(this.#host.watchLifecycle(pause, () => this.#return()));
  }

  /** Goes for good; calls that are under way fail with `reason`. */
  leave(reason: unknown): void {
    if (this.#state === 'gone') return;
    this.#state = 'gone';
    this.#retire();
    for (const release of this.#releases) release();
    this.#connection.end(reason);
    this.#onOpened?.(reason);
  }

  /** Queues for the lead, and asks who has it. */
  #enter(): void {
    const queue = new AbortController();
    this.#queue = queue;
    const onLock = (): Promise<void> | undefined => {
      if (this.#queue !== queue) return undefined;
      this.#queue = undefined;
      return new Promise((release) => {
        this.#abdicate = release;
        this.#lead();
      });
    };
    const { locks } = this.#host;
    locks.request(`varve-lead:${this.#order.name}`, { signal: queue.signal }, onLock).catch(() => {
      // It was given up, which shows by the signal.
    });
    this.#say({ kind: 'hello' });
  }

  #say(message: ControlMessage): void {
    this.#control?.postMessage(message);
  }

  /** Starts the worker that opens the database. */
  #lead(): void {
    const { isShared, name, db, handlesMax, persist, hasEvents } = this.#order;
    const isTakeover = this.#leader !== undefined || this.#onOpened === undefined;
    const leader = isShared ? this.#host.randomName() : undefined;
    const lifeLock = `varve-worker:${this.#host.randomName()}`;
    this.#leader = leader;
    const [mine, theirs] = this.#host.pipe();
    const start: WorkerStart = {
      ...{ name, db, handlesMax, persist, hasEvents, lifeLock, leader, isTakeover },
      client: this.#client,
    };
    const worker = this.#host.startWorker();
    this.#worker = worker;
    worker.onmessage = ({ data: { isAlive, failure } }: { readonly data: WorkerNews }) => {
      if (this.#worker !== worker) return;
      if (isAlive) whenFree(this.#host.locks, lifeLock, () => this.#onWorkerEnd(worker));
      if (failure !== undefined) this.leave(errorOf(failure));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      if (this.#worker !== worker) return;
      const why = event.message ?? 'its program cannot be loaded';
      const code = this.#onOpened === undefined ? 'IO' : 'UNSUPPORTED';
      this.leave(new VarveError(code, `the worker of the database failed: ${why}`));
    };
    this.#await(mine);
    try {
      worker.postMessage(start, [theirs]);
    } catch (cause) {
      this.leave(new TypeError('the options of the database cannot be cloned', { cause }));
    }
  }

  /** Uses a link once the other end has said that it is there. */
  #await(link: Link): void {
    this.#connection.drop();
    this.#pendingLink?.close();
    this.#pendingLink = link;
    link.onmessage = ({ data }: { readonly data: Message }) => {
      if (data.isAttached !== true || this.#pendingLink !== link) return;
      this.#pendingLink = undefined;
      this.#connection.use(link);
      const onOpened = this.#onOpened;
      this.#onOpened = undefined;
      onOpened?.();
    };
  }

  #hear(message: ControlMessage): void {
    if (message.kind !== 'leader' || this.#state !== 'present') return;
    if (this.#worker !== undefined || message.leader === this.#leader) return;
    if (message.version !== PROTOCOL_VERSION) {
      const text = 'another tab runs another version of this site: reload them';
      this.leave(new VarveError('UNSUPPORTED', text));
      return;
    }
    const { leader } = message;
    this.#leader = leader;
    const channel = `varve-link:${this.#client}:${++this.#linkCount}`;
    this.#await(this.#host.channel(channel));
    const { hasEvents } = this.#order;
    this.#say({ kind: 'attach', leader, channel, client: this.#client, hasEvents });
  }

  /** The worker of this page has ended, and nobody here has ended it. */
  #onWorkerEnd(worker: HostWorker): void {
    if (this.#worker !== worker) return;
    const { answerCount } = this.#connection;
    this.#lossCount = answerCount === this.#answersAtLoss ? this.#lossCount + 1 : 1;
    this.#answersAtLoss = answerCount;
    const isHopeless = this.#lossCount >= LOSSES_MAX || this.#onOpened !== undefined;
    if (isHopeless || !this.#order.isShared) {
      this.leave(new VarveError('IO', 'the worker of the database ended'));
      return;
    }
    this.#retire();
    this.#enter();
  }

  /** The page is about to be frozen, perhaps for good. */
  #pause(): void {
    if (this.#state !== 'present') return;
    this.#state = 'away';
    this.#retire();
  }

  #return(): void {
    if (this.#state !== 'away') return;
    this.#state = 'present';
    this.#enter();
  }

  /** Leads no more, queues no more, and is linked to nobody. */
  #retire(): void {
    const isFollower = this.#worker === undefined;
    this.#connection.drop(isFollower);
    this.#pendingLink?.close();
    this.#pendingLink = undefined;
    this.#leader = undefined;
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#queue?.abort();
    this.#queue = undefined;
    this.#abdicate?.();
    this.#abdicate = undefined;
  }
}
