/**
 * Keeps the page working without a network: starts the service worker, and says how it stands.
 * @module
 */
import { byId } from './dom.ts';

const pill = byId('network');

/** To be called once. */
export async function goOffline(): Promise<void> {
  const show = (isReady: boolean) => {
    const offline = navigator.onLine ? '' : 'offline: ';
    pill.textContent = `${offline}${isReady ? 'works offline' : 'needs the network'}`;
    pill.classList.toggle('good', isReady);
  };
  show(false);
  if (navigator.serviceWorker === undefined) return;
  try {
    await navigator.serviceWorker.register('sw.js');
    await navigator.serviceWorker.ready;
    show(true);
    addEventListener('online', () => show(true));
    addEventListener('offline', () => show(true));
  } catch {
    // Without it the page needs the network, and says so.
  }
}
