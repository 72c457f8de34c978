/**
 * The model of a column family under the FIFO policy, which may let go of its oldest entries at any
 * moment. Tables go in the order of their seqnos, so there is always a seqno up to which all is
 * gone and after which nothing is. The database does not say what it is: the model learns from each
 * read, and an entry that is there although a younger one is gone, or that comes back, is an error.
 * @module
 */
import { type ModelEntry, ModelFamily, sameBytes } from './model.ts';

/** See the module head. */
export class ForgetfulFamily extends ModelFamily {
  /** Nothing up to this seqno may be found any more. */
  private goneUpTo: number;

  constructor(name: string) {
    super(name, true);
    this.goneUpTo = 0;
  }

  override misfitOf(key: string, found: Uint8Array | undefined, seqno: number): string | undefined {
    const version = this.version(key, seqno);
    if (found === undefined) {
      if (version?.value !== undefined) this.goneUpTo = Math.max(this.goneUpTo, version.seqno);
      return undefined;
    }
    return this.misfitOfFound(key, found, seqno, this.goneUpTo);
  }

  /** What is recovered may have entries again whose dropping was not durable. */
  override misfit(
    found: readonly ModelEntry[],
    seqno: number,
    isRecovered = false,
  ): string | undefined {
    const present = new Set(found.map(([key]) => key));
    let goneUpTo = isRecovered ? 0 : this.goneUpTo;
    for (const [key] of this.entries(seqno)) {
      if (!present.has(key)) goneUpTo = Math.max(goneUpTo, this.version(key, seqno)!.seqno);
    }
    for (const [i, [key, value]] of found.entries()) {
      if (i > 0 && key <= found[i - 1]![0]) return `its keys are not in order at entry ${i}`;
      const misfit = this.misfitOfFound(key, value, seqno, goneUpTo);
      if (misfit !== undefined) return misfit;
    }
    if (!isRecovered) this.goneUpTo = goneUpTo;
    return undefined;
  }

  /** Entries keep their seqnos: they go in the order of these. */
  override renewed(entries: readonly ModelEntry[], asOf: number): ModelFamily {
    const family = new ForgetfulFamily(this.name);
    for (const [key, value] of entries) family.set(key, value, this.version(key, asOf)!.seqno);
    return family;
  }

  private misfitOfFound(
    key: string,
    found: Uint8Array,
    seqno: number,
    goneUpTo: number,
  ): string | undefined {
    const version = this.version(key, seqno);
    if (!sameBytes(found, version?.value)) return super.misfitOf(key, found, seqno);
    if (version!.seqno > goneUpTo) return undefined;
    const text = JSON.stringify(key.slice(0, 50));
    return `key ${text} of seqno ${version!.seqno} is there, and one of ${goneUpTo} is gone`;
  }
}
