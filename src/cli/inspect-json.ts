/**
 * Inspections as JSON lines.
 * @module
 */
import { isBytes } from '../bytes/is-bytes.ts';
import { hexOf } from '../inspect/names.ts';
import type { InspectionPart } from '../inspect/parts.ts';
import { type Encoding, toJson } from './encoding.ts';

/** One part as a line. */
export function inspectionJson(part: InspectionPart, encoding: Encoding): string[] {
  const shown =
    part.part === 'field'
      ? { ...part, bytes: undefined, length: part.bytes.length, hex: hexOf(part.bytes) }
      : part;
  const text = JSON.stringify(shown, (name, value: unknown) => {
    if (!isBytes(value)) return value;
    // The check of an epoch's key: no user's bytes.
    return name === 'check' ? hexOf(value) : toJson(value, encoding);
  });
  return [`${text}\n`];
}
