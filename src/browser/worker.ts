/**
 * The program of the worker in which a page has its database; started by tab.ts.
 * @module
 */
import type { HostLocks } from './locks.ts';
import { openLeader } from './open-leader.ts';
import type { Link, WorkerStart } from './protocol.ts';

addEventListener(
  'message',
  ({ data, ports }: MessageEvent<WorkerStart>) => {
    const host = {
      locks: navigator.locks as unknown as HostLocks,
      channel: (name: string) => new BroadcastChannel(name) as unknown as Link,
      platform: undefined,
      tell: (news: unknown) => postMessage(news),
    };
    void openLeader(host, data, ports[0] as unknown as Link);
  },
  { once: true },
);
