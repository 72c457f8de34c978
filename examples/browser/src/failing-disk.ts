/**
 * A disk that fails on request, for the button that damages a file.
 *
 * Runs in the worker of the database. It remembers the files that the browser
 * opens, and when the page asks for it, changes bytes of a table beneath the engine, which is told
 * nothing. A table is known by its header, see docs/FORMAT.md: `VARVE`, `T`, the version, and the
 * number of the file.
 * @module
 */
import { DAMAGE_CHANNEL, type DamageOrder, type DamageReport } from './damage-protocol.ts';

/** What TypeScript knows of workers only. */
interface SyncAccess {
  read(buf: Uint8Array, options: { at: number }): number;
  write(buf: Uint8Array, options: { at: number }): number;
  getSize(): number;
  flush(): void;
  close(): void;
}

interface Opener {
  createSyncAccessHandle(...options: unknown[]): Promise<SyncAccess>;
}

const MAGIC = [...'VARVET'].map((letter) => letter.charCodeAt(0));
const NUMBER_OFFSET = 8;
const PAGE_BYTES = 4096;
/** Less than the stripes of the page's databases give back. */
const HOLE_SHARE = 0.05;
/** Where single bits are flipped, as shares of the file: in blocks of which one shard is wrong. */
const FLIPS = [0.22, 0.31, 0.78];

const opened = new Set<SyncAccess>();

/** Remembers what is opened from now on. */
function watchFiles(prototype: Opener): void {
  const open = prototype.createSyncAccessHandle;
  prototype.createSyncAccessHandle = async function (...options) {
    const access = await open.apply(this, options);
    const close = access.close.bind(access);
    opened.add(access);
    access.close = () => {
      opened.delete(access);
      close();
    };
    return access;
  };
}

function tableOf(fileNumber: number): SyncAccess | undefined {
  const head = new Uint8Array(NUMBER_OFFSET + 8);
  for (const access of opened) {
    if (access.read(head, { at: 0 }) < head.length) continue;
    if (!MAGIC.every((byte, i) => head[i] === byte)) continue;
    if (new DataView(head.buffer).getUint32(NUMBER_OFFSET, true) === fileNumber) return access;
  }
  return undefined;
}

function damage(access: SyncAccess, sizeBytes: number): DamageReport['ranges'] {
  const pages = Math.floor(sizeBytes / PAGE_BYTES);
  const holePages = Math.max(1, Math.floor(pages * HOLE_SHARE));
  const hole = Math.floor((pages - holePages) / 2) * PAGE_BYTES;
  access.write(new Uint8Array(holePages * PAGE_BYTES), { at: hole });
  const ranges = [{ offset: hole, lengthBytes: holePages * PAGE_BYTES, what: 'zeros' as const }];
  const flips = FLIPS.map((share) => {
    const offset = Math.floor(sizeBytes * share);
    const byte = new Uint8Array(1);
    access.read(byte, { at: offset });
    byte[0]! ^= 1 << (offset % 8);
    access.write(byte, { at: offset });
    return { offset, lengthBytes: 1, what: 'bit' as const };
  });
  access.flush();
  return [...ranges, ...flips];
}

/** To be called once, before the files are opened. */
export function failOnRequest(): void {
  watchFiles((FileSystemFileHandle as unknown as { readonly prototype: Opener }).prototype);
  const channel = new BroadcastChannel(DAMAGE_CHANNEL);
  channel.addEventListener('message', ({ data }: MessageEvent<DamageOrder | DamageReport>) => {
    if (!('sizeBytes' in data)) return;
    const access = tableOf(data.fileNumber);
    if (access === undefined) return;
    const ranges = damage(access, data.sizeBytes);
    const report: DamageReport = { fileNumber: data.fileNumber, ranges };
    channel.postMessage(report);
  });
}
