/** Serves page-app.mjs by Vite's development server, as it is by default; prints the address. */
import { writeFileSync } from 'node:fs';
import * as vite from 'vite';

writeFileSync(
  'index.html',
  '<link rel="icon" href="data:,"><script type="module" src="/page-app.mjs"></script>',
);
const server = { host: 'localhost', port: 0 };
const site = await vite.createServer({ configFile: false, logLevel: 'error', server });
await site.listen();
console.log(site.resolvedUrls.local[0]);
