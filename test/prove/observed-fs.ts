/**
 * A file system whose operations somebody watches.
 * @module
 */
import type { FileHandle, Fs } from '../../src/fs/port.ts';

/** Told of every operation on the file system and on the files that are opened in it. */
export interface FsObserver {
  /**
   * @param target the file or, for operations with paths, the file system
   * @returns true to leave the operation out; then it returns nothing
   */
  before(operation: string, target: Fs | FileHandle, args: readonly unknown[]): boolean;
  /** Given what an operation returned. */
  after?(operation: string, result: unknown): void;
  /** Given what an operation threw; returns true to let it return nothing instead. */
  failed?(operation: string, error: unknown): boolean;
}

/** The file system, or a file of it, as before, with an observer. */
export function observed<T extends Fs | FileHandle>(target: T, observer: FsObserver): T {
  return new Proxy(target, {
    get(object, name) {
      const member: unknown = Reflect.get(object, name);
      if (typeof member !== 'function' || typeof name !== 'string') return member;
      return (...args: unknown[]): unknown => {
        if (observer.before(name, object, args) === true) return undefined;
        let result: unknown;
        try {
          result = member.apply(object, args);
        } catch (error) {
          if (observer.failed?.(name, error) === true) return undefined;
          throw error;
        }
        observer.after?.(name, result);
        return name === 'open' ? observed(result as FileHandle, observer) : result;
      };
    },
  });
}
