/**
 * Makes a database in OPFS of an export file, in a worker, with the pieces that a page sends.
 * @module
 */
import { importDatabase } from '../backup/import.ts';
import { mountOpfs } from '../fs/opfs.ts';
import { DIRECTORY } from './checkpoint-to.ts';
import type { ImportNews, ImportPiece, ImportStart } from './import-protocol.ts';
import { failureOf } from './server.ts';

/** The end of the worker that the page has. */
export interface ImportPort {
  tell(news: ImportNews): void;
  /** The next message of the page. */
  next(): Promise<ImportPiece>;
}

/** Tells the page what came of it. */
export async function importInto(
  port: ImportPort,
  { importInto: name }: ImportStart,
): Promise<void> {
  try {
    const fs = await mountOpfs({ directory: name });
    try {
      const report = await importDatabase(fs, DIRECTORY, piecesOf(port), {
        onProgress: (bytesDone, bytesTotal) => port.tell({ progress: [bytesDone, bytesTotal] }),
      });
      await fs.close();
      port.tell({ report });
    } catch (error) {
      await fs.close();
      throw error;
    }
  } catch (error) {
    port.tell({ failure: failureOf(error) });
  }
}

async function* piecesOf(port: ImportPort): AsyncGenerator<Uint8Array, void> {
  for (;;) {
    const answer = port.next();
    port.tell({ wantsPiece: true });
    const { piece, isBroken } = await answer;
    if (isBroken === true) throw new Error('the page gave up');
    if (piece === undefined) return;
    yield piece;
  }
}
