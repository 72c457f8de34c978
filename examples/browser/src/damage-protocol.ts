/**
 * What pages and the failing disk say to each other. Every tab hears of damage.
 * @module
 */

/** Name of the broadcast channel. */
export const DAMAGE_CHANNEL = 'varve-example-damage';

/** Change bytes of a table. */
export interface DamageOrder {
  readonly fileNumber: number;
  /** Of the table: what stands behind it in the file of the browser is none of its bytes. */
  readonly sizeBytes: number;
}

/** It was done. */
export interface DamageReport {
  readonly fileNumber: number;
  readonly ranges: readonly {
    readonly offset: number;
    readonly lengthBytes: number;
    /** All bytes of the range are zero, or one bit was turned. */
    readonly what: 'zeros' | 'bit';
  }[];
}
