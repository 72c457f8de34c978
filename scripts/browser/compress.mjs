/**
 * Stands for src/compress/node.ts in bundles for browsers.
 * @module
 */
import { portableCompression } from '../../build/src/compress/portable.js';

export function nodeCompression() {
  return portableCompression;
}
