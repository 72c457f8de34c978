/**
 * What the page shows while no database is open: the first visit, the passphrase, work under way,
 * and what stands in the way.
 * @module
 */
import { button, byId, make } from './dom.ts';
import type { KeyParameters } from './key-protocol.ts';
import { parametersText } from './passphrase.ts';

const PASSPHRASE_LENGTH_MIN = 8;

/** Something that can be done about a problem. */
export interface Remedy {
  readonly label: string;
  readonly act: () => void;
}

const gate = byId('gate');

/** Shows work under way; @returns what tells how far it is. */
export function showBusy(title: string, text: string): (share: number) => void {
  const bar = make('progress', '', { max: '1', 'aria-label': title });
  fill(make('h2', '', {}, title), make('p', '', {}, text), bar);
  return (share) => {
    bar.value = share;
  };
}

/** Shows what stands in the way, and what can be done. */
export function showProblem(title: string, text: string, remedies: readonly Remedy[]): void {
  const buttons = remedies.map(({ label, act }, i) => button(label, act, i === 0 ? 'primary' : ''));
  fill(make('h2', '', {}, title), make('p', '', {}, text), make('div', 'tools', {}, ...buttons));
  buttons[0]?.focus();
}

/** Asks how to make the first database. @returns the passphrase; undefined for none */
export function askNew(parameters: KeyParameters): Promise<string | undefined> {
  return new Promise((resolve) => {
    const first = passwordField('new-passphrase', 'Passphrase', 'new-password');
    const again = passwordField('new-passphrase-again', 'The same again', 'new-password');
    const problem = make('p', 'problem', { role: 'alert' });
    const form = make(
      'form',
      'form',
      { novalidate: '' },
      first.field,
      again.field,
      problem,
      make('button', 'primary', { type: 'submit' }, 'Make an encrypted database'),
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const complaint = complaintAbout(first.input.value, again.input.value);
      problem.textContent = complaint ?? '';
      if (complaint === undefined) resolve(first.input.value);
      else first.input.focus();
    });
    fill(
      make('h2', '', {}, 'A database for your files'),
      make(
        'p',
        '',
        {},
        'It lives in this browser. With a passphrase everything in it is encrypted with ' +
          'ChaCha20-Poly1305. Nobody can restore a passphrase that is lost.',
      ),
      form,
      details('How the key is made', `${parametersText(parameters)}. Stored beside the database.`),
      make('p', 'or', {}, 'or'),
      button('Go on without a passphrase', () => resolve(undefined)),
    );
    first.input.focus();
  });
}

/** Asks for the passphrase of the database. */
export function askPassphrase(
  parameters: KeyParameters,
  complaint: string,
  onForgotten: () => void,
): Promise<string> {
  return new Promise((resolve) => {
    const { field, input } = passwordField('passphrase', 'Passphrase', 'current-password');
    const problem = make('p', 'problem', { role: 'alert' }, complaint);
    const submit = make('button', 'primary', { type: 'submit' }, 'Unlock');
    const form = make('form', 'form', { novalidate: '' }, field, problem, submit);
    if (complaint !== '') input.setAttribute('aria-invalid', 'true');
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (input.value !== '') resolve(input.value);
      else problem.textContent = 'Enter the passphrase.';
    });
    fill(
      make('h2', '', {}, 'This database is encrypted'),
      form,
      details('How the key is made', `${parametersText(parameters)}.`),
      button('Erase it and begin anew', onForgotten, 'quiet'),
    );
    input.focus();
  });
}

function complaintAbout(passphrase: string, again: string): string | undefined {
  if ([...passphrase].length < PASSPHRASE_LENGTH_MIN) {
    return `Take at least ${PASSPHRASE_LENGTH_MIN} characters.`;
  }
  return passphrase === again ? undefined : 'The two are not the same.';
}

function passwordField(id: string, label: string, autocomplete: string) {
  const input = make('input', '', { id, type: 'password', autocomplete, spellcheck: 'false' });
  return { field: make('div', 'field', {}, make('label', '', { for: id }, label), input), input };
}

function details(summary: string, text: string): HTMLElement {
  return make('details', '', {}, make('summary', '', {}, summary), make('p', '', {}, text));
}

function fill(...children: HTMLElement[]): void {
  gate.replaceChildren(make('div', 'card', {}, ...children));
}
