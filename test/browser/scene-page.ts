/**
 * A tab of the scenes (scripts/browser/scenes.mjs): hands their orders to a worker that has files
 * of OPFS.
 * @module
 */
import type { SceneAnswer, SceneOrder, SceneVerb } from './scene-worker.ts';

const worker = new Worker(new URL('./scene-worker.js', import.meta.url), { type: 'module' });
let last = Promise.resolve();

/** Orders something of the worker; resolves to what it tells. One order at a time. */
function scene(verb: SceneVerb, ...args: unknown[]): Promise<unknown> {
  const answer = last.then(
    () =>
      new Promise((resolve, reject) => {
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.onmessage = ({ data: { value, error } }: MessageEvent<SceneAnswer>) => {
          if (error === undefined) resolve(value);
          else reject(new Error(error));
        };
        worker.postMessage({ verb, args } satisfies SceneOrder);
      }),
  );
  last = answer.then(
    () => {},
    () => {},
  );
  return answer;
}

Object.assign(globalThis, { scene });
