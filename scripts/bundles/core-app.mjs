/** A program for browsers; it runs wherever there is WebAssembly. */
import {
  lz4Compression,
  MemoryFs,
  nobleCrypto,
  openDatabase,
  systemClock,
  systemHostLoop,
  systemRandom,
} from 'varve/core';

async function main() {
  const environment = {
    fs: new MemoryFs(),
    clock: systemClock,
    random: systemRandom,
    hostLoop: systemHostLoop,
    compression: lz4Compression,
    crypto: nobleCrypto,
  };
  const db = await openDatabase('db', { writeBufferBytes: 1 << 20 }, environment);
  for (let i = 0; i < 5000; i++) db.put(`key ${i}`, new Uint8Array(1000).fill(i));
  await db.compact();
  console.log(JSON.stringify({ isComplete: db.get('key 4999')?.[999] === (4999 & 255) }));
  await db.close();
}

void main();
