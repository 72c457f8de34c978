/** The engine as a worker of a page has it, without codecs and ciphers: scripts/size-check.mjs. */
export {
  mountOpfs,
  openDatabase,
  systemClock,
  systemHostLoop,
  systemRandom,
  WriteBatch,
} from 'varve/core';
