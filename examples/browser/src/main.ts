/**
 * The page: a database of files in this browser. Decides what is shown when it is loaded.
 * @module
 */
import { isVarveError } from 'varve/browser';
import { Desk } from './desk.ts';
import { confirmed } from './dialog.ts';
import { byId } from './dom.ts';
import { askNew, askPassphrase, type Remedy, showBusy, showProblem } from './gate.ts';
import type { DerivedKey, KeyParameters } from './key-protocol.ts';
import { goOffline } from './offline.ts';
import { deriveKey, newParameters } from './passphrase.ts';
import { alone, join } from './presence.ts';
import { type Beside, eraseVault, explain, openVault, readBeside, writeBeside } from './vault.ts';

const desk = byId('desk');
const gate = byId('gate');
const WRONG_PASSPHRASE = 'This passphrase does not open the database.';

/** Begins all over. */
const RELOAD: Remedy = { label: 'Try again', act: () => location.reload() };

void goOffline();
void begin('');

/** @param complaint about the passphrase before; '' for none */
async function begin(complaint: string): Promise<void> {
  try {
    if (navigator.storage?.getDirectory === undefined) {
      throw new Error('This browser has no private file system (OPFS) for this page.');
    }
    const beside = await readBeside();
    if (beside === undefined) await makeNew();
    else await unlock(beside, complaint);
  } catch (error) {
    refuse(error);
  }
}

async function makeNew(): Promise<void> {
  const parameters = newParameters();
  const passphrase = await askNew(parameters);
  const derived = passphrase === undefined ? undefined : await derive(passphrase, parameters);
  const beside: Beside =
    derived === undefined ? { format: 1 } : { format: 1, key: parameters, check: derived.check };
  // Another tab may have been quicker.
  if (await writeBeside(beside)) await enter(derived?.key, beside);
  else await begin('');
}

async function unlock(beside: Beside, complaint: string): Promise<void> {
  const { key: parameters } = beside;
  if (parameters === undefined) return enter(undefined, beside);
  const passphrase = await askPassphrase(parameters, complaint, () => void erase());
  const { key, check } = await derive(passphrase, parameters);
  if (check !== beside.check) return begin(WRONG_PASSPHRASE);
  return enter(key, beside);
}

function derive(passphrase: string, parameters: KeyParameters): Promise<DerivedKey> {
  const text = 'Slow by intent, so that guessing passphrases is slow too.';
  return deriveKey({ passphrase, parameters }, showBusy('Deriving the key', text));
}

async function enter(key: Uint8Array | undefined, beside: Beside): Promise<void> {
  showBusy('Opening the database', 'Its files are in the private file system of this page.');
  let shown: Desk | undefined;
  const leave = await join(async () => {
    await shown?.close();
    desk.hidden = true;
    const text = 'It was erased, or replaced by another one.';
    showProblem('Another tab has taken the database away', text, [RELOAD]);
  });
  try {
    const db = await openVault(key, (event) => shown?.onEvent(event));
    gate.replaceChildren();
    desk.hidden = false;
    shown = new Desk(db, beside);
    shown.onErase = () => void erase(shown, leave);
    showCipher(beside);
  } catch (error) {
    leave();
    if (!isVarveError(error, 'KEY')) throw error;
    await begin(WRONG_PASSPHRASE);
  }
}

function showCipher({ key }: Beside): void {
  const pill = byId('cipher');
  pill.hidden = false;
  pill.textContent = key === undefined ? 'not encrypted' : 'encrypted';
  pill.classList.toggle('good', key !== undefined);
}

/** Shows why there is no database, and what can be done. */
function refuse(error: unknown): void {
  const anew = { label: 'Erase it and begin anew', act: () => void erase() };
  if (isVarveError(error, 'LOCKED')) {
    showProblem('Another tab has the database', 'Close it there, then try again.', [RELOAD]);
  } else if (isVarveError(error, 'CORRUPTION')) {
    showProblem('The database is damaged', explain(error), [RELOAD, anew]);
  } else if (isVarveError(error, 'NOSPACE')) {
    showProblem('There is no space left', explain(error), [RELOAD, anew]);
  } else {
    showProblem('The database cannot be opened', explain(error), [RELOAD]);
  }
}

/** @param leave counts this tab out */
async function erase(shown?: Desk, leave?: () => void): Promise<void> {
  const text = 'All files in this database will be gone for good, in all tabs.';
  if (!(await confirmed('Erase the database?', text, 'Erase'))) return;
  try {
    await shown?.close();
    desk.hidden = true;
    showBusy('Erasing the database', 'Other tabs close it first.');
    leave?.();
    await alone(eraseVault);
    location.reload();
  } catch (error) {
    refuse(error);
  }
}
