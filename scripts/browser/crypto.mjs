/**
 * Stands for src/crypto/node.ts in bundles for browsers.
 * @module
 */
import { nobleCrypto } from '../../build/src/crypto/noble.js';

export function nodeCrypto() {
  return nobleCrypto;
}
