/**
 * What CURRENT says: of itself, and to those who inspect the files beside it.
 * @module
 */
import type { CopyState } from '../block/block-walker.ts';
import type { Pipeline } from '../block/pipeline.ts';
import { isSoundReplica } from '../block/replicas.ts';
import { SUITE_NONE } from '../crypto/port.ts';
import { isVarveError, quietly } from '../errors.ts';
import { type FileHandle, type Fs, joinPath } from '../fs/port.ts';
import {
  authenticateCurrent,
  CURRENT_COPIES,
  CURRENT_COPY_BYTES,
  CURRENT_SLOT_BYTES,
  CURRENT_SLOTS,
  type CurrentSlot,
  decodeSlots,
  type FoundSlot,
  readCurrent,
  slotAround,
} from '../manifest/current.ts';
import { CURRENT_NAME } from '../manifest/file-names.ts';
import { recoverState } from '../manifest/manifest-recovery.ts';
import type { ManifestState } from '../manifest/manifest-state.ts';
import { slotFields } from './block-fields.ts';
import { hexOf, suiteName } from './names.ts';
import type { InspectionPart, SlotPart } from './parts.ts';

const COPIES_BYTES = CURRENT_COPIES * CURRENT_COPY_BYTES;

/** What CURRENT and the manifest say of the files beside them. */
export interface KnownDatabase {
  /** The slot that counts; undefined without a valid one. */
  readonly current: CurrentSlot | undefined;
  /** Sizes of the logs that a clean close has ended; empty while the manifest cannot be read. */
  readonly walEnds: ReadonlyMap<number, number>;
  /** By file number, what the salt of a file's header has to be, as far as that is noted. */
  readonly salts: ReadonlyMap<number, Uint8Array>;
}

/**
 * Tells the pipeline of an inspection what database its files belong to, as far as CURRENT and the
 * manifest say: its id, its key checks, and which files must be encrypted.
 * @param givenId used in place of the id in CURRENT
 * @throws VarveError `KEY` when a key is not that of the database, `IO`
 */
export function learnDatabase(
  fs: Fs,
  directory: string,
  pipeline: Pipeline,
  givenId: Uint8Array | undefined,
): KnownDatabase {
  const found = quietly(() => readCurrent(fs, directory));
  if (found === undefined) {
    if (givenId !== undefined) pipeline.databaseId = givenId;
    return { current: undefined, walEnds: new Map(), salts: new Map() };
  }
  const { slot } = found;
  const state = quietly(() => recoverState(fs, directory, pipeline).state);
  const walEnds = state?.walEnds ?? new Map();
  const known = { current: slot, walEnds, salts: saltsOf(slot, state) };
  pipeline.databaseId = givenId ?? slot.databaseId;
  const { keys } = pipeline;
  if (givenId !== undefined || keys === undefined || slot.suiteId === SUITE_NONE) return known;
  const path = joinPath(directory, CURRENT_NAME);
  // Without the key of this epoch others may still be of use; a wrong one is of none.
  const hasKey = quietly(() => keys.keyCheck(slot.epoch, slot.databaseId, path)) !== undefined;
  if (!hasKey) return known;
  try {
    authenticateCurrent(found, pipeline, path);
  } catch (error) {
    if (isVarveError(error, 'KEY')) throw error;
    if (!isVarveError(error)) throw error;
  }
  return known;
}

/** The salts with which CURRENT and the manifest name files. */
function saltsOf(slot: CurrentSlot, state: ManifestState | undefined): Map<number, Uint8Array> {
  const salts = new Map<number, Uint8Array>();
  if (slot.manifestSalt !== undefined) salts.set(slot.manifestNumber, slot.manifestSalt);
  for (const { levels } of state?.version.families.values() ?? []) {
    for (const { fileNumber, salt } of levels.flat()) {
      if (salt !== undefined) salts.set(fileNumber, salt);
    }
  }
  for (const { fileNumber, salt } of state?.logIdentities.values() ?? []) {
    salts.set(fileNumber, salt);
  }
  return salts;
}

