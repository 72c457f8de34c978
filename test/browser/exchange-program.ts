/**
 * A worker that copies files of databases between the server of the tests and OPFS, and restores
 * backups.
 * @module
 */
import { Backups, type BackupTarget, DirectoryTarget } from '../../src/backup/index.ts';
import { mountOpfs, type OpfsFs } from '../../src/core.ts';

/** What the page asks for. */
export interface ExchangeOrder {
  readonly what: 'fetch' | 'send' | 'restore' | 'again';
  /** Directory in OPFS. */
  readonly name: string;
  /** Address at the server. */
  readonly url: string;
}

const DIRECTORY = 'db';

addEventListener('message', ({ data }: MessageEvent<ExchangeOrder>) => {
  follow(data).then(
    (note) => postMessage({ note }),
    (error) => postMessage({ error: String(error.stack ?? error) }),
  );
});

async function follow({ what, name, url }: ExchangeOrder): Promise<string> {
  const fs = await mountOpfs({ directory: name });
  try {
    if (what === 'fetch') return await fetchFiles(fs, url);
    if (what === 'send') return await sendFiles(fs, url);
    if (what === 'restore') return await restore(fs, new ServerTarget(url));
    return await restoreAgain(fs, name);
  } finally {
    await fs.close();
  }
}

async function fetchFiles(fs: OpfsFs, url: string): Promise<string> {
  const names: string[] = await (await fetch(url)).json();
  fs.createDirectory(DIRECTORY);
  for (const name of names) {
    const bytes = new Uint8Array(await (await fetch(`${url}/${name}`)).arrayBuffer());
    const file = fs.open(`${DIRECTORY}/${name}`, 'create');
    file.write(bytes, 0, bytes.length, 0);
    file.sync();
    file.close();
  }
  fs.syncDirectory(DIRECTORY);
  return `${names.length} files`;
}

async function sendFiles(fs: OpfsFs, url: string): Promise<string> {
  const names = fs.list(DIRECTORY);
  for (const name of names) {
    const file = fs.open(`${DIRECTORY}/${name}`, 'read');
    const bytes = new Uint8Array(file.size());
    file.read(bytes, 0, bytes.length, 0);
    file.close();
    await fetch(`${url}/${name}`, { method: 'POST', body: bytes });
  }
  return `${names.length} files`;
}

async function restore(fs: OpfsFs, target: BackupTarget): Promise<string> {
  const { fileCount, damaged } = await new Backups(target).restore(fs, DIRECTORY);
  if (damaged.length > 0) throw new Error(`damaged: ${damaged}`);
  return `${fileCount} files`;
}

/** Backs a database up into OPFS, and restores it beside. */
async function restoreAgain(fs: OpfsFs, name: string): Promise<string> {
  const place = await mountOpfs({ directory: `${name}-backups` });
  const copy = await mountOpfs({ directory: `${name}-restored` });
  try {
    const target = new DirectoryTarget(place, 'backups');
    await new Backups(target).createFrom(fs, DIRECTORY);
    return await restore(copy, target);
  } finally {
    await place.close();
    await copy.close();
  }
}

/** Backups that are at a server, which are only read. */
class ServerTarget implements BackupTarget {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async list(): Promise<string[]> {
    return (await fetch(this.#url)).json();
  }

  async get(
    name: string,
    range?: { from: number; length: number },
  ): Promise<AsyncIterable<Uint8Array> | undefined> {
    const response = await fetch(`${this.#url}/${name}`);
    if (!response.ok) return undefined;
    const bytes = new Uint8Array(await response.arrayBuffer());
    const { from, length } = range ?? { from: 0, length: bytes.length };
    return (async function* () {
      yield bytes.subarray(from, from + length);
    })();
  }

  put(name: string): Promise<void> {
    return Promise.reject(new Error(`${name} is not to be put`));
  }

  delete(name: string): Promise<void> {
    return Promise.reject(new Error(`${name} is not to be deleted`));
  }
}
