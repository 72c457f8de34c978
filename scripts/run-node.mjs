/**
 * Runs a compiled program of build/ as if it had been called itself: same terminal, same arguments,
 * same exit code or signal.
 * @module
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fail, root } from './ensure.mjs';

/**
 * @param {string} program path of the JavaScript file, relative to the root
 * @param {string[]} args passed on unchanged
 */
export function runNode(program, args) {
  const path = join(root, program);
  if (!existsSync(path)) {
    fail(`There is no ${program.replace(/^build\//, '').replace(/\.js$/, '.ts')} to run.`);
  }
  const child = spawn(process.execPath, ['--enable-source-maps', path, ...args], {
    stdio: 'inherit',
  });
  const forward = (signal) => {
    // A terminal sends Ctrl-C to the program as well; a second one would cut its clean-up short.
    if (signal === 'SIGINT' && process.stdin.isTTY) return;
    child.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, forward);
  child.on('error', (error) => fail(`Cannot start ${program}: ${error.message}`));
  child.on('exit', (code, signal) => {
    for (const name of signals) process.off(name, forward);
    if (signal === null) process.exitCode = code ?? 1;
    else process.kill(process.pid, signal);
  });
}
