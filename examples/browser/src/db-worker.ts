/**
 * The worker of the database: the program of the package, on a disk that can be made to fail.
 * @module
 */
import 'varve/workers/opfs.js';
import { failOnRequest } from './failing-disk.ts';

// The program opens its files when the page has told it which, and so later than this.
failOnRequest();
