/**
 * The importing process that the demo kills. Arguments: the tree and the database.
 *
 * For every batch that the database has taken it prints one line of JSON, written through to the
 * pipe before the next batch begins: what the parent has read was acknowledged. It never closes the
 * database. When it is done it waits for its end.
 * @module
 */
import { writeSync } from 'node:fs';
import { walkTree } from '../src/cli/tree.ts';
import { batchBytesFor, importFiles, openStore } from './file-store.ts';

/** One line of the child. */
export interface Acknowledgement {
  readonly isSynced: boolean;
  readonly files: readonly {
    readonly key: string;
    readonly sha256: string;
    readonly size: number;
  }[];
}

const [root, directory] = process.argv.slice(2) as [string, string];
const tree = walkTree(root, directory);
const db = await openStore(directory);
for (const { isSynced, files } of importFiles(db, tree.files, [], batchBytesFor(tree.totalBytes))) {
  const acknowledgement: Acknowledgement = {
    isSynced,
    files: files.map(({ key, sha256, sizeBytes }) => {
      return { key: key.toString('base64'), sha256, size: sizeBytes };
    }),
  };
  writeSync(1, `${JSON.stringify(acknowledgement)}\n`);
}
writeSync(1, '{"isSynced":false,"files":[]}\n');
// Ends with the pipe from the parent, should that die first.
process.stdin.on('end', () => process.exit()).resume();
