/**
 * What an inspection is asked for.
 * @module
 */
import type { Pipeline } from '../block/pipeline.ts';
import type { Fs } from '../fs/port.ts';
import type { ContentDetail } from './contents.ts';
import type { KnownDatabase } from './current.ts';

/** What to tell of a file. */
export interface InspectOptions {
  readonly fs: Fs;
  /** With the keys, if any; it has learned of the database (`learnDatabase`). */
  readonly pipeline: Pipeline;
  /** What is known of the database that the file belongs to. */
  readonly database: KnownDatabase;
  /** How much of contents; undefined for the structure alone. */
  readonly contents: ContentDetail | undefined;
  /** Only this block (of CURRENT: this slot), or the file's header, with all its fields. */
  readonly block?: number | 'header' | undefined;
}
