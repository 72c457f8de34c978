/**
 * Files and folders that were dropped or picked, on their way into the library: in batches, with
 * two under way, so memory stays bounded however large the folder is.
 * @module
 */
import type { Library, NewFile } from './library.ts';

/** A file to be imported, not read yet. */
export interface Source {
  readonly path: string;
  readonly file: File;
}

/** How far an import is. */
export interface ImportProgress {
  readonly filesDone: number;
  readonly filesTotal: number;
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

/** A file that was left out. */
export interface Skipped {
  readonly path: string;
  readonly reason: string;
}

const BATCH_BYTES = 1 << 20;
const BATCH_FILES = 64;
/** A file is one value, which is in memory a few times over while it is written. */
const FILE_BYTES_MAX = 64 << 20;
const PATH_BYTES_MAX = 4096;

/** Files of a drop, those in dropped folders too. To be called in the event itself. */
export async function filesOfDrop(transfer: DataTransfer): Promise<Source[]> {
  // Both lists are empty once the event is over.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry());
  const files = [...transfer.files];
  const sources: Source[] = [];
  for (const [i, entry] of entries.entries()) {
    if (entry !== null) await walk(entry, '', sources);
    else if (files[i] !== undefined) sources.push({ path: files[i].name, file: files[i] });
  }
  return sources;
}

/** Files of a picker. */
export function filesOfInput({ files }: HTMLInputElement): Source[] {
  return [...(files ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

async function walk(entry: FileSystemEntry, folder: string, sources: Source[]): Promise<void> {
  const path = `${folder}${entry.name}`;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => {
      (entry as FileSystemFileEntry).file(resolve, reject);
    });
    sources.push({ path, file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // It gives some at a time, and none at the end.
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject);
    });
    if (part.length === 0) return;
    for (const inner of part) await walk(inner, `${path}/`, sources);
  }
}

/**
 * Stores files in `folder`.
 * @param signal ends it after the batches that are under way; what is stored stays
 * @returns the files that were left out
 * @throws whatever a write throws
 */
export async function importFiles(
  library: Library,
  folder: string,
  sources: readonly Source[],
  onProgress: (progress: ImportProgress) => void,
  signal: AbortSignal,
): Promise<Skipped[]> {
  const skipped: Skipped[] = [];
  const bytesTotal = sources.reduce((sum, { file }) => sum + file.size, 0);
  let filesDone = 0;
  let bytesDone = 0;
  let writing = Promise.resolve();
  for (const group of groups(sources)) {
    if (signal.aborted) break;
    const files: NewFile[] = [];
    for (const { path, file } of group) {
      const read = await readFile(`${folder}${path}`.normalize('NFC'), file);
      if ('reason' in read) skipped.push(read);
      else files.push(read);
    }
    await writing;
    writing = library.store(files).then(() => {
      filesDone += group.length;
      for (const { file } of group) bytesDone += file.size;
      onProgress({ filesDone, filesTotal: sources.length, bytesDone, bytesTotal });
    });
    // It is awaited before the next one begins, or at the end.
    writing.catch(() => {});
  }
  await writing;
  return skipped;
}

/** Files that are written together. No path comes twice in a group: the last of them counts. */
function* groups(sources: readonly Source[]): Generator<readonly Source[]> {
  let group = new Map<string, Source>();
  let bytes = 0;
  for (const source of sources) {
    const isFull = group.size === BATCH_FILES || bytes + source.file.size > BATCH_BYTES;
    if (group.size > 0 && (isFull || group.has(source.path))) {
      yield [...group.values()];
      group = new Map();
      bytes = 0;
    }
    group.set(source.path, source);
    bytes += source.file.size;
  }
  if (group.size > 0) yield [...group.values()];
}

async function readFile(path: string, file: File): Promise<NewFile | Skipped> {
  if (file.size > FILE_BYTES_MAX) return { path, reason: 'larger than 64 MiB' };
  if (new TextEncoder().encode(path).length > PATH_BYTES_MAX || path.includes('\0')) {
    return { path, reason: 'its path is too long, or no text' };
  }
  try {
    const content = new Uint8Array(await file.arrayBuffer());
    return { path, content, type: file.type, modifiedMs: file.lastModified };
  } catch (error) {
    return { path, reason: (error as Error).message };
  }
}
