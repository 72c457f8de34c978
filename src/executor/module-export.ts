/**
 * User code for other threads, which cannot be given the code itself.
 * @module
 */

/** A function that a module exports. */
export interface ModuleExport {
  /** Absolute URL of a JavaScript module, such as `new URL('./my-fs.js', import.meta.url)`. */
  readonly module: string | { readonly href: string };
  /** Name of the function. */
  readonly export: string;
  /** Its only argument; must be cloneable. */
  readonly argument?: unknown;
}
