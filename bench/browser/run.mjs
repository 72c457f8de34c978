/**
 * The page, and the worker that it starts for stores that need one: runs a list on a store, and
 * tells the rows. The query, or the name of the worker, says which.
 */
import { LISTS } from './lists.mjs';

const isPage = typeof document !== 'undefined';
const order = JSON.parse(isPage ? decodeURIComponent(location.hash.slice(1)) : self.name);

async function measure({ store, list, database, settings }) {
  return { rows: await LISTS[list](await import(`./stores/${store}.mjs`), database, settings) };
}

function tell(outcome) {
  if (isPage) globalThis.report(outcome);
  else postMessage(outcome);
}

if (isPage && order.place === 'worker') {
  const worker = new Worker(import.meta.url, { type: 'module', name: JSON.stringify(order) });
  worker.onmessage = ({ data }) => tell(data);
  worker.onerror = ({ message }) => tell({ error: message ?? 'the worker cannot be loaded' });
} else {
  measure(order).then(tell, (error) => tell({ error: String(error?.stack ?? error) }));
}
