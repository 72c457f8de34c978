/**
 * Makes the codec of a chosen code.
 * @module
 */
import { type BlockCodeOptions, checkEccOptions } from './options.ts';
import type { EccCodec } from './port.ts';
import { ReedSolomon } from './reed-solomon.ts';
import { SecDedCodec } from './sec-ded.ts';
import { ShardCodec } from './shard-codec.ts';

/**
 * A codec with working memory of its own: one for each file that is written or repaired.
 * @throws TypeError or RangeError for options that no code has
 */
export function createEccCodec(ecc: BlockCodeOptions): EccCodec {
  checkEccOptions(ecc);
  if (ecc.scheme === 'secded') return new SecDedCodec();
  return new ShardCodec(new ReedSolomon(ecc.data, ecc.scheme === 'xor' ? 1 : ecc.parity));
}
