/**
 * What the browser gives: space, and whether it keeps what is stored.
 * @module
 */
import { announce, byId, make } from './dom.ts';
import * as format from './format.ts';
import type { KeyParameters } from './key-protocol.ts';
import { parametersText } from './passphrase.ts';

const facts = byId('facts');

/** Shows quota, persistence and encryption as they are now. */
export async function showStorage(key: KeyParameters | undefined): Promise<void> {
  const { usage = 0, quota = 0 } = await navigator.storage.estimate();
  const isPersistent = await navigator.storage.persisted();
  const share = quota === 0 ? 0 : usage / quota;
  const meter = make('meter', '', {
    ...{ min: '0', max: '1', high: '0.9', value: String(share) },
    'aria-label': 'Space in use',
  });
  const space = `${format.bytes(usage)} of ${format.bytes(quota)} that the browser allows`;
  facts.replaceChildren(
    ...fact('Space', meter, space),
    ...fact(
      'Kept',
      isPersistent
        ? 'The browser has promised to keep it'
        : 'The browser may remove it when space is short',
    ),
    ...fact('Parity', 'Reed-Solomon 10 + 2 in every block, stripes of 20 + 2 over every table'),
    ...fact(
      'Encryption',
      key === undefined ? 'none' : `ChaCha20-Poly1305. Key: ${parametersText(key)}`,
    ),
  );
}

/** Asks the browser to keep what is stored. */
export async function askToPersist(): Promise<void> {
  const isGranted = await navigator.storage.persist();
  announce(isGranted ? 'The browser keeps it' : 'The browser has not promised it');
}

function fact(name: string, ...values: (Node | string)[]): HTMLElement[] {
  const value = make('dd', '', {}, ...values.map((part) => make('div', '', {}, part)));
  return [make('dt', '', {}, name), value];
}
