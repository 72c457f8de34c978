/**
 * Heals of what reads have put right for themselves: the file still has the damage.
 *
 * A read only notes the place. It is looked at and healed soon after, when no call is in the midst
 * of its work.
 * @module
 */
import { bodyBytesOf } from '../../block/striped-file.ts';
import { CHUNK_BYTES } from '../../ecc/stripe-layout.ts';
import { isVarveError } from '../../errors.ts';
import { closeFile, joinPath, type ReadableFile } from '../../fs/port.ts';
import { FileCheck } from '../../integrity/file-check.ts';
import type { ExpectedFile, Finding } from '../../integrity/finding.ts';
import { addTotals, RANK_TABLE } from '../../integrity/scrub-state.ts';
import type { DbCore } from '../core.ts';
import type { ScrubFindings } from './scrub-findings.ts';
import type { ScrubRecord } from './scrub-record.ts';
import { type ScrubTarget, scrubTargets } from './scrub-targets.ts';

/** Files that are healed in one go. */
const FILES_MAX = 4;
const STEP_BYTES = 0x10_0000;

/** See the module head. */
export class ReadHeals {
  readonly #core: DbCore;
  readonly #findings: ScrubFindings;
  readonly #record: ScrubRecord;
  #callOff: (() => void) | undefined;

  constructor(core: DbCore, findings: ScrubFindings, record: ScrubRecord) {
    this.#core = core;
    this.#findings = findings;
    this.#record = record;
    this.#callOff = undefined;
  }

  start(): void {
    const { heals } = this.#core.location;
    heals.onFirst = () => this.#arm();
    if (!heals.isEmpty) this.#arm();
  }

  stop(): void {
    this.#core.location.heals.onFirst = () => {};
    this.#callOff?.();
    this.#callOff = undefined;
  }

  /** Heals what waits, a few files of it. Not in the midst of a call. */
  pump(): void {
    const { heals, directory } = this.#core.location;
    if (heals.isEmpty || this.#core.backgroundError !== undefined) return;
    const targets = new Map<string, ScrubTarget>();
    for (const target of scrubTargets(this.#core)) {
      targets.set(joinPath(directory, target.fileName), target);
    }
    for (let i = 0; i < FILES_MAX; i++) {
      const wanted = heals.take();
      if (wanted === undefined) return;
      const target = targets.get(wanted.path);
      if (target !== undefined) this.#heal(target, wanted.offsets);
    }
  }

  #heal(target: ScrubTarget, offsets: ReadonlySet<number>): void {
    let found: readonly Finding[] = [];
    try {
      found = this.#look(target, offsets);
    } catch (error) {
      if (!isVarveError(error)) throw error;
    }
    // Reads tell of blocks, also where their chunks are what is healed.
    const chunks = found.filter(({ part }) => part === 'stripe');
    const told = new Set([...offsets, ...chunks.map(({ offset }) => offset)]);
    const { counts } = this.#findings.take(target, found, true, told);
    this.#record.set(addTotals(this.#record.state, counts));
  }

  /** What is wrong in a table where reads said so; in other files, anywhere. */
  #look({ fileName, expected, rank }: ScrubTarget, offsets: ReadonlySet<number>): Finding[] {
    const { fs, location } = this.#core;
    const file = fs.open(joinPath(location.directory, fileName), 'read');
    try {
      if (rank !== RANK_TABLE) return look(file, expected, undefined);
      if (expected.protection?.ecc?.stripe !== undefined) {
        return lookAtStriped(file, expected, offsets);
      }
      return [...offsets].flatMap((offset) => look(file, expected, placeAt(file.path, offset)));
    } finally {
      closeFile(file);
    }
  }

  #arm(): void {
    const { hostLoop } = this.#core.location;
    this.#callOff ??= hostLoop.later?.(0, () => {
      this.#callOff = undefined;
      if (this.#core.isClosed) return;
      try {
        this.pump();
      } catch (error) {
        this.#core.fail(error);
      }
      if (!this.#core.location.heals.isEmpty) this.#arm();
      this.#core.events.deliver();
    });
  }
}

/** @param only undefined: all of the file */
function look(file: ReadableFile, expected: ExpectedFile, only: Finding | undefined): Finding[] {
  const found: Finding[] = [];
  const check = new FileCheck(file, expected, (finding) => found.push(finding), { only });
  while (check.step(STEP_BYTES));
  return found;
}

/**
 * A look at one block knows nothing of stripes: where its own parity does not do, the chunks in
 * which it stands are looked at, each once. An offset may also be that of a chunk or a unit. What
 * is told as lost here is not: a read has got it.
 */
function lookAtStriped(
  file: ReadableFile,
  expected: ExpectedFile,
  offsets: ReadonlySet<number>,
): Finding[] {
  const { protection, endBytes } = expected;
  const bodyBytes = bodyBytesOf(protection!, endBytes!) ?? 0;
  const found: Finding[] = [];
  const places = new Set<number>();
  for (const offset of offsets) {
    // The header is a part of the first chunk.
    if (offset === 0 || offset >= bodyBytes) {
      places.add(offset);
      continue;
    }
    for (const finding of look(file, expected, placeAt(file.path, offset))) {
      if (finding.state === 'healable') {
        found.push(finding);
        continue;
      }
      const end = Math.min(finding.offset + finding.lengthBytes, bodyBytes);
      const first = finding.offset - (finding.offset % CHUNK_BYTES);
      for (let at = first; at < end; at += CHUNK_BYTES) places.add(at);
    }
  }
  for (const offset of places) {
    const lengthBytes = offset < bodyBytes ? CHUNK_BYTES : 1;
    const only: Finding = { ...placeAt(file.path, offset), part: 'stripe', lengthBytes };
    found.push(...look(file, expected, only).filter(({ state }) => state === 'healable'));
  }
  return found;
}

/** The block, or the header, that begins there. */
function placeAt(file: string, offset: number): Finding {
  return {
    ...{ file, fileClass: 'table', part: offset === 0 ? 'header' : 'block', offset },
    ...{ lengthBytes: 1, blockType: 0, state: 'healable', cause: '', source: '', ranges: [] },
  };
}
