/**
 * The worker that has the files: serves its own page, and the pages of other tabs that ask for it.
 * @module
 */
import type { Db } from '../db/database.ts';
import type { DbEvent } from '../db/events.ts';
import { VarveError } from '../errors.ts';
import type { OpfsPlatform } from '../fs/opfs-platform.ts';
import { checkpointTo } from './checkpoint-to.ts';
import { type HostLocks, whenFree } from './locks.ts';
import { ClientMarks } from './marks.ts';
import {
  type ClientIdentity,
  type ControlMessage,
  clientLock,
  controlChannel,
  type Link,
  type Message,
  PROTOCOL_VERSION,
  type Request,
  type WorkerStart,
} from './protocol.ts';
import { ClientSession } from './server.ts';
import { ClientWrites } from './write-run.ts';

/** What a leader needs of its browser. */
export interface LeaderHost {
  readonly locks: HostLocks;
  /** A `BroadcastChannel`. */
  channel(name: string): Link;
  /** Of the global scope if it is undefined. */
  readonly platform: OpfsPlatform | undefined;
}

/** A page that is linked. */
interface Guest {
  readonly link: Link;
  readonly session: ClientSession;
  readonly hasEvents: boolean;
}

/** See the module head. */
export class Leader {
  readonly #host: LeaderHost;
  readonly #db: Db;
  /** Gives the files back, after the database was closed. */
  readonly #unmount: () => Promise<void>;
  readonly #start: WorkerStart;
  readonly #marks: ClientMarks | undefined;
  readonly #guests: Map<string, Guest>;
  /** Pages whose end is waited for. */
  readonly #watched: Set<string>;
  readonly #control: Link | undefined;
  #isClosing: boolean;

  /** @param db taken: the page of the worker closes it */
  constructor(host: LeaderHost, db: Db, unmount: () => Promise<void>, start: WorkerStart) {
    this.#host = host;
    this.#db = db;
    this.#unmount = unmount;
    this.#start = start;
    this.#guests = new Map();
    this.#watched = new Set();
    this.#isClosing = false;
    this.#marks = start.leader === undefined ? undefined : new ClientMarks(db);
    this.#control =
      start.leader === undefined ? undefined : host.channel(controlChannel(start.name));
  }

  /** Serves the page that has started this worker, and whoever else asks. */
  async begin(own: Link): Promise<void> {
    await this.#forgetDeparted();
    this.#attach(this.#start, own);
    if (this.#control === undefined) return;
    this.#control.onmessage = ({ data }: { readonly data: ControlMessage }) => this.#hear(data);
    this.#announce();
  }

  /** Tells the pages that want to know what the database does in the background. */
  tell(event: DbEvent): void {
    for (const { hasEvents, link } of this.#guests.values()) {
      if (hasEvents) link.postMessage({ event } satisfies Message);
    }
  }

  /** A page keeps its lock as long as it may make a call again. */
  async #forgetDeparted(): Promise<void> {
    const known = this.#marks?.clients() ?? [];
    if (known.length === 0) return;
    const { held = [] } = await this.#host.locks.query();
    const names = new Set(held.map(({ name }) => name));
    for (const client of known) {
      if (!names.has(clientLock(client))) this.#marks!.forget(client);
      else this.#watch(client);
    }
  }

  #announce(): void {
    const leader = this.#start.leader!;
    const message: ControlMessage = { kind: 'leader', leader, version: PROTOCOL_VERSION };
    this.#control!.postMessage(message);
  }

  #hear(message: ControlMessage): void {
    if (message.kind === 'leader' || this.#isClosing) return;
    if (message.kind === 'hello' || message.leader !== this.#start.leader) this.#announce();
    else this.#attach(message, this.#host.channel(message.channel));
  }

  #attach(identity: ClientIdentity, link: Link): void {
    const { client, hasEvents } = identity;
    this.#detach(client);
    const writes = new ClientWrites(this.#db, this.#marks, client);
    const post = (message: Message, transfer: object[]): void => {
      link.postMessage(message, transfer);
    };
    const isOwn = client === this.#start.client;
    const session = new ClientSession(this.#db, writes, post, {
      close: () => (isOwn ? this.#close() : this.#db.sync()),
      leave: () => this.#detach(client),
      checkpoint: (name, options) => checkpointTo(this.#host.platform, this.#db, name, options),
    });
    this.#guests.set(client, { link, session, hasEvents });
    link.onmessage = ({ data }: { readonly data: Request }) => session.receive(data);
    if (!isOwn) this.#watch(client);
    link.postMessage({ isAttached: true } satisfies Message);
  }

  #detach(client: string): void {
    const guest = this.#guests.get(client);
    if (guest === undefined) return;
    this.#guests.delete(client);
    guest.session.dispose();
    guest.link.close();
  }

  /** Lets go of a page when it is gone for good. */
  #watch(client: string): void {
    if (this.#watched.has(client)) return;
    this.#watched.add(client);
    whenFree(this.#host.locks, clientLock(client), () => {
      this.#watched.delete(client);
      this.#detach(client);
      this.#marks?.forget(client);
    });
  }

  /** Other pages get no answer any more: they ask the next worker. */
  async #close(): Promise<void> {
    if (this.#isClosing) throw new VarveError('CLOSED', 'the database is being closed');
    this.#isClosing = true;
    this.#control?.close();
    for (const client of [...this.#guests.keys()]) {
      if (client !== this.#start.client) this.#detach(client);
    }
    await this.#db.close();
    await this.#unmount();
  }
}
