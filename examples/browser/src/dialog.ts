/**
 * Questions that have to be answered before anything else.
 * @module
 */
import { button, byId, make } from './dom.ts';

const dialog = byId<HTMLDialogElement>('dialog');

/** Asks before something that cannot be undone. @returns whether to do it */
export function confirmed(title: string, text: string, label: string): Promise<boolean> {
  return new Promise((resolve) => {
    const answer = (isConfirmed: boolean) => {
      resolve(isConfirmed);
      dialog.close();
    };
    // Escape closes it too; the first answer counts.
    dialog.onclose = () => resolve(false);
    dialog.replaceChildren(
      make('h2', '', { id: 'dialog-title' }, title),
      make('p', '', {}, text),
      make(
        'div',
        'tools',
        {},
        button('Cancel', () => answer(false)),
        button(label, () => answer(true), 'danger'),
      ),
    );
    dialog.showModal();
  });
}
