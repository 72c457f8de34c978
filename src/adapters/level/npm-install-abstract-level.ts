/**
 * What is used of the package abstract-level, which users install beside this one. Only this module
 * imports it, and its name says what to do: where the package is missing, every runtime and bundler
 * names the module that asked for it, and nothing of ours has run that could say more.
 * @module
 */
export {
  AbstractChainedBatch,
  AbstractIterator,
  AbstractKeyIterator,
  AbstractLevel,
  AbstractSnapshot,
  AbstractValueIterator,
} from 'abstract-level';
