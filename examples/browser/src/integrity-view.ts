/**
 * Every table as a strip: where it is damaged, and what a scrub has healed. The button that damages
 * one asks the disk beneath the engine to fail (failing-disk.ts); no call of the engine is told.
 * @module
 */
import type { PageDb } from 'varve/browser';
import type { Stats } from './activity.ts';
import { DAMAGE_CHANNEL, type DamageOrder, type DamageReport } from './damage-protocol.ts';
import { announce, byId, make } from './dom.ts';
import * as format from './format.ts';
import type { Listener } from './vault.ts';

type Event = Parameters<Listener>[0];

/** A part of a table. */
interface Mark {
  readonly offset: number;
  readonly lengthBytes: number;
  state: 'damaged' | 'healed';
}

/** A table, as `stats` tells of it. */
interface Table {
  readonly fileNumber: number;
  readonly sizeBytes: number;
  readonly place: string;
}

/** The strips of more tables would be a page of their own. */
const SHOWN_MAX = 40;
/** A strip shows so small a part that it can still be seen. */
const WIDTH_MIN = 0.006;
/** A smaller table has too few stripes for the hole that the disk makes. */
const DAMAGED_BYTES_MIN = 64 << 10;

const list = byId('tables');
// It scrolls, by keys too.
list.tabIndex = 0;
const note = byId('integrity-note');
const bar = byId<HTMLProgressElement>('scrub-bar');
const damageButton = byId<HTMLButtonElement>('damage');
const scrubButton = byId<HTMLButtonElement>('scrub');

/** See the module head. */
export class IntegrityView {
  readonly #db: PageDb;
  readonly #onError: (error: unknown) => void;
  readonly #channel: BroadcastChannel;
  readonly #marks: Map<number, Mark[]>;
  #tables: readonly Table[];

