/**
 * The page while a database is open: wires the views to it, and to each other.
 * @module
 */
import { isVarveError, type PageDb } from 'varve/browser';
import { Activity } from './activity.ts';
import { announce, button, byId } from './dom.ts';
import { logEvent } from './event-log.ts';
import { FilesView } from './files-view.ts';
import * as format from './format.ts';
import { filesOfDrop, filesOfInput, importFiles, type Source } from './importer.ts';
import { IntegrityView } from './integrity-view.ts';
import { ABOUT, Library } from './library.ts';
import { countTabs } from './presence.ts';
import { showNothing } from './preview.ts';
import { askToPersist, showStorage } from './storage-view.ts';
import { type Beside, explain, type Listener } from './vault.ts';

/** Of the charts. */
const TICK_MS = 1000;
/** Space is asked for every so many ticks. */
const STORAGE_TICKS = 5;
const SKIPPED_SHOWN = 5;

const decoder = new TextDecoder();
const banner = byId('banner');
const importBox = byId('import');
const importBar = byId<HTMLProgressElement>('import-bar');
const importText = byId('import-text');
const importStop = byId<HTMLButtonElement>('import-stop');
const veil = byId('drop-veil');

/** See the module head. */
export class Desk {
  readonly #db: PageDb;
  readonly #beside: Beside;
  readonly #library: Library;
  readonly #files: FilesView;
  readonly #activity: Activity;
  readonly #integrity: IntegrityView;
  #importing: AbortController | undefined;
  #ticks: number;
  readonly #timer: ReturnType<typeof setInterval>;
  /** What the button for that does. */
  onErase: () => void;

  /** @param db taken; @param beside what stands beside it */
  constructor(db: PageDb, beside: Beside) {
    const onError = (error: unknown) => this.showError(error);
    this.#db = db;
    this.#beside = beside;
    this.onErase = () => {};
    this.#library = new Library(db);
    this.#files = new FilesView(this.#library, onError);
    this.#activity = new Activity();
    this.#integrity = new IntegrityView(db, onError);
    this.#importing = undefined;
    this.#ticks = 0;
    this.#listen();
    showNothing('Choose a file to see it.');
    this.#files.refresh();
    void this.#follow();
    void this.#tick();
    this.#timer = setInterval(() => void this.#tick(), TICK_MS);
  }

  /** Closes the database; the page has to be loaded anew to go on. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#importing?.abort();
    this.#integrity.close();
    await this.#db.close();
  }

  /** Told of what the database does. */
  readonly onEvent: Listener = (event) => {
    logEvent(event);
    this.#integrity.onEvent(event);
    if (event.type === 'error') this.showError(event.error);
  };

  /** Shows an error until it is put away. */
  showError(error: unknown): void {
    const text = document.createElement('p');
    text.textContent = explain(error);
    const isFull = isVarveError(error, 'NOSPACE');
    const retry = button('Try again', () => {
      banner.hidden = true;
      this.#db.resume().catch((again) => this.showError(again));
    });
    const away = button('Put away', () => {
      banner.hidden = true;
    });
    banner.replaceChildren(text, ...(isFull ? [retry] : []), away);
    banner.hidden = false;
  }

  #listen(): void {
    for (const [name, input] of [
      ['add-files', 'file-picker'],
      ['add-folder', 'folder-picker'],
    ] as const) {
      const picker = byId<HTMLInputElement>(input);
      byId(name).onclick = () => picker.click();
      picker.onchange = () => {
        const sources = filesOfInput(picker);
        picker.value = '';
        void this.#import(sources);
      };
    }
    document.body.ondragover = (event) => {
      event.preventDefault();
      byId('drop-folder').textContent = this.#files.folder || 'all files';
      veil.hidden = false;
    };
    document.body.ondragleave = ({ relatedTarget }) => {
      if (relatedTarget === null) veil.hidden = true;
    };
    document.body.ondrop = (event) => {
      event.preventDefault();
      veil.hidden = true;
      if (event.dataTransfer === null) return;
      filesOfDrop(event.dataTransfer).then(
        (sources) => this.#import(sources),
        (error) => this.showError(error),
      );
    };
    byId('storage-tools').replaceChildren(
      button('Ask the browser to keep it', () => {
        askToPersist()
          .then(() => showStorage(this.#beside.key))
          .catch((error) => this.showError(error));
      }),
      button('Erase the database', () => this.onErase(), 'danger'),
    );
  }

  async #import(sources: readonly Source[]): Promise<void> {
    if (sources.length === 0) return;
    if (this.#importing !== undefined) {
      this.showError(new Error('An import is under way. Wait for it, or stop it.'));
      return;
    }
    const importing = new AbortController();
    this.#importing = importing;
    importStop.onclick = () => importing.abort();
    importBox.hidden = false;
    importBar.value = 0;
    importText.textContent = `Reading ${format.items(sources.length, 'file')}…`;
    const begin = performance.now();
    let done = 0;
    try {
      const skipped = await importFiles(
        this.#library,
        this.#files.folder,
        sources,
        ({ filesDone, filesTotal, bytesDone, bytesTotal }) => {
          done = filesDone;
          importBar.value = bytesTotal === 0 ? 1 : bytesDone / bytesTotal;
          const seconds = Math.max(1, performance.now() - begin) / 1000;
          importText.textContent =
            `${format.count(filesDone)} of ${format.items(filesTotal, 'file')}, ` +
            `${format.bytes(bytesDone)}, ${format.bytes(bytesDone / seconds)}/s`;
        },
        importing.signal,
      );
      await this.#db.sync();
      if (skipped.length > 0) {
        const names = skipped
          .slice(0, SKIPPED_SHOWN)
          .map(({ path, reason }) => `${path} (${reason})`);
        const more = skipped.length > SKIPPED_SHOWN ? ', …' : '';
        const what = format.items(skipped.length, 'file was', 'files were');
        this.showError(new Error(`${what} left out: ${names.join(', ')}${more}`));
      }
      announce(`${format.items(done - skipped.length, 'file')} imported`);
    } catch (error) {
      this.showError(error);
    } finally {
      this.#importing = undefined;
      importBox.hidden = true;
      this.#files.refresh();
    }
  }

  /** Shows what is written, by this tab or another. */
  async #follow(): Promise<void> {
    try {
      for await (const event of this.#db.watch({ columnFamily: ABOUT })) {
        this.#files.refresh();
        const isBatch = event.type === 'batch';
        const keys = isBatch ? event.operations.map(({ key }) => decoder.decode(key)) : undefined;
        await this.#files.refreshFile(keys && new Set(keys));
      }
    } catch (error) {
      if (!isVarveError(error, 'CLOSED')) this.showError(error);
    }
  }

  async #tick(): Promise<void> {
    if (document.hidden) return;
    const isStorageDue = this.#ticks++ % STORAGE_TICKS === 0;
    try {
      const stats = await this.#db.stats();
      this.#activity.show(stats);
      this.#integrity.show(stats);
      if (isStorageDue) await showStorage(this.#beside.key);
      await showTabs();
    } catch (error) {
      if (!isVarveError(error, 'CLOSED')) this.showError(error);
    }
  }
}

async function showTabs(): Promise<void> {
  const count = await countTabs();
  const pill = byId('tabs');
  pill.hidden = count < 2;
  pill.textContent = `${count} tabs share it`;
}
