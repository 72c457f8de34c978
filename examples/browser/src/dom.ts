/**
 * The few things that every view does with the document. Text is always set as text: nothing of a
 * file or an error is ever parsed as HTML.
 * @module
 */

type Child = Node | string | undefined;

/** An element of the page that has to be there. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element ${id}`);
  return found as T;
}

/** A new element with a class, attributes and children. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = '',
  attributes: Readonly<Record<string, string>> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (className !== '') element.className = className;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  for (const child of children) if (child !== undefined) element.append(child);
  return element;
}

/** A button that does something. */
export function button(label: string, onClick: () => void, className = ''): HTMLButtonElement {
  const element = make('button', className, { type: 'button' }, label);
  element.addEventListener('click', onClick);
  return element;
}

/** Shows one of some elements and hides the others. */
export function showOnly(shown: HTMLElement, all: readonly HTMLElement[]): void {
  for (const element of all) element.hidden = element !== shown;
}

/** Says something to those who do not see the page; also to the log of tests. */
export function announce(text: string): void {
  byId('announcer').textContent = text;
}

/** Hands a blob to the user as a file. */
export function download(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = make('a', '', { href: url, download: name });
  link.click();
  // The browser has taken what it needs of the address by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
