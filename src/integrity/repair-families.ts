/**
 * The column families of a repaired database: ids, names and the logs that they need.
 * @module
 */
import { DEFAULT_FAMILY_ID, DEFAULT_FAMILY_NAME } from '../manifest/family-version.ts';
import type { FoundLogs } from './repair-logs.ts';
import type { Survey } from './repair-survey.ts';

/** A family; its tables are elsewhere. */
export interface PlannedFamily {
  readonly id: number;
  readonly name: string;
  readonly isNameKnown: boolean;
  readonly logNumber: number;
}

/**
 * The families that manifests name, and those that live tables and logs name beside them.
 * @param tableFamilies ids of the families of all live tables
 * @param names what the caller knows of ids whose name is lost
 */
export function planFamilies(
  { known, tables, files }: Survey,
  logs: FoundLogs,
  tableFamilies: Iterable<number>,
  names: ReadonlyMap<number, string>,
): PlannedFamily[] {
  const logged = [...logs.familyIds].filter((id) => !known.isDropped(id));
  const ids = new Set([DEFAULT_FAMILY_ID, ...known.families.keys(), ...tableFamilies, ...logged]);
  const told = new Map<number, string>();
  for (const { properties } of tables.values()) {
    if (properties.origin !== undefined) {
      told.set(properties.origin.familyId, properties.origin.familyName);
    }
  }
  const used = new Set<string>();
  // Of two with one name the later one has it: the other was dropped, or its name was a guess.
  const families = [...ids]
    .sort((a, b) => b - a)
    .map((id): PlannedFamily => {
      const own = known.families.get(id)?.name ?? told.get(id) ?? names.get(id) ?? defaultName(id);
      const isNameKnown = own !== undefined && !used.has(own);
      const name = isNameKnown ? own : freeName(id, used);
      used.add(name);
      const logNumber = neededLog(known.families.get(id)?.logNumber, logs, files.nextFileNumber);
      return { id, name, isNameKnown, logNumber };
    });
  return families.reverse();
}

function defaultName(id: number): string | undefined {
  return id === DEFAULT_FAMILY_ID ? DEFAULT_FAMILY_NAME : undefined;
}

function freeName(id: number, used: ReadonlySet<string>): string {
  let name = `recovered-${id}`;
  while (used.has(name)) name += '-2';
  return name;
}

/** The first log that is there from the one on that a manifest says the family needs. */
function neededLog(known: number | undefined, logs: FoundLogs, nextFileNumber: number): number {
  if (logs.firstLogNumber === 0) return 0;
  const needed = logs.identities.find(({ fileNumber }) => fileNumber >= (known ?? 0));
  // None: a number that no log has.
  return needed?.fileNumber ?? nextFileNumber - 1;
}
