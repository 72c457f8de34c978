/**
 * `npm run golden`: makes the databases of test/golden/ anew.
 * @module
 */
import assert from 'node:assert/strict';
import { filesOf } from './format-fixture.ts';
import { saveContent, saveGolden } from './golden-files.ts';
import { type GoldenContent, make, RECIPES } from './golden-recipes.ts';

let common: GoldenContent | undefined;
for (const recipe of RECIPES) {
  const { fs, content } = await make(recipe);
  common ??= content;
  assert.deepEqual(content, common, 'all databases hold the same');
  saveGolden(recipe.name, fs);
  saveContent(content);
  const { names, read } = filesOf(fs);
  const bytes = names.reduce((sum, name) => sum + read(name).length, 0);
  console.log(`${recipe.name}: ${names.length} files, ${bytes} bytes`);
}
