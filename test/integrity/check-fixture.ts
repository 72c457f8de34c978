/**
 * Small databases, and looks at their files by `FileCheck`.
 * @module
 */
import { MemoryFs } from '../../src/fs/memory.ts';
import { FileCheck } from '../../src/integrity/file-check.ts';
import type {
  ExpectedFile,
  FileClassName,
  Finding,
  RestoredRange,
  RestoreSource,
} from '../../src/integrity/finding.ts';
import { parseFileName } from '../../src/manifest/file-names.ts';

/** What a look at one file has found. */
export interface Look {
  readonly findings: readonly Finding[];
  /** The file with all that is healable healed. */
  readonly healed: Uint8Array;
  readonly tornAt: number | undefined;
}

/** What the name of a file of a database that was closed says of it; its size is right. */
export function closedFile(name: string, sizeBytes: number): ExpectedFile {
  const { kind, number: fileNumber } = parseFileName(name)!;
  return { fileClass: kind as FileClassName, fileNumber, endBytes: sizeBytes, isClosed: true };
}

/** Looks at a file that holds these bytes, in steps of this budget. */
export function lookAt(
  bytes: Uint8Array,
  expected: ExpectedFile,
  budgetBytes = 1,
  sources: readonly RestoreSource[] = [],
): Look {
  const fs = new MemoryFs();
  const writer = fs.open('file', 'create');
  writer.write(bytes, 0, bytes.length, 0);
  const findings: Finding[] = [];
  const healed = new MemoryFs().open('healed', 'create');
  healed.write(bytes, 0, bytes.length, 0);
  const onFinding = (finding: Finding, restored: readonly RestoredRange[]) => {
    findings.push(finding);
    for (const { offset, bytes } of restored) healed.write(bytes, 0, bytes.length, offset);
    if (finding.part === 'end' && finding.state === 'healable') healed.truncate(finding.offset);
  };
  const check = new FileCheck(writer, expected, onFinding, { sources });
  while (check.step(budgetBytes));
  const result = new Uint8Array(healed.size());
  healed.read(result, 0, result.length, 0);
  return { findings, healed: result, tornAt: check.tornAt };
}
