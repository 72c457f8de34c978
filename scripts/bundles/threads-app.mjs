/** A program for a worker of a page: bundlers have to find the programs of its threads. */
import { webThreads } from 'varve/core';

const fs = { module: new URL('/fs.js', location.href), export: 'open' };
webThreads({ fs }).then((threads) => threads.close());
