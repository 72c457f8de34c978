/**
 * Serves the pages of browser tests, and the scripts that they need.
 *
 *     /page/NAME            the page whose script is build/NAME.js
 *     /isolated/NAME        the same, cross-origin isolated: with SharedArrayBuffer
 *     /build/NAME.js        a compiled module; names of packages in it become addresses
 *     /bundle/NAME.js       the same in one file, with what stands for the modules of Node
 *     /exchange/NAME        files that pages get and put: exchange.mjs
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../ensure.mjs';
import { bundled } from './bundle.mjs';
import { FILES_PATH } from './exchange.mjs';

/** Without these a page gets no SharedArrayBuffer. */
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};
const PAGE = /^\/(page|isolated)\/(.+)$/;
const BUNDLE = /^\/bundle\/(.+\.js)$/;

/**
 * @param exchange answers for files
 * @returns the server, and the address that its pages begin with
 */
export async function serve(exchange) {
  const bundles = new Map();
  const server = createServer((request, response) => {
    const isFile = request.url.startsWith(FILES_PATH);
    const answered = isFile
      ? exchange.answer(request, response)
      : answer(request, response, bundles);
    answered.catch((error) => {
      process.stderr.write(`${error.stack}\n`);
      response.statusCode = 500;
      response.end();
    });
  });
  await new Promise((resolve) => server.listen(0, 'localhost', resolve));
  return { server, origin: `http://localhost:${server.address().port}` };
}

async function answer({ url }, response, bundles) {
  const { pathname } = new URL(url, 'http://localhost');
  const [, kind, name] = PAGE.exec(pathname) ?? [];
  const bundle = BUNDLE.exec(pathname)?.[1];
  const path = join(root, pathname);
  if (kind !== 'page') {
    for (const [header, value] of Object.entries(ISOLATION)) response.setHeader(header, value);
  }
  if (name !== undefined) {
    response.setHeader('Content-Type', 'text/html');
    const script = `<script type="module" src="/build/${name}.js"></script>`;
    // Without the icon a browser would ask for one.
    response.end(`<link rel="icon" href="data:,">${script}`);
  } else if (bundle !== undefined) {
    if (!bundles.has(bundle)) bundles.set(bundle, bundled(bundle));
    const text = await bundles.get(bundle);
    response.setHeader('Content-Type', 'text/javascript');
    response.end(text);
  } else if (extname(path) === '.js' && existsSync(path)) {
    response.setHeader('Content-Type', 'text/javascript');
    response.end(scriptOf(path));
  } else {
    response.statusCode = 404;
    response.end();
  }
}

/**
 * A script as a bundler would put it: names of packages become addresses, for workers take no
 * import map.
 */
function scriptOf(path) {
  const text = readFileSync(path, 'utf8');
  return text.replace(
    /(\bfrom |\bimport |\bimport\()(['"])([@a-z][^'":]*)\2/g,
    (_, keyword, quote, name) => `${keyword}${quote}${addressOf(name)}${quote}`,
  );
}

/** Where this server has the module that a package name means. */
function addressOf(name) {
  const path = fileURLToPath(import.meta.resolve(name));
  return `/${path.slice(root.length).replaceAll('\\', '/')}`;
}
