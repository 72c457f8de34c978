/**
 * The error class that users program against.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { assert as assertInvariant, corruption, isVarveError, VarveError } from '../src/errors.ts';

suite('VarveError', () => {
  test('carries code, file, offset and cause', () => {
    const cause = new Error('lower');
    const error = new VarveError('IO', 'it failed', { file: 'a/b', offset: 7, cause });
    assert.ok(error instanceof Error);
    assert.equal(error.name, 'VarveError');
    assert.equal(error.message, 'it failed');
    assert.equal(error.code, 'IO');
    assert.equal(error.file, 'a/b');
    assert.equal(error.offset, 7);
    assert.equal(error.cause, cause);
  });

  test('has no cause where none was given', () => {
    const error = new VarveError('CLOSED', 'closed');
    assert.equal('cause' in error, false);
    assert.equal(error.file, undefined);
    assert.equal(error.offset, undefined);
  });

  test('of corruption names file and offset in fields and message', () => {
    const error = corruption('block is cut short', 'db/000001.sst', 4096);
    assert.equal(error.code, 'CORRUPTION');
    assert.equal(error.file, 'db/000001.sst');
    assert.equal(error.offset, 4096);
    assert.match(error.message, /block is cut short.*000001\.sst.*4096/);
  });

  test('is told from other errors, and by its code', () => {
    const error: unknown = new VarveError('BUSY', 'busy');
    assert.ok(isVarveError(error));
    assert.ok(isVarveError(error, 'BUSY'));
    assert.equal(isVarveError(error, 'IO'), false);
    assert.equal(isVarveError(new Error('busy')), false);
    assert.equal(isVarveError({ code: 'BUSY' }, 'BUSY'), false);
    assert.equal(isVarveError(undefined), false);
  });
});

test('a broken invariant is an error of the engine, not of the disk', () => {
  assertInvariant(true, 'holds');
  assert.throws(
    () => assertInvariant(false, 'one plus one is two'),
    (error) => error instanceof Error && !isVarveError(error) && /one plus one/.test(error.message),
  );
});
