/**
 * Shows a file: pictures, sound, video, text, and the bytes of everything else.
 * @module
 */
import { button, byId, download, make } from './dom.ts';
import * as format from './format.ts';
import type { About } from './library.ts';
import { textOf } from './words.ts';

const TEXT_BYTES_MAX = 256 << 10;
const HEX_BYTES_MAX = 2048;
const HEX_COLUMNS = 16;
/** By the ending of a name that the browser has no type for. */
const TYPES: Readonly<Record<string, string>> = {
  avif: 'image/avif',
  gif: 'image/gif',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  png: 'image/png',
  svg: 'image/svg+xml',
  webp: 'image/webp',
  mp3: 'audio/mpeg',
  ogg: 'audio/ogg',
  wav: 'audio/wav',
  mp4: 'video/mp4',
  webm: 'video/webm',
};

const pane = byId('preview');
let url: string | undefined;

/** Shows nothing, and why. */
export function showNothing(text: string): void {
  clear();
  pane.replaceChildren(make('p', 'empty', {}, text));
}

/** Shows a file; `onRemove` is what the button for that does. */
export function showFile(
  path: string,
  about: About,
  content: Uint8Array,
  onRemove: () => void,
): void {
  clear();
  const name = path.slice(path.lastIndexOf('/') + 1);
  const type = about.type || typeOf(name);
  const blob = new Blob([content as Uint8Array<ArrayBuffer>], { type });
  const facts = `${format.bytes(about.sizeBytes)}, ${format.moment(about.modifiedMs)}`;
  pane.replaceChildren(
    make('h3', 'title', {}, name),
    make('p', 'note', {}, facts),
    make(
      'div',
      'tools',
      {},
      button('Save', () => download(blob, name)),
      button('Remove', onRemove, 'quiet'),
    ),
    bodyOf(name, type, blob, content),
  );
}

function clear(): void {
  if (url !== undefined) URL.revokeObjectURL(url);
  url = undefined;
}

function typeOf(name: string): string {
  return TYPES[name.slice(name.lastIndexOf('.') + 1).toLowerCase()] ?? '';
}

function bodyOf(name: string, type: string, blob: Blob, content: Uint8Array): HTMLElement {
  const kind = type.slice(0, type.indexOf('/'));
  if (kind === 'image' || kind === 'audio' || kind === 'video') {
    url = URL.createObjectURL(blob);
    // A picture in SVG that is shown as a picture runs no scripts and loads nothing.
    if (kind === 'image') return make('img', 'picture', { src: url, alt: name });
    return make(kind, 'player', { src: url, controls: '', 'aria-label': name });
  }
  const text = textOf(content, TEXT_BYTES_MAX);
  const isCut = content.length > (text === undefined ? HEX_BYTES_MAX : TEXT_BYTES_MAX);
  const label = text === undefined ? `Bytes of ${name}` : name;
  const shown = text ?? hexOf(content.subarray(0, HEX_BYTES_MAX));
  const box = { tabindex: '0', role: 'group', 'aria-label': label };
  return make('pre', text === undefined ? 'hex' : 'text', box, shown, isCut ? '\n…' : '');
}

function hexOf(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += HEX_COLUMNS) {
    const line = [...bytes.subarray(at, at + HEX_COLUMNS)];
    const hex = line.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = line.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : '.'));
    const offset = at.toString(16).padStart(6, '0');
    lines.push(`${offset}  ${hex.padEnd(HEX_COLUMNS * 3 - 1)}  ${text.join('')}`);
  }
  return lines.join('\n');
}
