/**
 * The end of background work.
 * @module
 */
import type { Db } from '../../src/index.ts';

const LOOK_MS = 100;
/** So many looks in a row find nothing new where nothing is owed, and where something is. */
const CALM_LOOKS = 5;
const OWING_LOOKS = 30;

/** Resolves when everything is flushed and compactions have come to rest. */
export async function settled(db: Db): Promise<void> {
  let before = '';
  for (let calm = 0, needed = 1; calm < needed; ) {
    // Where jobs run in the caller's time, this gives them some.
    await db.flush();
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const { columnFamilies } = db.stats();
    const isOwing = columnFamilies.some((family) => family.compactionDebtBytes > 0);
    needed = isOwing ? OWING_LOOKS : CALM_LOOKS;
    const now = JSON.stringify(columnFamilies.map(({ levels }) => levels));
    calm = now === before ? calm + 1 : 0;
    before = now;
  }
}
