/**
 * Arbitrary settings of files.
 * @module
 */
import fc from 'fast-check';
import type { FileProtection } from '../../src/block/file-protection.ts';
import type { EccOptions } from '../../src/ecc/options.ts';

const dataShards = fc.integer({ min: 1, max: 24 });

export const eccChoices: fc.Arbitrary<EccOptions | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.constant({ scheme: 'secded' } as const),
  dataShards.map((data) => ({ scheme: 'xor', data }) as const),
  fc
    .tuple(dataShards, fc.integer({ min: 1, max: 6 }))
    .map(([data, parity]) => ({ scheme: 'reed-solomon', data, parity }) as const),
);

export const protections: fc.Arbitrary<FileProtection> = fc
  .tuple(fc.constantFrom(0, 1, 2), fc.integer({ min: 1, max: 0xffff }), eccChoices)
  .map(([suiteId, epoch, ecc]) => ({ suiteId, epoch: suiteId === 0 ? 0 : epoch, ecc }));
