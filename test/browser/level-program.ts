/**
 * Runs the suite of abstract-level, whole and unmodified, against `varve/level` as browsers have
 * it: all databases in one mount of OPFS.
 * @module
 */
import suite from 'abstract-level/test';
import tape from 'tape';
import { VarveLevel } from '../../src/adapters/level-web.ts';
import { type Fs, mountOpfs } from '../../src/core.ts';
import { runChecks } from '../executor/browser-run.ts';
import { clearOpfs } from '../fs/opfs-world.ts';

/** Fewer mean that a feature is no longer declared, and its tests are left out. */
const ASSERTIONS_MIN = 5000;
/** Failures that are told. */
const TOLD_MAX = 10;

/** A row of tape: a test that begins, or an assertion of one. */
interface Row {
  readonly type: string;
  readonly name: string;
  readonly ok?: boolean;
  readonly error?: { readonly stack?: string };
}

async function runSuite(): Promise<string> {
  const fs = await mountOpfs({ directory: 'level' });
  const count = await passed(fs);
  await fs.close();
  return `${count} assertions`;
}

/** How many assertions have passed, all of them. */
function passed(fs: Fs): Promise<number> {
  return new Promise((resolve, reject) => {
    const harness = tape.createHarness();
    let testName = '';
    let count = 0;
    const failures: string[] = [];
    harness.createStream({ objectMode: true }).on('data', (row: Row) => {
      if (row.type === 'test') testName = row.name;
      if (row.type !== 'assert') return;
      count++;
      if (row.ok === false) failures.push(`${testName}: ${row.name}\n${row.error?.stack ?? ''}`);
    });
    harness.onFinish(() => {
      const told = failures.slice(0, TOLD_MAX).join('\n');
      if (failures.length > 0) reject(new Error(`${failures.length} of ${count} fail:\n${told}`));
      else if (count <= ASSERTIONS_MIN) reject(new Error(`only ${count} assertions`));
      else resolve(count);
    });
    let databases = 0;
    suite({
      test: harness,
      factory: (options) => new VarveLevel(`level-${databases++}`, { ...options, fs }),
    });
  });
}

await clearOpfs();
await runChecks({ 'the suite of abstract-level passes over OPFS': runSuite });
