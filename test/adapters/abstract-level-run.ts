/**
 * Runs abstract-level-suite.ts as a process, and looks at its TAP.
 * @module
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

/** Fewer mean that a feature is no longer declared, and its tests are left out. */
const ASSERTIONS_MIN = 5000;
const OUTPUT_BYTES_MAX = 64 * 1_048_576;

const program = fileURLToPath(new URL('abstract-level-suite.js', import.meta.url));

interface Outcome {
  readonly code: unknown;
  readonly output: string;
}

function runSuite(setting: string): Promise<Outcome> {
  const args = ['--enable-source-maps', program, setting];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { maxBuffer: OUTPUT_BYTES_MAX }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? error.signal), output: stdout + stderr });
    });
  });
}

/** The figure of a TAP summary, such as `# pass  5120`. */
function figure(output: string, name: string): number {
  return Number(new RegExp(`^# ${name} +(\\d+)$`, 'm').exec(output)?.[1] ?? Number.NaN);
}

/** The failures with what came before and after each. */
function failures(output: string): string {
  const lines = output.split('\n');
  const wanted = lines.flatMap((line, at) =>
    line.startsWith('not ok') ? lines.slice(Math.max(0, at - 3), at + 20) : [],
  );
  return wanted.length > 0 ? wanted.join('\n') : lines.slice(-40).join('\n');
}

/** Runs the suite with a setting of abstract-level-suite.ts. @throws AssertionError if it fails */
export async function passesSuite(t: TestContext, setting: string): Promise<void> {
  const { code, output } = await runSuite(setting);
  const passed = figure(output, 'pass');
  t.diagnostic(`abstract-level (${setting}): ${passed} assertions passed`);
  assert.equal(code, 0, failures(output));
  assert.equal(figure(output, 'tests'), passed);
  assert.ok(passed > ASSERTIONS_MIN, `only ${passed} assertions`);
}
