/**
 * Stands for node:assert/strict in bundles for browsers.
 * @module
 */
import { strict } from 'assert';

export default strict;
