/**
 * Reads a database directory from its raw bytes, following docs/FORMAT.md and nothing else: it
 * shares no code with the engine. Slow, and strict where the page makes a promise.
 * @module
 */
import assert from 'node:assert/strict';
import { ascii, compare } from './raw-bytes.ts';
import { readCurrent } from './raw-current.ts';
import { RawFile, type RawSecrets } from './raw-file.ts';
import { firstLogNumber, type RawState, readManifest } from './raw-manifest.ts';
import { type RawEntry, readTable } from './raw-table.ts';
import { firstBatchAt, type RawLog, readLogs, readNamedLogs } from './raw-wal.ts';

/** The files of a database directory. */
export interface RawDirectory {
  readonly names: readonly string[];
  read(name: string): Uint8Array;
}

/** What a database holds. */
export interface RawContent {
  /** Live entries by family name, in order. */
  readonly entries: Map<string, [key: Uint8Array, value: Uint8Array][]>;
  readonly wasClosedCleanly: boolean;
  readonly tableCount: number;
  readonly deepestLevel: number;
  /** Operations of the WAL that count. */
  readonly operationCount: number;
  /** Headers, frames, blocks and sections that the files' codes put right. */
  readonly corrected: number;
  /** What the files of the database were made with: `codec 1`, `suite 2`, `scheme 3`, `epoch 1`. */
  readonly stages: ReadonlySet<string>;
  /** The files that were read, CURRENT excepted. */
  readonly files: readonly RawFile[];
}

/**
 * Reads everything.
 * @param keys by epoch, for a database that is encrypted
 */
export function readDatabase(
  directory: RawDirectory,
  keys: ReadonlyMap<number, Uint8Array> = new Map(),
): RawContent {
  const slot = readCurrent(directory.read('CURRENT'), keys);
  const secrets = { databaseId: slot.databaseId, keys };
  const { manifestNumber } = slot;
  const manifestBytes = directory.read(`MANIFEST-${digits(manifestNumber)}`);
  const manifest = RawFile.open(manifestBytes, 'M', manifestNumber, secrets);
  assert.ok(manifest !== undefined, 'the manifest has a header');
  const state = readManifest(manifest, slot, secrets);
  const files = [manifest];
  const found = new Map([...state.families.keys()].map((id) => [id, new Map<string, RawEntry>()]));
  for (const table of state.tables.values()) {
    const { fileNumber, sizeBytes } = table;
    const bytes = directory.read(`${digits(fileNumber)}.sst`);
    const file = RawFile.open(bytes, 'T', fileNumber, secrets, sizeBytes);
    assert.ok(file !== undefined, 'a table has a header');
    files.push(file);
    const entries = readTable(file, table);
    checkOrder(entries);
    for (const entry of entries) keepNewest(found.get(table.familyId)!, entry);
  }
  checkLevels(state);
  let operationCount = 0;
  const logs = logsOf(directory, state, secrets);
  const first = firstLogNumber(state);
  const isNamed = first === 0 || state.logNames.has(first);
  const operations = isNamed ? readNamedLogs(logs, new Map(state.logNames)) : readLogs(logs);
  for (const operation of operations) {
    assert.ok(operation.familyId < state.nextFamilyId);
    const family = state.families.get(operation.familyId);
    if (family === undefined || operation.logNumber < family.logNumber) continue;
    keepNewest(found.get(operation.familyId)!, operation);
    operationCount++;
  }
  const entries = new Map<string, [Uint8Array, Uint8Array][]>();
  for (const [id, { name }] of state.families) entries.set(name, liveEntries(found.get(id)!));
  for (const { file } of logs) if (file !== undefined) files.push(file);
  return {
    entries,
    wasClosedCleanly: slot.isClean,
    tableCount: state.tables.size,
    deepestLevel: Math.max(0, ...[...state.tables.values()].map(({ level }) => level)),
    operationCount,
    corrected: files.reduce((sum, { corrected }) => sum + corrected, Number(slot.isDamaged)),
    stages: new Set(files.flatMap(stagesOf)),
    files,
  };
}

function stagesOf({ header, codecs }: RawFile): string[] {
  const { suite, epoch, code, stripe } = header.protection;
  const names = [`suite ${suite}`, `epoch ${epoch}`, `scheme ${code.scheme}`];
  if (stripe !== undefined) names.push(`stripe ${stripe.k} ${stripe.m}`);
  return [...names, ...[...codecs].map((codec) => `codec ${codec}`)];
}

function logsOf(directory: RawDirectory, state: RawState, secrets: RawSecrets): RawLog[] {
  const first = firstLogNumber(state);
  const numbers = new Set(state.walEnds.keys());
  for (const name of directory.names) {
    const number = Number(/^(\d{6,})\.wal$/.exec(name)?.[1]);
    if (number >= first) numbers.add(number);
  }
  assert.ok(first === 0 || numbers.has(first), 'the first log is there');
  return [...numbers]
    .sort((a, b) => a - b)
    .map((logNumber) => {
      const bytes = directory.read(`${digits(logNumber)}.wal`);
      const endBytes = state.walEnds.get(logNumber);
      const found = RawFile.open(bytes.subarray(0, endBytes), 'W', logNumber, secrets);
      if (found === undefined) {
        assert.ok(bytes.length <= 128 || bytes.every((byte) => byte === 0));
      } else {
        assert.equal(logNumber >= state.sealedFrom, found.header.protection.suite !== 0);
      }
      const start = found === undefined ? undefined : firstBatchAt(found);
      if (start !== undefined) return { logNumber, file: found, start, endBytes };
      assert.ok(endBytes === undefined && logNumber !== first);
      return { logNumber, file: undefined, start: 0, endBytes };
    });
}

function digits(number: number): string {
  return String(number).padStart(6, '0');
}

/** Of each key the entry with the highest seqno decides. */
function keepNewest(found: Map<string, RawEntry>, entry: RawEntry): void {
  const key = ascii(entry.key);
  const other = found.get(key);
  assert.notEqual(other?.seqno, entry.seqno, 'no two entries share key and seqno');
  if (other === undefined || other.seqno < entry.seqno) found.set(key, entry);
}

function liveEntries(found: ReadonlyMap<string, RawEntry>): [Uint8Array, Uint8Array][] {
  return [...found.values()]
    .filter(({ kind }) => kind === 1)
    .sort((a, b) => compare(a.key, b.key))
    .map(({ key, value }) => [key, value]);
}

/** User keys ascend, versions of one key descend by seqno. */
function checkOrder(entries: readonly RawEntry[]): void {
  for (let i = 1; i < entries.length; i++) {
    const [before, entry] = [entries[i - 1]!, entries[i]!];
    const order = compare(before.key, entry.key);
    assert.ok(order < 0 || (order === 0 && before.seqno > entry.seqno), 'order of entries');
  }
}

/** From level 1 on the key ranges of a family's level are disjoint. */
function checkLevels(state: RawState): void {
  for (const a of state.tables.values()) {
    for (const b of state.tables.values()) {
      if (a === b || a.level === 0 || a.level !== b.level || a.familyId !== b.familyId) continue;
      const isApart =
        compare(a.largestKey, b.smallestKey) < 0 || compare(b.largestKey, a.smallestKey) < 0;
      assert.ok(isApart, 'tables of a level overlap');
    }
  }
}
