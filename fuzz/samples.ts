/**
 * The sample databases of the fuzz targets: the same content under different stages of the block
 * pipeline.
 * @module
 */
import type { DbOptions } from '../src/db/options.ts';
import type { SeededRandom } from '../src/testing/seeded-random.ts';
import { makeSample, NO_STAGES, type Sample } from '../test/prove/damage.ts';
import { STAGES } from '../test/prove/settings.ts';

const STRIPED: DbOptions = { ecc: { scheme: 'xor', data: 4, stripe: { data: 6, parity: 2 } } };

/** Every run looks at one of them. */
export class Samples {
  readonly #samples: readonly (readonly [stages: string, sample: Sample])[];

  private constructor(samples: readonly (readonly [string, Sample])[]) {
    this.#samples = samples;
  }

  static async make(): Promise<Samples> {
    const samples: (readonly [string, Sample])[] = [];
    for (const [stages, options] of Object.entries({
      none: NO_STAGES,
      ...STAGES,
      striped: STRIPED,
    })) {
      samples.push([stages, await makeSample(options)]);
    }
    return new Samples(samples);
  }

  get all(): readonly Sample[] {
    return this.#samples.map(([, sample]) => sample);
  }

  pick(random: SeededRandom): { readonly stages: string; readonly sample: Sample } {
    const [stages, sample] = this.#samples[random.below(this.#samples.length)]!;
    return { stages, sample };
  }
}
