/**
 * A program of a page that imports the package by its plain name: bundlers for browsers have to
 * find the files that need nothing of Node. `bundle-pages.mjs` reads what it says to the console.
 */
import { isVarveError, MemoryFs, open } from 'varve';

const blocked = [];
document.addEventListener('securitypolicyviolation', ({ blockedURI }) => blocked.push(blockedURI));

async function main() {
  const refusal = await open('./data').catch((error) => error);
  const db = await open('data', { fs: new MemoryFs(), writeBufferBytes: 1 << 20 });
  for (let i = 0; i < 5000; i++) db.put(`key ${i}`, new Uint8Array(1000).fill(i));
  await db.compact();
  const isComplete = db.get('key 4999')?.[999] === (4999 & 255);
  await db.close();
  return { isComplete, isRefused: isVarveError(refusal, 'UNSUPPORTED'), blocked };
}

main().then((outcome) => console.info(`outcome ${JSON.stringify(outcome)}`));
