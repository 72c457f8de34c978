/** All that a page needs: scripts/size-check.mjs. */
export { isVarveError, openInWorker } from 'varve/browser';
