/**
 * The databases of test/golden/: read by both readers, cut, and made again.
 * @slow
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isVarveError, type MemoryFs } from '../../src/index.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { testKeys } from '../block/pipelines.ts';
import { DIRECTORY, openSeeded } from '../prove/environment.ts';
import { filesOf, writeFile } from './format-fixture.ts';
import { GOLDEN, goldenContent, goldenNames, loadGolden, OLDER_GOLDEN } from './golden-files.ts';
import {
  contentOf,
  type GoldenContent,
  type GoldenRecipe,
  make,
  openingOptions,
  RECIPES,
} from './golden-recipes.ts';
import { readDatabase } from './independent-reader.ts';

const KEYS = new Map(Object.entries(testKeys(2)).map(([epoch, key]) => [Number(epoch), key]));
/** Lengths to which each file of each database is cut. */
const CUTS = 10;
/** Deleted by a record that is still in the log. */
const DELETED_LATE = 'order:000010';

test('the golden databases are those that their README lists', () => {
  const names = RECIPES.map(({ name }) => name);
  assert.deepEqual(goldenNames().sort(), [...names].sort());
  const readme = readFileSync(join(GOLDEN, '../README.md'), 'utf8');
  const listed = [...readme.matchAll(/^\| `([a-z0-9-]+)` \|/gm)].map(([, name]) => name);
  assert.deepEqual(listed, names);
});

for (const folder of OLDER_GOLDEN) {
  const path = join(GOLDEN, '..', folder);

  test(`the golden databases of ${folder} open, verify and hold what they held`, async () => {
    const names = goldenNames(path);
    const recipes = RECIPES.filter(({ name }) => names.includes(name));
    assert.equal(recipes.length, names.length);
    for (const recipe of recipes) {
      await opensAndVerifies(loadGolden(recipe.name, path), recipe);
      independentReaderReads(loadGolden(recipe.name, path), recipe);
    }
  });
}

for (const recipe of RECIPES) {
  const { name } = recipe;

  test(`the golden database ${name} opens, verifies and holds what it held`, () =>
    opensAndVerifies(loadGolden(name), recipe));

  test(`the independent reader reads the golden database ${name}`, () =>
    independentReaderReads(loadGolden(name), recipe));

  test(`a cut file of the golden database ${name} gives an error or less, never a hang`, () =>
    cutFiles(recipe));

  if (!recipe.isExact) continue;
  test(`the golden database ${name} is made again byte for byte`, async () => {
    const [stored, made] = [filesOf(loadGolden(name)), filesOf((await make(recipe)).fs)];
    assert.deepEqual([...made.names].sort(), [...stored.names].sort());
    for (const file of stored.names) {
      const isSame = Buffer.compare(made.read(file), stored.read(file)) === 0;
      assert.ok(isSame, `${file} differs: see test/golden/README.md if that is meant`);
    }
  });
}

async function opensAndVerifies(fs: MemoryFs, recipe: GoldenRecipe): Promise<void> {
  for (const options of [{ readOnly: true }, {}, {}]) {
    const db = await openSeeded(fs, 3, { ...openingOptions(recipe), ...options });
    const report = await db.verify();
    assert.deepEqual([report.corrected, report.uncorrectable], [[], []]);
    assert.ok(report.tableCount >= 3, `${report.tableCount} tables`);
    assert.deepEqual(contentOf(db), goldenContent());
    await db.close();
  }
}

function independentReaderReads(fs: MemoryFs, recipe: GoldenRecipe): void {
  const raw = readDatabase(filesOf(fs), KEYS);
  const content: GoldenContent = {};
  for (const [family, entries] of raw.entries) {
    const pairs = entries.map((pair) => pair.map((bytes) => Buffer.from(bytes).toString()));
    content[family] = Object.fromEntries(pairs);
  }
  assert.deepEqual(content, goldenContent());
  assert.equal(raw.corrected, 0);
  assert.ok(raw.operationCount > 0, 'the WAL holds something');
  assert.equal(raw.wasClosedCleanly, recipe.end === 'closed');
  for (const stage of recipe.stages) assert.ok(raw.stages.has(stage), `${stage} is in use`);
}

/** Cuts each file at several lengths and reads what is left. */
async function cutFiles(recipe: GoldenRecipe): Promise<void> {
  const random = new SeededRandom(11);
  const whole = loadGolden(recipe.name);
  const { names, read } = filesOf(whole);
  let refused = 0;
  for (const name of names) {
    const bytes = read(name);
    for (let i = 0; i < CUTS; i++) {
      const length = i === 0 ? 0 : i === 1 ? bytes.length - 1 : random.below(bytes.length);
      const fs = whole.clone();
      writeFile(fs, name, bytes.subarray(0, length));
      const found = await readIfPossible(fs, recipe);
      if (found === undefined) refused++;
      else if (recipe.end === 'killed' && name.endsWith('.wal')) isWhatWasThere(found);
      else assert.deepEqual(found, goldenContent(), `${name} cut to ${length}`);
    }
  }
  assert.ok(refused > names.length, `${refused} refused`);
}

/** What the engine finds; undefined when opening or reading fails as it should. */
async function readIfPossible(
  fs: MemoryFs,
  recipe: GoldenRecipe,
): Promise<GoldenContent | undefined> {
  try {
    const db = await openSeeded(fs, 4, { ...openingOptions(recipe), readOnly: true });
    const content = contentOf(db);
    await db.close();
    return content;
  } catch (error) {
    if (!isVarveError(error, 'CORRUPTION')) throw error;
    assert.ok(error.file?.startsWith(DIRECTORY), error.message);
    return undefined;
  }
}

/** Without the end of the log what its last records wrote may be missing, and nothing else. */
function isWhatWasThere(found: GoldenContent): void {
  const content = goldenContent();
  const late = ['', 'note:1', 'note:000045', 'order:000044', 'order:000045'];
  for (const [family, entries] of Object.entries(content)) {
    const { [DELETED_LATE]: restored, ...rest } = found[family]!;
    if (restored !== undefined) assert.match(restored, /"order":10,/);
    const missing = Object.keys(entries).filter((key) => !(key in rest));
    assert.ok(
      missing.every((key) => late.includes(key)),
      missing.join(),
    );
    for (const [key, value] of Object.entries(rest)) assert.equal(value, entries[key]);
  }
}