  constructor(db: PageDb, onError: (error: unknown) => void) {
    this.#db = db;
    this.#onError = onError;
    this.#marks = new Map();
    this.#tables = [];
    this.#channel = new BroadcastChannel(DAMAGE_CHANNEL);
    this.#channel.onmessage = ({ data }: MessageEvent<DamageOrder | DamageReport>) => {
      if ('ranges' in data) this.#onDamage(data);
    };
    damageButton.onclick = () => this.#damage();
    scrubButton.onclick = () => void this.#scrub();
    this.#say('');
  }

  /** Ends it with its database. */
  close(): void {
    this.#channel.close();
  }

  /** Shows the tables that there are. */
  show({ columnFamilies }: Stats): void {
    this.#tables = columnFamilies
      .flatMap(({ name, levels }) =>
        levels.flatMap(({ level, tables }) =>
          tables.map((table) => ({ ...table, place: `L${level} ${name}` })),
        ),
      )
      .sort((a, b) => a.fileNumber - b.fileNumber);
    for (const fileNumber of this.#marks.keys()) {
      if (!this.#tables.some((table) => table.fileNumber === fileNumber)) {
        this.#marks.delete(fileNumber);
      }
    }
    this.#draw();
  }

  /** Marks what an event tells of. */
  onEvent(event: Event): void {
    if (event.type !== 'healed') return;
    const fileNumber = fileNumberOf(event.file);
    for (const mark of this.#marks.get(fileNumber) ?? []) {
      const end = event.offset + event.lengthBytes;
      if (mark.offset < end && event.offset < mark.offset + mark.lengthBytes) mark.state = 'healed';
    }
    this.#draw();
  }

  #damage(): void {
    const large = this.#tables.filter(({ sizeBytes }) => sizeBytes >= DAMAGED_BYTES_MIN);
    const sound = large.filter(({ fileNumber }) => !this.#isDamaged(fileNumber));
    const table = sound[Math.floor(Math.random() * sound.length)];
    if (table === undefined) {
      this.#say(
        large.length === 0
          ? 'There is no table to damage yet: import some files first.'
          : 'All tables are damaged by now. Scrub first.',
      );
      return;
    }
    this.#marks.delete(table.fileNumber);
    const { fileNumber, sizeBytes } = table;
    const order: DamageOrder = { fileNumber, sizeBytes };
    this.#channel.postMessage(order);
  }

  #onDamage({ fileNumber, ranges }: DamageReport): void {
    const marks = ranges.map(({ offset, lengthBytes }): Mark => {
      return { offset, lengthBytes, state: 'damaged' };
    });
    this.#marks.set(fileNumber, marks);
    const zeros = ranges.reduce((sum, { what, lengthBytes }) => {
      return sum + (what === 'zeros' ? lengthBytes : 0);
    }, 0);
    const flips = ranges.filter(({ what }) => what === 'bit').length;
    this.#say(
      `${nameOf(fileNumber)} was damaged on disk: ${format.bytes(zeros)} zeroed, ` +
        `${format.items(flips, 'bit')} flipped. Its files can still be read.`,
    );
    this.#draw();
  }

  async #scrub(): Promise<void> {
    scrubButton.disabled = true;
    bar.hidden = false;
    bar.value = 0;
    this.#say('Reading every byte of every file…');
    try {
      const report = await this.#db.scrub({
        onProgress: (bytesDone, bytesTotal) => {
          bar.value = bytesTotal === 0 ? 1 : bytesDone / bytesTotal;
        },
      });
      const { fileCount, bytesChecked, findings } = report;
      const healed = findings.filter(({ isHealed }) => isHealed).length;
      const lost = findings.length - healed;
      const looked = `${format.items(fileCount, 'file')}, ${format.bytes(bytesChecked)}`;
      const outcome =
        findings.length === 0
          ? 'no damage'
          : `${format.items(healed, 'place')} healed${lost === 0 ? '' : `, ${lost} lost`}`;
      this.#say(`Scrubbed ${looked}: ${outcome}.`);
    } catch (error) {
      this.#say('The scrub has stopped.');
      this.#onError(error);
    } finally {
      scrubButton.disabled = false;
      bar.hidden = true;
      this.#draw();
    }
  }

  #isDamaged(fileNumber: number): boolean {
    return (this.#marks.get(fileNumber) ?? []).some(({ state }) => state === 'damaged');
  }

  #say(text: string): void {
    note.textContent =
      text || 'Every block has parity, and every table stripes over the whole file.';
    if (text !== '') announce(text);
  }

  #draw(): void {
    // Those with marks come first, so that they are not among what is left out.
    const marked = this.#tables.filter(({ fileNumber }) => this.#marks.has(fileNumber));
    const others = this.#tables.filter(({ fileNumber }) => !this.#marks.has(fileNumber));
    const shown = [...marked, ...others].slice(0, SHOWN_MAX);
    const sizeMax = Math.max(1, ...shown.map(({ sizeBytes }) => sizeBytes));
    const rows = shown.map((table) => this.#row(table, sizeMax));
    const left = this.#tables.length - shown.length;
    if (left > 0) rows.push(make('li', 'note', {}, `and ${format.items(left, 'more table')}`));
    if (rows.length === 0) rows.push(make('li', 'note', {}, 'No tables yet.'));
    list.replaceChildren(...rows);
  }

  #row({ fileNumber, sizeBytes, place }: Table, sizeMax: number): HTMLElement {
    const marks = this.#marks.get(fileNumber) ?? [];
    const strip = make('div', 'strip');
    strip.style.width = `${Math.max(4, (sizeBytes / sizeMax) * 100)}%`;
    for (const { offset, lengthBytes, state } of marks) {
      const part = make('span', state);
      part.style.left = `${(offset / sizeBytes) * 100}%`;
      part.style.width = `${Math.max(WIDTH_MIN, lengthBytes / sizeBytes) * 100}%`;
      strip.append(part);
    }
    const damaged = marks.filter(({ state }) => state === 'damaged').length;
    const healed = marks.length - damaged;
    const state = [damaged > 0 ? `${damaged} damaged` : '', healed > 0 ? `${healed} healed` : ''];
    const about = [format.bytes(sizeBytes), place, ...state].filter((text) => text !== '');
    return make(
      'li',
      '',
      {},
      make('span', 'name', {}, nameOf(fileNumber)),
      make('div', 'track', { 'aria-hidden': 'true' }, strip),
      make('span', 'about', {}, about.join(', ')),
    );
  }
}

function nameOf(fileNumber: number): string {
  return `${String(fileNumber).padStart(6, '0')}.sst`;
}

function fileNumberOf(path: string): number {
  return Number(/(\d+)\.sst$/.exec(path)?.[1] ?? -1);
}
