/**
 * Another place that may have the files of tables as they were: a backup, for instance. It is asked
 * when something of a table is lost for certain.
 *
 * It answers when it can, so it is asked in the background; what it gives is held in memory or
 * written to the file that is gone, and counts as far as it is sound in its place (`finding.ts`).
 * @module
 */

/** What is wanted of the file of a table. */
export interface WantedBytes {
  /** Number of the table. */
  readonly fileNumber: number;
  /** Of its header, 16 bytes; undefined of old tables in the clear. */
  readonly salt: Uint8Array | undefined;
  /** In bytes. */
  readonly from: number;
  /** In bytes; less is given only where the file ends. */
  readonly length: number;
}

/** What a source has of it. */
export interface FoundBytes {
  /** Where the bytes come from, for reports. */
  readonly name: string;
  /** In pieces; each is lent until the next one is asked for. */
  readonly pieces: AsyncIterable<Uint8Array>;
}

/** See the module head. */
export interface HealSource {
  /**
   * Nothing that it gives is taken at its word. One that fails is asked again later.
   * @returns undefined where it has no such file
   */
  read(wanted: WantedBytes): Promise<FoundBytes | undefined>;
}
