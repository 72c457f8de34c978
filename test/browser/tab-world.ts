/**
 * Tabs of one browser in one thread: pages and workers that are killed, also in the middle of a
 * write, frozen with and without notice, and closed; Web Locks, pipes and channels whose messages
 * take as long as a seed says; and OPFS, whose files are open in one worker at a time.
 * @module
 */
import { Connection } from '../../src/browser/connection.ts';
import type { HostWorker, TabHost } from '../../src/browser/host.ts';
import { openLeader } from '../../src/browser/open-leader.ts';
import { PageDb } from '../../src/browser/page-db.ts';
import type { Link, WorkerStart } from '../../src/browser/protocol.ts';
import { Tab, type TabOrder } from '../../src/browser/tab.ts';
import type { DbEvent } from '../../src/db/events.ts';
import type { OpfsDirectory, OpfsPlatform, SyncAccess } from '../../src/fs/opfs-platform.ts';
import type { Fs } from '../../src/fs/port.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { TestBrowser } from '../fs/opfs-browser.ts';
import { type Context, WorldLocks } from './world-locks.ts';

/** A page or a worker. */
class Realm implements Context {
  readonly name: string;
  isDead: boolean;
  isFrozen: boolean;
  /** What to do once it is thawed. */
  readonly deferred: (() => void)[];
  /** Files that it has open. */
  readonly files: Set<SyncAccess>;
  /** Writes to files after which it is killed, in the middle of the last one. */
  writesLeft: number;

  constructor(name: string) {
    this.name = name;
    this.isDead = false;
    this.isFrozen = false;
    this.deferred = [];
    this.files = new Set();
    this.writesLeft = Number.POSITIVE_INFINITY;
  }

  /** Runs a task of this realm, when it can. */
  run(task: () => void): void {
    if (this.isDead) return;
    if (this.isFrozen) this.deferred.push(task);
    else task();
  }
}

/** One end of a pipe, or one of the objects of a channel. */
class WorldLink implements Link {
  readonly #world: TabWorld;
  owner: Realm;
  readonly receivers: () => Iterable<WorldLink>;
  readonly inbox: { readonly data: unknown; readonly from: Realm }[];
  /** A port keeps messages until somebody listens, a channel does not. */
  readonly keeps: boolean;
  isClosed: boolean;
  onmessage: ((event: { readonly data: never }) => void) | null;

  constructor(
    world: TabWorld,
    owner: Realm,
    keeps: boolean,
    receivers: (self: WorldLink) => Iterable<WorldLink>,
  ) {
    this.#world = world;
    this.owner = owner;
    this.keeps = keeps;
    this.receivers = () => receivers(this);
    this.inbox = [];
    this.isClosed = false;
    this.onmessage = null;
    world.links.add(this);
  }

  postMessage(message: unknown, transfer: object[] = []): void {
    const buffers = transfer.filter((item) => item instanceof ArrayBuffer);
    const data = structuredClone(message, { transfer: [...new Set(buffers)] });
    if (this.isClosed || this.owner.isDead) return;
    for (const receiver of this.receivers()) receiver.inbox.push({ data, from: this.owner });
    this.#world.pump();
  }

  close(): void {
    this.isClosed = true;
    this.#world.links.delete(this);
  }
}

/** A worker of a page. */
class WorldWorker implements HostWorker {
  readonly realm: Realm;
  readonly #world: TabWorld;
  readonly #toPage: WorldLink;
  readonly #page: Realm;
  onmessage: HostWorker['onmessage'];
  onerror: HostWorker['onerror'];

  constructor(world: TabWorld, page: Realm) {
    this.#world = world;
    this.#page = page;
    this.realm = new Realm(`worker of ${page.name}`);
    this.onmessage = null;
    this.onerror = null;
    const inPage = new WorldLink(world, page, true, () => []);
    this.#toPage = new WorldLink(world, this.realm, true, () => [inPage]);
    inPage.onmessage = (event) => this.onmessage?.(event);
  }

  postMessage(message: unknown, [port]: object[] = []): void {
    const start = structuredClone(message) as WorkerStart;
    const link = port as WorldLink;
    link.owner = this.realm;
    this.#world.later(this.realm, () => {
      const host = {
        locks: this.#world.locks.of(this.realm),
        channel: (name: string) => this.#world.channel(this.realm, name),
        platform: new WorkerPlatform(this.#world, this.realm, this.#page),
        tell: (news: unknown) => this.#toPage.postMessage(news),
      };
      void openLeader(host, start, link);
    });
  }

  terminate(): void {
    this.#world.end(this.realm);
  }
}

