/**
 * The verification of one file at the level of sealed bytes.
 * @module
 */
import { isVarveError } from '../errors.ts';
import { closeFile, joinPath, type ReadableFile } from '../fs/port.ts';
import type { JobContext } from '../job/job-context.ts';
import { FileCheck, openToCheck } from './file-check.ts';
import type { Finding, FindingSink } from './finding.ts';
import { contentFinding, type DamageSink, plainDamage, type VerifyFile } from './verify-file.ts';

/** Looks at every byte of a file that is no table. */
export class FileVerification {
  readonly #look: SealedLook;

  constructor(file: VerifyFile, context: JobContext, onDamage: DamageSink) {
    const path = joinPath(context.directory, file.name);
    const onFinding = (finding: Finding): void => onDamage(plainDamage(finding));
    const open = () => openToCheck(context.fs, path, file.expected, onFinding);
    this.#look = new SealedLook(path, file, open, onFinding);
  }

  get position(): number {
    return this.#look.position;
  }

  get bytesRead(): number {
    return this.#look.position;
  }

  step(budgetBytes: number): boolean {
    return this.#look.step(budgetBytes);
  }

  close(): void {
    this.#look.close();
  }
}

/** A check of a file that it opens, and that cannot be read is a finding. */
export class SealedLook {
  readonly #path: string;
  readonly #verified: VerifyFile;
  readonly #onFinding: FindingSink;
  #file: ReadableFile | undefined;
  #check: FileCheck | undefined;

  /** @param open undefined if the file is missing, which it tells */
  constructor(
    path: string,
    verified: VerifyFile,
    open: () => ReadableFile | undefined,
    onFinding: FindingSink,
  ) {
    this.#path = path;
    this.#verified = verified;
    this.#onFinding = onFinding;
    this.#file = undefined;
    this.#check = undefined;
    this.#attempt(() => {
      this.#file = open();
      if (this.#file === undefined) return;
      this.#check = new FileCheck(this.#file, verified.expected, onFinding);
    });
  }

  get position(): number {
    return this.#check?.position ?? 0;
  }

  /** Where a log ends that was not completely written; undefined if it was. */
  get tornAt(): number | undefined {
    return this.#check?.tornAt;
  }

  step(budgetBytes: number): boolean {
    let goesOn = false;
    this.#attempt(() => {
      goesOn = this.#check?.step(budgetBytes) ?? false;
    });
    return goesOn;
  }

  close(): void {
    if (this.#file !== undefined) closeFile(this.#file);
    this.#file = undefined;
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!isVarveError(error) || error.code === 'STALE' || error.code === 'DETACHED') throw error;
      const cause = error.message;
      this.#onFinding(contentFinding(this.#path, this.#verified, error.offset ?? 0, cause), []);
    }
  }
}
