/**
 * The page of a writer that is going to be killed: writes until then, at the latest until
 * `endWorker` is called. What is durable goes to
 * `report`, a function that scripts/browser-kills.mjs has put there.
 * @module
 */
import type { WriterReport, WriterStart } from './opfs-writer.ts';

declare const report: (report: WriterReport) => void;

const start: WriterStart = {
  directory: 'killed',
  acknowledged: Number(location.hash.slice(1)),
};
const worker = new Worker(new URL('./opfs-writer.js', import.meta.url), { type: 'module' });
worker.onmessage = ({ data }: MessageEvent<WriterReport>) => report(data);
worker.onerror = ({ message }) => report({ error: message });
worker.postMessage(start);
Object.assign(globalThis, { endWorker: () => worker.terminate() });