/** The parts of CURRENT. */
export function* inspectCurrent(
  file: FileHandle,
  pipeline: Pipeline,
  wanted: number | 'header' | undefined,
): Generator<InspectionPart> {
  const bytes = new Uint8Array(CURRENT_SLOTS * CURRENT_SLOT_BYTES);
  const length = file.read(bytes, 0, bytes.length, 0);
  let slots: (FoundSlot | undefined)[] = [];
  try {
    slots = decodeSlots(bytes, file.path);
  } catch (error) {
    if (!isVarveError(error)) throw error;
    yield { part: 'problem', offset: error.offset, isDamage: false, message: error.message };
  }
  const newest = Math.max(...slots.map((found) => found?.slot.generation ?? 0));
  for (let slot = 0; slot < CURRENT_SLOTS; slot++) {
    if (typeof wanted === 'number' && wanted !== slot) continue;
    const from = slot * CURRENT_SLOT_BYTES;
    const own = bytes.subarray(from, from + CURRENT_SLOT_BYTES);
    const part = slotPart(own, slot, slots[slot], file.path, pipeline);
    yield { ...part, counts: slots[slot]?.slot.generation === newest };
    if (wanted === undefined || length <= from) continue;
    yield* slotFields(own.subarray(0, length - from), slot);
  }
  if (length !== bytes.length || file.size() !== bytes.length) {
    const message = `CURRENT has ${file.size()} bytes in place of ${bytes.length}`;
    yield { part: 'problem', offset: undefined, isDamage: true, message };
  }
}

function slotPart(
  bytes: Uint8Array,
  slot: number,
  found: FoundSlot | undefined,
  path: string,
  pipeline: Pipeline,
): SlotPart {
  const expected = found === undefined ? undefined : slotAround(found.bytes);
  const copies: CopyState[] = [];
  for (let off = 0; off < COPIES_BYTES; off += CURRENT_COPY_BYTES) {
    const isSame = expected !== undefined && isEqual(bytes, expected, off, CURRENT_COPY_BYTES);
    const isSound = isSoundReplica(bytes, off, CURRENT_COPY_BYTES);
    copies.push(isSame ? 'sound' : isSound ? 'differs' : 'damaged');
  }
  const restBytes = CURRENT_SLOT_BYTES - COPIES_BYTES;
  const isRestSound = expected !== undefined && isEqual(bytes, expected, COPIES_BYTES, restBytes);
  const isSound = isRestSound && copies.every((state) => state === 'sound');
  const isEmpty = bytes.every((byte) => byte === 0);
  return {
    part: 'slot',
    slot,
    state: found !== undefined ? (isSound ? 'sound' : 'corrected') : isEmpty ? 'empty' : 'damaged',
    copies,
    section: isRestSound ? 'sound' : 'damaged',
    counts: false,
    facts: found === undefined ? undefined : factsOf(found.slot),
    tag: found === undefined ? 'none' : tagState(found, path, pipeline),
  };
}

function isEqual(a: Uint8Array, b: Uint8Array, off: number, length: number): boolean {
  return a.subarray(off, off + length).every((byte, i) => byte === b[off + i]);
}

function tagState(found: FoundSlot, path: string, pipeline: Pipeline): SlotPart['tag'] {
  if (found.slot.suiteId === SUITE_NONE) return 'none';
  try {
    authenticateCurrent(found, pipeline, path);
    return 'authentic';
  } catch (error) {
    if (!isVarveError(error)) throw error;
    return error.code === 'CORRUPTION' ? 'not authentic' : 'sealed';
  }
}

function factsOf(slot: CurrentSlot): SlotPart['facts'] {
  return {
    generation: slot.generation,
    manifestNumber: slot.manifestNumber,
    manifestBytes: slot.manifestBytes,
    isClean: slot.isClean,
    databaseId: hexOf(slot.databaseId),
    suite: suiteName(slot.suiteId),
    epoch: slot.epoch,
  };
}
