/**
 * The program of the worker in which a page has its database, or that imports one; started by
 * tab.ts and import.ts.
 * @module
 */
import type { ImportNews, ImportPiece, ImportStart } from './import-protocol.ts';
import { importInto } from './import-worker.ts';
import type { HostLocks } from './locks.ts';
import { openLeader } from './open-leader.ts';
import type { Link, WorkerStart } from './protocol.ts';

addEventListener(
  'message',
  ({ data, ports }: MessageEvent<WorkerStart | ImportStart>) => {
    if ('importInto' in data) {
      void importInto({ tell: (news: ImportNews) => postMessage(news), next: nextPiece }, data);
      return;
    }
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

function nextPiece(): Promise<ImportPiece> {
  return new Promise((resolve) => {
    const onPiece = ({ data }: MessageEvent<ImportPiece>): void => resolve(data);
    addEventListener('message', onPiece, { once: true });
  });
}
