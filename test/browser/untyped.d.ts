/**
 * Modules of packages that come without types.
 * @module
 */
declare module 'abstract-level/test' {
  /** The suite; `test` is that of tape or one like it. */
  export default function suite(options: {
    readonly test: unknown;
    readonly factory: (options?: object) => unknown;
  }): void;
}
