/**
 * Opens a database and writes to it, in a process that may be without WebAssembly; prints what it
 * has found before.
 * @module
 */
const [directory, round, without] = process.argv.slice(2) as [string, string, string?];
// The flag of Node that does this takes it from Node's own loader too.
if (without !== undefined) Reflect.deleteProperty(globalThis, 'WebAssembly');
const { open } = await import('../../src/index.ts');
const db = await open(directory, {
  writeBufferBytes: 64 * 1024,
  compression: 'lz4',
  ecc: { scheme: 'reed-solomon', data: 4, parity: 2 },
  encryption: { suite: 'aes-256-gcm', epoch: 1, keys: { 1: new Uint8Array(32).fill(7) } },
});
const found = new Set([...db.values()].map((value) => Buffer.from(value).toString().slice(0, 5)));
for (let n = 0; n < 3000; n++) db.put(`key${n % 1000}`, `${round} ${'v'.repeat(n % 100)}`);
await db.compact();
const { uncorrectable } = await db.verify();
await db.close();
const hasWasm = typeof WebAssembly !== 'undefined';
process.stdout.write(JSON.stringify({ hasWasm, found: [...found], damaged: uncorrectable.length }));
