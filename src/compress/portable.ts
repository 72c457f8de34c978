/**
 * Compression for every runtime with WebAssembly.
 * @module
 */
import { createLz4 } from './lz4.ts';
import type { Compression } from './port.ts';
import { createZstd } from './zstd.ts';
import { loadZstdModule } from './zstd-module.ts';

/** Our LZ4 kernel and zstd-codec. */
export const portableCompression: Compression = {
  loadZstd: loadZstdModule,
  lz4: createLz4,
  zstd: createZstd,
};
