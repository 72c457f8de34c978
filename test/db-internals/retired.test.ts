import assert from 'node:assert/strict';
import test, { describe } from 'node:test';
import { Retired } from '../../src/db/retired.ts';

describe('what was replaced', () => {
  test('is free when it was let go of as often as it was held', () => {
    const retired = new Retired<string>();
    retired.hold('a');
    retired.hold('a');
    retired.add('a');
    assert.deepEqual(retired.takeFree(), []);
    retired.letGo('a');
    assert.deepEqual(retired.takeFree(), []);
    assert.deepEqual([...retired], ['a']);
    retired.letGo('a');
    assert.deepEqual(retired.takeFree(), ['a']);
    assert.deepEqual([...retired], []);
  });

  test('is free at once where nobody holds it, and only once', () => {
    const retired = new Retired<string>();
    retired.add('a');
    assert.deepEqual([...retired], ['a']);
    assert.deepEqual(retired.takeFree(), ['a']);
    assert.deepEqual(retired.takeFree(), []);
  });

  test('may be held between its replacement and the look for what is free', () => {
    const retired = new Retired<string>();
    retired.add('a');
    retired.hold('a');
    assert.deepEqual(retired.takeFree(), []);
    retired.letGo('a');
    assert.deepEqual(retired.takeFree(), ['a']);
  });

  test('was never replaced if it is only held', () => {
    const retired = new Retired<string>();
    retired.hold('a');
    retired.letGo('a');
    assert.deepEqual(retired.takeFree(), []);
  });
});
