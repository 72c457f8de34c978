/**
 * `npm run example:browser`: builds the page of examples/browser, serves it on localhost and prints
 * the address. `--port N` takes that port (8080 if absent, 0 for any that is free).
 * @module
 */
import { parseArgs } from 'node:util';
import { ensureInstalled, fail } from './ensure.mjs';

const PORT = 8080;

const { values } = parseArgs({ options: { port: { type: 'string' } } });
const port = values.port === undefined ? PORT : Number(values.port);
if (!Number.isInteger(port) || port < 0 || port > 65535) fail('--port takes a number.');
ensureInstalled();
await import('./build.mjs');
const { buildExample, serveExample } = await import('./example-page.mjs');
await buildExample();
try {
  const server = await serveExample(port);
  process.stdout.write(`http://localhost:${server.address().port}/\n`);
} catch (error) {
  fail(`The page cannot be served: ${error.message}. Take another port: --port 0`);
}
