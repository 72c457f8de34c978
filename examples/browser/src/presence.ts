/**
 * The tabs that have the database open. They share it; one that wants to replace or erase it asks
 * the others to leave, and waits until they have.
 * @module
 */
import { NAME } from './vault.ts';

/** A lock, shared by all tabs that have the database open. */
const LOCK = `${NAME}-open`;
const CHANNEL = `${NAME}-tabs`;

/** What a tab is told to do. */
interface Request {
  readonly type: 'leave';
}

/**
 * Counts this tab in, as soon as nobody wants to be alone.
 * @param onLeave closes the database; the tab counts until it is done
 * @returns what counts it out
 */
export function join(onLeave: () => Promise<void>): Promise<() => void> {
  const channel = new BroadcastChannel(CHANNEL);
  return new Promise((resolve, reject) => {
    const present = () =>
      new Promise<void>((release) => {
        const leave = () => {
          channel.close();
          release();
        };
        channel.onmessage = ({ data }: MessageEvent<Request>) => {
          if (data.type === 'leave') void onLeave().finally(leave);
        };
        resolve(leave);
      });
    navigator.locks.request(LOCK, { mode: 'shared' }, present).catch(reject);
  });
}

/** Does something while no tab has the database open; this one has left before. */
export async function alone(work: () => Promise<void>): Promise<void> {
  const channel = new BroadcastChannel(CHANNEL);
  const request: Request = { type: 'leave' };
  channel.postMessage(request);
  try {
    await navigator.locks.request(LOCK, work);
  } finally {
    channel.close();
  }
}

/** How many tabs have the database open. */
export async function countTabs(): Promise<number> {
  const { held = [] } = await navigator.locks.query();
  return held.filter(({ name }) => name === LOCK).length;
}
