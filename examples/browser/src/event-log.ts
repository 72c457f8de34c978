/**
 * What the engine does, in words, the newest first.
 * @module
 */
import { byId, make } from './dom.ts';
import * as format from './format.ts';
import type { Listener } from './vault.ts';

type Event = Parameters<Listener>[0];

const LINES_MAX = 60;

const log = byId('log');
// It scrolls, by keys too.
log.tabIndex = 0;

/** Adds a line for an event that people want to know of. */
export function logEvent(event: Event): void {
  const text = sentenceOf(event);
  if (text !== undefined) logLine(text, event.type);
}

/** Adds a line; `kind` is its class. */
export function logLine(text: string, kind: string): void {
  const time = new Date().toLocaleTimeString('en', { hour12: false });
  log.prepend(make('li', kind, {}, make('time', '', {}, time), text));
  while (log.childElementCount > LINES_MAX) log.lastElementChild?.remove();
}

function sentenceOf(event: Event): string | undefined {
  switch (event.type) {
    case 'flush':
      return `Flushed ${tables(event.tableCount)}, ${format.bytes(event.bytesWritten)}`;
    case 'compaction':
      return compactionText(event);
    case 'corrected':
      return `Read past damage: ${nameOf(event.file)} at ${format.count(event.offset)}`;
    case 'healed':
      return `Healed ${nameOf(event.file)} at ${format.count(event.offset)}, by ${event.source}`;
    case 'file-damaged':
      return `Damaged: ${nameOf(event.file)} at ${format.count(event.offset)}, ${event.cause}`;
    case 'lost':
      return `Lost a range of keys of ${event.columnFamily}`;
    case 'error':
      return `Writing has stopped: ${event.error.message}`;
    default:
      return undefined;
  }
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function compactionText(event: Extract<Event, { type: 'compaction' }>): string {
  const { kind, inputLevels, outputLevel, inputTableCount, bytesRead, bytesWritten } = event;
  const what = `${tables(inputTableCount)}, L${inputLevels.join(', L')} to L${outputLevel}`;
  if (kind !== 'merge') return `Moved ${what}`;
  return `Merged ${what}: ${format.bytes(bytesRead)} became ${format.bytes(bytesWritten)}`;
}

function tables(count: number): string {
  return format.items(count, 'table');
}
