/**
 * The list of files: browse, search, open, remove.
 * @module
 */
import { confirmed } from './dialog.ts';
import { announce, button, byId, make } from './dom.ts';
import * as format from './format.ts';
import type { Library, Row } from './library.ts';
import { showFile, showNothing } from './preview.ts';

const SEARCH_DELAY_MS = 120;

const list = byId('list');
const empty = byId('empty');
const more = byId<HTMLButtonElement>('more');
const crumbs = byId('crumbs');
const query = byId<HTMLInputElement>('query');
const searchNote = byId('search-note');
const preview = byId('preview');

/** See the module head. */
export class FilesView {
  readonly #library: Library;
  /** Told of what fails. */
  readonly #onError: (error: unknown) => void;
  #folder: string;
  /** Of the file that is shown. */
  #shown: string | undefined;
  #next: string | undefined;
  /** Ends what fills the list. */
  #filling: AbortController;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(library: Library, onError: (error: unknown) => void) {
    this.#library = library;
    this.#onError = onError;
    this.#folder = '';
    this.#shown = undefined;
    this.#next = undefined;
    this.#filling = new AbortController();
    this.#timer = undefined;
    list.onclick = ({ target }) => this.#onClick(target as HTMLElement);
    list.onkeydown = (event) => this.#onKey(event);
    more.onclick = () => this.#run((signal) => this.#fill(true, signal));
    query.oninput = () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.refresh(), SEARCH_DELAY_MS);
    };
    query.onkeydown = ({ key }) => {
      if (key === 'ArrowDown') (list.querySelector('button') as HTMLElement | null)?.focus();
    };
  }

  /** The folder that is shown, with its slash; '' for all. */
  get folder(): string {
    return this.#folder;
  }

  /** Shows the list as it is by now, and the file if it has changed. */
  refresh(): void {
    this.#run((signal) =>
      query.value.trim() === '' ? this.#fill(false, signal) : this.#search(signal),
    );
  }

  /** Shows the file anew if it is one of these, or any of `undefined`. */
  async refreshFile(paths: ReadonlySet<string> | undefined): Promise<void> {
    const shown = this.#shown;
    if (shown === undefined || (paths !== undefined && !paths.has(shown))) return;
    await this.#open(shown, false);
  }

  /** Goes to a folder. */
  enter(folder: string): void {
    this.#folder = folder;
    query.value = '';
    this.refresh();
  }

  /** Only the newest call may fill the list. */
  #run(fill: (signal: AbortSignal) => Promise<void>): void {
    this.#filling.abort();
    this.#filling = new AbortController();
    const { signal } = this.#filling;
    fill(signal).catch((error) => {
      if (!signal.aborted) this.#onError(error);
    });
  }

  async #fill(isMore: boolean, signal: AbortSignal): Promise<void> {
    const { rows, next } = await this.#library.list(
      this.#folder,
      isMore ? this.#next : undefined,
      signal,
    );
    if (signal.aborted) return;
    this.#next = next;
    this.#showCrumbs();
    searchNote.textContent = '';
    this.#showRows(rows, isMore);
    more.hidden = next === undefined;
    const text = this.#folder === '' ? 'Drop files or folders here, or pick some.' : 'Empty.';
    this.#showEmpty(list.childElementCount === 0 ? text : undefined);
  }

  async #search(signal: AbortSignal): Promise<void> {
    const begin = performance.now();
    const { rows, entriesRead, isCut } = await this.#library.search(query.value, signal);
    if (signal.aborted) return;
    const milliseconds = Math.max(1, Math.round(performance.now() - begin));
    const found = `${isCut ? 'the first ' : ''}${format.items(rows.length, 'file')}`;
    const read = format.items(entriesRead, 'index entry', 'index entries');
    searchNote.textContent = `${found}, ${read} read in ${milliseconds} ms`;
    announce(found);
    crumbs.replaceChildren();
    more.hidden = true;
    this.#showRows(rows, false);
    this.#showEmpty(rows.length === 0 ? 'Nothing has such a word.' : undefined);
  }

  #showEmpty(text: string | undefined): void {
    empty.hidden = text === undefined;
    empty.textContent = text ?? '';
  }

  #showRows(rows: readonly Row[], isMore: boolean): void {
    const focused = (document.activeElement as HTMLElement | null)?.dataset['path'];
    const items = rows.map((row) => this.#item(row));
    if (isMore) list.append(...items);
    else list.replaceChildren(...items);
    // The list is one stop of the Tab key; arrows move within it.
    const buttons = this.#buttons();
    const stop = buttons.find(({ dataset }) => dataset['path'] === focused);
    (stop ?? buttons[0])?.setAttribute('tabindex', '0');
    if (focused !== undefined) stop?.focus();
  }

  #item(row: Row): HTMLElement {
    const { kind, path } = row;
    const isSearch = query.value.trim() !== '';
    const name = isSearch ? path : path.slice(this.#folder.length);
    const size = row.kind === 'file' ? format.bytes(row.sizeBytes) : 'folder';
    const entry = button('', () => {}, `row ${kind}`);
    entry.dataset['path'] = path;
    entry.tabIndex = -1;
    if (path === this.#shown) entry.setAttribute('aria-current', 'true');
    entry.append(make('span', 'name', {}, name), make('span', 'size', {}, size));
    return make('li', '', {}, entry);
  }

  #buttons(): HTMLButtonElement[] {
    return [...list.querySelectorAll('button')];
  }

  #onClick(target: HTMLElement): void {
    const path = target.closest('button')?.dataset['path'];
    if (path === undefined) return;
    if (path.endsWith('/')) this.enter(path);
    else void this.#open(path, true);
  }

  #onKey(event: KeyboardEvent): void {
    const buttons = this.#buttons();
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (event.key === 'Delete' && at >= 0) void this.#remove(buttons[at]!.dataset['path']!);
    if (event.key === 'Backspace' && this.#folder !== '') this.enter(parentOf(this.#folder));
    if (to === undefined) return;
    event.preventDefault();
    if (to < 0) query.focus();
    const next = buttons[to];
    if (next === undefined) return;
    buttons[at]?.setAttribute('tabindex', '-1');
    next.tabIndex = 0;
    next.focus();
  }

  async #open(path: string, isAsked: boolean): Promise<void> {
    try {
      const [about, content] = await Promise.all([
        this.#library.about(path),
        this.#library.read(path),
      ]);
      this.#shown = path;
      for (const entry of this.#buttons()) {
        if (entry.dataset['path'] === path) entry.setAttribute('aria-current', 'true');
        else entry.removeAttribute('aria-current');
      }
      if (about === undefined || content === undefined) {
        this.#shown = undefined;
        showNothing('The file is gone.');
        return;
      }
      showFile(path, about, content, () => void this.#remove(path));
      if (isAsked) {
        announce(`${path} is shown`);
        preview.scrollIntoView({ block: 'nearest' });
      }
    } catch (error) {
      showNothing('The file cannot be read.');
      this.#onError(error);
    }
  }

  async #remove(path: string): Promise<void> {
    const what = path.endsWith('/') ? `The folder ${path} and all that is in it` : path;
    if (!(await confirmed('Remove?', `${what} will be gone for good.`, 'Remove'))) return;
    try {
      const count = await this.#library.remove(path);
      announce(`${format.items(count, 'file')} removed`);
      if (this.#shown?.startsWith(path)) {
        this.#shown = undefined;
        showNothing('Choose a file to see it.');
      }
      this.refresh();
    } catch (error) {
      this.#onError(error);
    }
  }

  #showCrumbs(): void {
    const parts = this.#folder.split('/').slice(0, -1);
    const crumb = (label: string, folder: string) =>
      folder === this.#folder
        ? make('span', '', { 'aria-current': 'location' }, label)
        : button(label, () => this.enter(folder), 'link');
    const all = parts.map((part, i) => crumb(part, `${parts.slice(0, i + 1).join('/')}/`));
    crumbs.replaceChildren(...[crumb('All files', ''), ...all].flatMap(separated));
  }
}

function separated(element: HTMLElement, index: number): HTMLElement[] {
  if (index === 0) return [element];
  return [make('span', 'separator', { 'aria-hidden': 'true' }, '/'), element];
}

function parentOf(folder: string): string {
  return folder.slice(0, folder.lastIndexOf('/', folder.length - 2) + 1);
}
