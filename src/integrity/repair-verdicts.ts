/**
 * Which of the tables that are there are part of the database, where manifests do not tell it all.
 *
 * Tables that were made by one merge list the same inputs. Such a merge counts if an input is gone
 * or was retired, or if one of its outputs was part of the database at some time: then its inputs
 * hold nothing that its outputs do not, and an older version or a deleted key of theirs must not
 * come back. If there is no sign of that, all inputs are there, and hold what the outputs do.
 * @module
 */
import type { KnownState } from './known-state.ts';
import type { FoundTable, Survey } from './repair-survey.ts';

/**
 * - `live`: part of the database
 * - `replaced`: something else holds what it held
 * - `unfinished`: of a merge that did not end, whose inputs are there
 * - `homeless`: nothing says to which family it belongs
 */
export type Verdict = 'live' | 'replaced' | 'unfinished' | 'homeless';

/** What tables say of each other; all that a verdict takes. */
export class Verdicts {
  readonly #known: KnownState;
  readonly #tables: ReadonlyMap<number, FoundTable>;
  /** File numbers that are there, whole or not, under their own name or put aside. */
  readonly #present: ReadonlySet<number>;
  /** Tables that were no part of the database when another was made. */
  readonly #retired: Set<number>;
  /** Inputs of merges, whether these count or not. */
  readonly #merged: Set<number>;
  /** Inputs of merges that count. */
  readonly #replaced: Set<number>;
  /** By their inputs: whether a merge counts. */
  readonly #counts: Map<string, boolean>;

  constructor({ files, known, tables }: Pick<Survey, 'files' | 'known' | 'tables'>) {
    this.#known = known;
    this.#tables = tables;
    this.#present = new Set([...files.tables, ...files.lostTables]);
    this.#retired = new Set(known.removedTables);
    this.#merged = new Set();
    this.#replaced = new Set();
    this.#counts = new Map();
    for (const { properties } of tables.values()) {
      for (const number of properties.origin?.retired ?? []) this.#retired.add(number);
      for (const number of properties.origin?.inputs ?? []) this.#merged.add(number);
    }
    this.#judgeMerges();
  }

  /** True if a table, there or not, is no part of the database any more. */
  isReplaced(fileNumber: number): boolean {
    return this.#retired.has(fileNumber) || this.#replaced.has(fileNumber);
  }

  /** Of a table that can be opened. @param isFamilyGiven the caller knows where it belongs */
  of({ fileNumber, properties }: FoundTable, isFamilyGiven: boolean): Verdict {
    const { origin } = properties;
    const known = this.#known.tables.get(fileNumber);
    if (this.#known.isWhole) return known === undefined ? this.#unnamed(fileNumber) : 'live';
    if (this.isReplaced(fileNumber)) return 'replaced';
    const familyId = known?.familyId ?? origin?.familyId;
    if (familyId === undefined) return isFamilyGiven ? 'live' : 'homeless';
    if (this.#known.isDropped(familyId)) return 'replaced';
    const hasInputs = origin !== undefined && origin.inputs.length > 0;
    if (known !== undefined || !hasInputs) return 'live';
    return this.#counts.get(nameOf(origin.inputs)) ? 'live' : 'unfinished';
  }

  /** Where the manifest is whole, what it does not name is no part of the database. */
  #unnamed(fileNumber: number): Verdict {
    return this.isReplaced(fileNumber) ? 'replaced' : 'unfinished';
  }

  #judgeMerges(): void {
    const outputs = new Map<string, FoundTable[]>();
    for (const table of this.#tables.values()) {
      const { inputs = [] } = table.properties.origin ?? {};
      if (inputs.length === 0) continue;
      const name = nameOf(inputs);
      outputs.set(name, [...(outputs.get(name) ?? []), table]);
    }
    for (const [name, tables] of outputs) {
      const { inputs } = tables[0]!.properties.origin!;
      const counts =
        inputs.some((number) => this.#isGone(number)) ||
        tables.some(({ fileNumber }) => this.#wasPart(fileNumber));
      this.#counts.set(name, counts);
      if (counts) for (const number of inputs) this.#replaced.add(number);
    }
  }

  #isGone(fileNumber: number): boolean {
    return !this.#present.has(fileNumber) || this.#retired.has(fileNumber);
  }

  /** Only what was part of the database can be merged, moved or retired. */
  #wasPart(fileNumber: number): boolean {
    return (
      this.#known.tables.has(fileNumber) ||
      this.#retired.has(fileNumber) ||
      this.#merged.has(fileNumber)
    );
  }
}

function nameOf(inputs: readonly number[]): string {
  return [...inputs].sort((a, b) => a - b).join();
}
