/**
 * Compression without zstd, whose code is larger than all of the engine.
 * @module
 */
import { VarveError } from '../errors.ts';
import { createLz4 } from './lz4.ts';
import type { Compression } from './port.ts';

/**
 * LZ4, for every runtime. Databases whose tables are compressed with zstd are
 * refused with `UNSUPPORTED`: they need `portableCompression` of `varve/zstd`.
 */
export const lz4Compression: Compression = {
  loadZstd: async () => {
    throw noZstd();
  },
  lz4: createLz4,
  zstd: () => {
    throw noZstd();
  },
};

function noZstd(): VarveError {
  const text = 'zstd needs the compression that varve/zstd exports: portableCompression';
  return new VarveError('UNSUPPORTED', text);
}
