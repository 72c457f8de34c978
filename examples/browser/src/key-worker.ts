/**
 * Derives a key in a worker of its own, so that the page stays alive meanwhile.
 * @module
 */
import { hmac } from '@noble/hashes/hmac.js';
import { scrypt } from '@noble/hashes/scrypt.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { KeyAnswer, KeyOrder } from './key-protocol.ts';

addEventListener('message', ({ data }: MessageEvent<KeyOrder>) => {
  const { N, r, p, salt } = data.parameters;
  const answer = (message: KeyAnswer) => postMessage(message);
  try {
    const key = scrypt(data.passphrase.normalize('NFKC'), Uint8Array.from(salt), {
      ...{ N, r, p, dkLen: 32, maxmem: 2 ** 30 },
      onProgress: (share) => answer({ share }),
    });
    const mark = hmac(sha256, key, utf8ToBytes('varve example: passphrase check'));
    answer({ key, check: bytesToHex(mark.subarray(0, 8)) });
  } catch (error) {
    answer({ problem: (error as Error).message });
  }
});
