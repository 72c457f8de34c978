/**
 * `varve/level` passes the suite of abstract-level, whole and unmodified.
 * @slow
 * @module
 */
import test from 'node:test';
import { passesSuite } from './abstract-level-run.ts';

test('the suite of abstract-level passes in memory', (t) => passesSuite(t, 'memory'));
test('the suite of abstract-level passes on the Node file system', (t) => passesSuite(t, 'node'));
test('the suite of abstract-level passes without Buffer', (t) => passesSuite(t, 'bufferless'));