/** OPFS as a worker sees it, which can be killed at any write. */
class WorkerPlatform implements OpfsPlatform {
  readonly root: OpfsDirectory;
  readonly #world: TabWorld;
  readonly #realm: Realm;

  constructor(world: TabWorld, realm: Realm, page: Realm) {
    this.#world = world;
    this.#realm = realm;
    this.root = ownedDirectory(world, realm, page, world.opfs.root);
  }

  hold(name: string, waitMs: number): Promise<(() => void) | undefined> {
    return new Promise((resolve, reject) => {
      const onLock = (lock: unknown): Promise<void> | undefined => {
        if (lock !== null) return new Promise<void>((release) => resolve(release));
        resolve(undefined);
        return undefined;
      };
      const locks = this.#world.locks.of(this.#realm);
      locks.request(name, { ifAvailable: waitMs === 0 }, onLock).catch(reject);
    });
  }

  freeBytes(): Promise<number | undefined> {
    return this.#world.opfs.freeBytes();
  }

  persist(): Promise<boolean> {
    return this.#world.opfs.persist();
  }
}

function ownedDirectory(
  world: TabWorld,
  realm: Realm,
  page: Realm,
  directory: OpfsDirectory,
): OpfsDirectory {
  return {
    getDirectoryHandle: async (name, options) =>
      ownedDirectory(world, realm, page, await directory.getDirectoryHandle(name, options)),
    getFileHandle: async (name, options) => {
      const file = await directory.getFileHandle(name, options);
      return {
        createSyncAccessHandle: async () => {
          requireLife(realm);
          const access = await file.createSyncAccessHandle();
          if (realm.isDead) access.close();
          else realm.files.add(access);
          return ownedAccess(world, realm, page, access);
        },
      };
    },
    removeEntry: async (name) => {
      requireLife(realm);
      await directory.removeEntry(name);
    },
    keys: () => directory.keys(),
  };
}

function ownedAccess(world: TabWorld, realm: Realm, page: Realm, access: SyncAccess): SyncAccess {
  const own = <T>(work: () => T): T => {
    requireLife(realm);
    return work();
  };
  return {
    read: (buf, at) => own(() => access.read(buf, at)),
    write: (buf, { at }) =>
      own(() => {
        if (--realm.writesLeft > 0) return access.write(buf, { at });
        access.write(buf.subarray(0, world.random.below(buf.length + 1)), { at });
        world.end(page);
        world.end(realm);
        throw new Error('killed');
      }),
    truncate: (size) => own(() => access.truncate(size)),
    getSize: () => own(() => access.getSize()),
    flush: () => own(() => access.flush()),
    close: () => {
      realm.files.delete(access);
      access.close();
    },
  };
}

function requireLife(realm: Realm): void {
  if (realm.isDead) throw new Error(`${realm.name} is dead`);
}

/** One tab. */
export class WorldTab {
  readonly page: Realm;
  readonly db: PageDb;
  readonly #world: TabWorld;
  readonly #tab: Tab;
  readonly #connection: Connection;
  readonly #workers: WorldWorker[];
  #pause: () => void;
  #resume: () => void;

