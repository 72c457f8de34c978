/**
 * The suite of abstract-level passes however the database is set.
 * @slow
 * @module
 */
import test from 'node:test';
import { passesSuite } from './abstract-level-run.ts';

const SETTINGS = ['everything', 'tiny-buffers', 'tiny-everything', 'no-workers', 'no-log'];

for (const setting of SETTINGS) {
  test(`the suite of abstract-level passes with the setting ${setting}`, (t) =>
    passesSuite(t, setting));
}
