/**
 * Arbitrary settings of files.
 * @module
 */
import fc from 'fast-check';
import type { FileProtection } from '../../src/block/file-protection.ts';
import type { BlockCodeOptions, EccOptions } from '../../src/ecc/options.ts';

const dataShards = fc.integer({ min: 1, max: 24 });

export const eccChoices: fc.Arbitrary<BlockCodeOptions | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.constant({ scheme: 'secded' } as const),
  dataShards.map((data) => ({ scheme: 'xor', data }) as const),
  fc
    .tuple(dataShards, fc.integer({ min: 1, max: 6 }))
    .map(([data, parity]) => ({ scheme: 'reed-solomon', data, parity }) as const),
);

const stripes = fc
  .tuple(dataShards, fc.integer({ min: 1, max: 6 }))
  .map(([data, parity]) => ({ data, parity }));

const withStripes: fc.Arbitrary<EccOptions> = fc
  .tuple(eccChoices, stripes)
  .map(([ecc, stripe]) => ({ ...(ecc ?? { scheme: 'none' }), stripe }));

export const protections: fc.Arbitrary<FileProtection> = fc
  .tuple(
    fc.constantFrom(0, 1, 2),
    fc.integer({ min: 1, max: 0xffff }),
    fc.oneof(eccChoices, withStripes),
  )
  .map(([suiteId, epoch, ecc]) => ({ suiteId, epoch: suiteId === 0 ? 0 : epoch, ecc }));