  constructor(
    world: TabWorld,
    name: string,
    order: Partial<TabOrder>,
    onEvent?: (e: DbEvent) => void,
  ) {
    this.#world = world;
    this.page = new Realm(name);
    this.#workers = [];
    this.#pause = () => {};
    this.#resume = () => {};
    this.#connection = new Connection(onEvent);
    const whole: TabOrder = {
      name: 'app',
      db: { writeBufferBytes: 64 * 1024 },
      handlesMax: undefined,
      persist: undefined,
      hasEvents: onEvent !== undefined,
      isShared: true,
      ...order,
    };
    this.#tab = new Tab(this.#host(), whole, this.#connection);
    this.db = new PageDb(this.#connection, (reason) => this.#tab.leave(reason));
  }

  get isLeader(): boolean {
    return this.#tab.isLeader;
  }

  get isDead(): boolean {
    return this.page.isDead;
  }

  /** Whether a worker of this tab has files open. */
  get hasOpened(): boolean {
    return this.#workers.some(({ realm }) => realm.files.size > 0);
  }

  get isFrozen(): boolean {
    return this.page.isFrozen;
  }

  /** Messages that pages and workers of this tab can still get are those that have arrived. */
  join(): Promise<void> {
    return this.#tab.join();
  }

  /** The tab goes at once, as by SIGKILL. */
  kill(): void {
    this.#world.end(this.page);
    for (const { realm } of this.#workers) this.#world.end(realm);
  }

  /** Kills it in the middle of a write to a file, this many writes from now. */
  killAtWrite(count: number): void {
    for (const { realm } of this.#workers) realm.writesLeft = count;
  }

  /** Only the worker goes, and nobody has ended it. */
  killWorker(): void {
    for (const { realm } of this.#workers) this.#world.end(realm);
  }

  /** @param isTold whether the browser tells the page before */
  freeze(isTold: boolean): void {
    if (this.page.isDead || this.page.isFrozen) return;
    if (isTold) this.#pause();
    for (const realm of this.#realms()) realm.isFrozen = true;
  }

  thaw(): void {
    if (!this.page.isFrozen) return;
    for (const realm of this.#realms()) realm.isFrozen = false;
    this.#resume();
    for (const realm of this.#realms())
      for (const task of realm.deferred.splice(0)) realm.run(task);
    this.#world.pump();
  }

  #realms(): Realm[] {
    return [this.page, ...this.#workers.map(({ realm }) => realm)];
  }

  #host(): TabHost {
    const world = this.#world;
    return {
      locks: world.locks.of(this.page),
      randomName: () => world.randomName(),
      startWorker: () => {
        const worker = new WorldWorker(world, this.page);
        this.#workers.push(worker);
        return worker;
      },
      pipe: () => world.pipe(this.page),
      channel: (name) => world.channel(this.page, name),
      watchLifecycle: (pause, resume) => {
        this.#pause = pause;
        this.#resume = resume;
        return () => {};
      },
    };
  }
}

/** See the module head. */
export class TabWorld {
  readonly random: SeededRandom;
  readonly opfs: TestBrowser;
  readonly locks: WorldLocks;
  readonly links: Set<WorldLink>;
  readonly #channels: Map<string, Set<WorldLink>>;
  #isPumping: boolean;
  #nameCount: number;

  constructor(seed: number, disk: Fs) {
    this.random = new SeededRandom(seed);
    this.opfs = new TestBrowser(disk);
    this.locks = new WorldLocks((context, task) => this.later(context as Realm, task));
    this.links = new Set();
    this.#channels = new Map();
    this.#isPumping = false;
    this.#nameCount = 0;
  }

  tab(name: string, order: Partial<TabOrder> = {}, onEvent?: (event: DbEvent) => void): WorldTab {
    return new WorldTab(this, name, order, onEvent);
  }

  /** Names come in an order that says nothing. */
  randomName(): string {
    const part = (n: number): string => String(n).padStart(8, '0');
    return part(this.random.below(1e8)) + part(this.#nameCount++);
  }

  pipe(owner: Realm): readonly [WorldLink, WorldLink] {
    const mine: WorldLink = new WorldLink(this, owner, true, () => [theirs]);
    const theirs: WorldLink = new WorldLink(this, owner, true, () => [mine]);
    return [mine, theirs];
  }

  channel(owner: Realm, name: string): WorldLink {
    const links = this.#channels.get(name) ?? new Set();
    this.#channels.set(name, links);
    const others = (self: WorldLink): WorldLink[] =>
      [...links].filter((link) => link !== self && !link.isClosed);
    const link = new WorldLink(this, owner, false, others);
    links.add(link);
    return link;
  }

  /** A task of a realm, some turns from now. */
  later(realm: Realm, task: () => void): void {
    const turns = this.random.below(3);
    const wait = (left: number): void => {
      if (left === 0) realm.run(task);
      else setImmediate(() => wait(left - 1));
    };
    setImmediate(() => wait(turns));
  }

  /** A page or worker is gone: its locks, its files, and a part of what it has said last. */
  end(realm: Realm): void {
    if (realm.isDead) return;
    realm.isDead = true;
    for (const access of realm.files) access.close();
    realm.files.clear();
    for (const link of this.links) {
      if (link.owner === realm) this.links.delete(link);
      else this.#loseSome(link, realm);
    }
    this.locks.end(realm);
  }

  /** What is under way from a page or worker that is gone may not arrive, from some message on. */
  #loseSome({ inbox }: WorldLink, from: Realm): void {
    const sent = inbox.filter((message) => message.from === from);
    const lost = new Set(sent.slice(this.random.below(sent.length + 1)));
    for (const message of lost) inbox.splice(inbox.indexOf(message), 1);
  }

  /** Delivers what waits, a message a turn, in the order of each link. */
  pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    setImmediate(() => this.#deliver());
  }

  #deliver(): void {
    this.#isPumping = false;
    const ready = [...this.links].filter(
      ({ inbox, owner, keeps, onmessage }) =>
        inbox.length > 0 && !owner.isFrozen && (!keeps || onmessage !== null),
    );
    if (ready.length === 0) return;
    const link = ready[this.random.below(ready.length)]!;
    const { data } = link.inbox.shift()!;
    if (!link.owner.isDead) link.onmessage?.({ data: data as never });
    this.pump();
  }
}
