import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contentAfter, makeHistory, namesIn, removeMatching, repairIn } from './repair-fixture.ts';

/** Histories that are repaired. */
const HISTORIES = Number(process.env['VARVE_TEST_HISTORIES'] ?? 24);

for (let seed = 1; seed <= HISTORIES; seed++) {
  test(`a database that lost its manifest holds what it held (${seed})`, async () => {
    const { fs, model, options } = await makeHistory(seed, 60 + (seed % 5) * 40);
    const whole = fs.clone();
    assert.deepEqual(await contentAfter(whole, options), model, 'the model is right');
    removeMatching(fs, /^(MANIFEST|CURRENT)/);
    const report = await repairIn(fs);
    assert.ok(report.isRepaired);
    assert.deepEqual(report.losses, []);
    assert.deepEqual(report.doubts, []);
    const found = await contentAfter(fs, options);
    for (const [name, entries] of model) {
      if (entries.size > 0 || found.has(name)) assert.deepEqual(found.get(name), entries, name);
    }
    assert.deepEqual(namesIn(fs).filter((name) => name.startsWith('MANIFEST')).length, 1);
  });
}
