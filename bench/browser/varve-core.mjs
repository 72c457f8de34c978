/** What stores/varve-worker.mjs has of Varve; bundled by bench/browser.ts. */
import { nobleCrypto, systemClock, systemHostLoop, systemRandom } from 'varve/core';

export { lz4Compression, mountOpfs, openDatabase, WriteBatch } from 'varve/core';
export const system = {
  clock: systemClock,
  random: systemRandom,
  hostLoop: systemHostLoop,
  crypto: nobleCrypto,
};
