/**
 * Calls of a page that are under way. They outlive the worker that they were made to: the next one
 * gets those that were not answered, in their order.
 * @module
 */
import type { DbEvent } from '../db/events.ts';
import { VarveError } from '../errors.ts';
import { Held } from './held.ts';
import {
  AFTER_LOSS,
  type Call,
  type Failure,
  type Link,
  type Message,
  type Request,
  type Verb,
  type Verbs,
} from './protocol.ts';

/** Told of the progress of long work. */
export type PageProgress = (bytesDone: number, bytesTotal: number) => void;

/** Who waits for an answer. */
interface Waiting {
  readonly call: Call;
  /** Whether a worker may have begun with it. */
  isSent: boolean;
  resolve(value: never): void;
  reject(error: unknown): void;
}

/** See the module head. */
export class Connection {
  /** What is open for this page at the worker. */
  readonly held: Held;
  /** Answers that have come. */
  answerCount: number;
  /** Who is told of the progress of long work, by its number. */
  readonly progress: Map<number, PageProgress>;
  readonly #onEvent: ((event: DbEvent) => void) | undefined;
  /** In the order of the calls. */
  readonly #waiting: Map<number, Waiting>;
  #link: Link | undefined;
  #nextId: number;
  /** Those of {@link #waiting} that no worker has been sent. */
  #unsent: Waiting[];
  #isFlushDue: boolean;
  /** Why nothing more can be asked. */
  #ended: unknown;

  constructor(onEvent: ((event: DbEvent) => void) | undefined) {
    this.held = new Held();
    this.answerCount = 0;
    this.progress = new Map();
    this.#onEvent = onEvent;
    this.#waiting = new Map();
    this.#link = undefined;
    this.#nextId = 1;
    this.#unsent = [];
    this.#isFlushDue = false;
    this.#ended = undefined;
  }

  /** Arguments are borrowed until the promise settles: they may have to be sent again. */
  call<V extends Verb>(verb: V, ...args: Parameters<Verbs[V]>): Promise<ReturnType<Verbs[V]>> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended);
        return;
      }
      const id = this.#nextId++;
      const waiting: Waiting = {
        call: [id, verb, ...args],
        isSent: false,
        resolve: resolve as Waiting['resolve'],
        reject,
      };
      this.#waiting.set(id, waiting);
      this.#unsent.push(waiting);
      if (this.#isFlushDue) return;
      this.#isFlushDue = true;
      queueMicrotask(() => this.#flush());
    });
  }

  /** Goes on with a worker that has the database open; takes the link. */
  use(link: Link): void {
    this.drop();
    if (this.#ended !== undefined) {
      link.close();
      return;
    }
    this.#link = link;
    link.onmessage = ({ data }: { readonly data: Message }) => {
      if (this.#link === link) this.#receive(data);
    };
    this.#giveUpUnknown();
    this.#unsent = [...this.#waiting.values()];
    const restored = this.held.toRestore();
    if (restored !== undefined) {
      const [snapshots, iterators] = restored;
      link.postMessage(this.#request([[this.#nextId++, 'restore', snapshots, iterators]]));
    }
    this.#flush();
  }

  /** The worker is gone, or this page goes: calls wait. */
  drop(isLeaving = false): void {
    if (isLeaving) this.#link?.postMessage(this.#request([[this.#nextId++, 'leave']]));
    this.#link?.close();
    this.#link = undefined;
  }

  /** Nothing more can be asked; what is under way fails. */
  end(reason: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.drop();
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
    this.#unsent = [];
  }

  #flush(): void {
    this.#isFlushDue = false;
    const link = this.#link;
    const unsent = this.#unsent;
    if (link === undefined || unsent.length === 0) return;
    this.#unsent = [];
    for (const waiting of unsent) waiting.isSent = true;
    try {
      link.postMessage(this.#request(unsent.map(({ call }) => call)));
    } catch {
      // One of them cannot be cloned: the others must not suffer for it.
      for (const waiting of unsent) this.#sendAlone(link, waiting);
    }
  }

  #sendAlone(link: Link, { call, reject }: Waiting): void {
    try {
      link.postMessage(this.#request([call]));
    } catch (cause) {
      this.#waiting.delete(call[0]);
      reject(new TypeError(`an argument of ${call[1]} cannot be cloned`, { cause }));
    }
  }

  #request(calls: readonly Call[]): Request {
    const { value } = this.#waiting.keys().next();
    return { calls, pendingFrom: value ?? this.#nextId };
  }

  #receive({ answers, event, progress }: Message): void {
    if (progress !== undefined) this.progress.get(progress[0])?.(progress[1], progress[2]);
    for (const [id, value, failure] of answers ?? []) this.#settle(id, value, failure);
    if (event !== undefined) this.#onEvent?.(event);
  }

  #settle(id: number, value: unknown, failure: Failure | undefined): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    this.answerCount++;
    if (failure === undefined) waiting.resolve(value as never);
    else waiting.reject(errorOf(failure));
  }

  /** Fails the calls that may have had their effect, and would have it twice. */
  #giveUpUnknown(): void {
    for (const [id, { call, isSent, reject }] of this.#waiting) {
      if (!isSent || AFTER_LOSS[call[1]] === 'repeat') continue;
      this.#waiting.delete(id);
      const what = `the worker that was to do ${call[1]} ended before it answered`;
      reject(new VarveError('UNKNOWN', `${what}: look whether it was done`));
    }
  }
}

/** The error that a failure stands for. */
export function errorOf({ code, message, file, offset }: Failure): Error {
  if (code === 'TypeError') return new TypeError(message);
  if (code === 'RangeError') return new RangeError(message);
  return new VarveError(code, message, { file, offset });
}
