/**
 * A key from a passphrase: scrypt of @noble/hashes, with parameters that are stored beside the
 * database, for without them the passphrase opens nothing.
 * @module
 */

import type { DerivedKey, KeyAnswer, KeyOrder, KeyParameters } from './key-protocol.ts';

const SALT_BYTES = 16;
/** Parameters from outside: a hostile file must not take all memory, or all time. */
const N_MAX = 2 ** 20;
const R_MAX = 16;
const P_MAX = 16;

/** For a new database: what OWASP recommends for scrypt, with 128 MiB of memory. */
export function newParameters(): KeyParameters {
  const salt = [...crypto.getRandomValues(new Uint8Array(SALT_BYTES))];
  return { function: 'scrypt', N: 2 ** 17, r: 8, p: 1, salt };
}

/** @throws TypeError unless these are parameters that this page would use */
export function checkParameters(value: unknown): KeyParameters {
  const { function: name, N, r, p, salt } = (value ?? {}) as Partial<KeyParameters>;
  const isIn = (number: unknown, max: number) =>
    Number.isInteger(number) && (number as number) >= 1 && (number as number) <= max;
  const isSalt =
    Array.isArray(salt) &&
    salt.length === SALT_BYTES &&
    salt.every((byte) => byte === (byte & 255));
  const isPower = isIn(N, N_MAX) && ((N as number) & ((N as number) - 1)) === 0;
  if (name !== 'scrypt' || !isPower || !isIn(r, R_MAX) || !isIn(p, P_MAX) || !isSalt) {
    throw new TypeError('these are no parameters of a key that this page can derive');
  }
  return { function: 'scrypt', N: N!, r: r!, p: p!, salt };
}

/** For people. */
export function parametersText({ N, r, p, salt }: KeyParameters): string {
  const hex = salt.map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const memory = (128 * N * r) / 2 ** 20;
  return `scrypt, N = ${N}, r = ${r}, p = ${p} (${memory} MiB of memory), salt ${hex}`;
}

/** @param onProgress is told the share that is done */
export function deriveKey(
  order: KeyOrder,
  onProgress: (share: number) => void,
): Promise<DerivedKey> {
  const worker = new Worker(new URL('./key-worker.js', import.meta.url), { type: 'module' });
  return new Promise<DerivedKey>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<KeyAnswer>) => {
      if ('share' in data) onProgress(data.share);
      else if ('key' in data) resolve(data);
      else reject(new Error(`the key cannot be derived: ${data.problem}`));
    };
    worker.onerror = ({ message }) => reject(new Error(`the key cannot be derived: ${message}`));
    worker.postMessage(order);
  }).finally(() => worker.terminate());
}
