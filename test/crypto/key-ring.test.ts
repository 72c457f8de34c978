/**
 * The key ring: options, providers, missing and wrong keys, and that no key ever shows.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { inspect } from 'node:util';
import { serialize } from 'node:v8';
import type { FileIdentity } from '../../src/crypto/derive.ts';
import type { EncryptionOptions, KeyProvider } from '../../src/crypto/key-options.ts';
import { KeyRing } from '../../src/crypto/key-ring.ts';
import { nobleCrypto } from '../../src/crypto/noble.ts';
import { type CryptoPrimitives, TAG_BYTES } from '../../src/crypto/port.ts';
import { isVarveError } from '../../src/errors.ts';

/** Bytes that are easily found, in any of the usual notations. */
const KEY_1 = new TextEncoder().encode('KEY-ONE-key-one-KEY-ONE-key-one!');
const KEY_2 = new TextEncoder().encode('KEY-TWO-key-two-KEY-TWO-key-two!');
const DATABASE_ID = new Uint8Array(16).fill(0xdb);
const IDENTITY: FileIdentity = {
  databaseId: DATABASE_ID,
  fileClass: 0x54,
  fileNumber: 12,
  salt: new Uint8Array(16).fill(0x5a),
  binding: new Uint8Array(0),
};
const CONTEXT = {
  position: 128,
  generation: 0,
  blockType: 1,
  codec: 0,
  dictionaryId: 0,
  contentLen: 4,
};

function options(change: object = {}): EncryptionOptions {
  const keys = { 1: KEY_1, 2: KEY_2 };
  return { suite: 'chacha20-poly1305', epoch: 2, keys, ...change } as EncryptionOptions;
}

function openRing(change: object = {}): Promise<KeyRing> {
  return KeyRing.open(nobleCrypto, options(change));
}

/** Seals four bytes with one ring and tells whether the other one reads them. */
function canRead(writer: KeyRing, reader: KeyRing, epoch: number): boolean {
  const payload = new Uint8Array(4 + TAG_BYTES);
  const content = Uint8Array.of(1, 2, 3, 4);
  writer.fileCipher(2, epoch, IDENTITY, 'f').seal(CONTEXT, content, 0, 4, payload, 0);
  const out = new Uint8Array(4);
  const cipher = reader.fileCipher(2, epoch, IDENTITY, 'f');
  return cipher.open(CONTEXT, payload, 0, payload.length, out, 0);
}

/** Fails when `text` contains a part of a key, as text, hex, base64 or numbers. */
function assertNoKey(text: string): void {
  const shown = text.toLowerCase().replace(/\s+/g, ' ');
  for (const key of [KEY_1, KEY_2]) {
    const part = Buffer.from(key.subarray(0, 6));
    const notations = [
      part.toString('latin1'),
      part.toString('hex'),
      part.toString('base64'),
      part.join(','),
      part.join(', '),
      [...part].map((byte) => byte.toString(16)).join(' '),
    ];
    for (const notation of notations) {
      assert.ok(!shown.includes(notation.toLowerCase()), `key shows in ${text}`);
    }
  }
}

async function failure(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof Error);
    return error;
  }
  assert.fail('nothing was thrown');
}

/** Everything that an error would show to a log. */
function told(error: Error): string {
  const printed = inspect(error, { depth: 9, showHidden: true });
  return `${printed} ${error.stack} ${JSON.stringify(error)}`;
}

suite('key ring options', () => {
  const wrong: [string, object, typeof TypeError | typeof RangeError][] = [
    ['a suite that is not known', { suite: 'rot13' }, RangeError],
    ['no suite', { suite: undefined }, RangeError],
    ['no epoch', { epoch: undefined }, TypeError],
    ['epoch 0', { epoch: 0 }, RangeError],
    ['epoch 65536', { epoch: 65_536 }, RangeError],
    ['epoch 1.5', { epoch: 1.5 }, RangeError],
    ['an epoch that is a string', { epoch: '1' }, TypeError],
    ['no keys', { keys: undefined }, TypeError],
    ['keys that are one key as a string', { keys: 'KEY-ONE-key-one' }, TypeError],
    ['keys that are one key', { keys: KEY_1 }, TypeError],
    ['a key of 31 bytes', { keys: { 2: KEY_2.subarray(1) } }, RangeError],
    ['a key of 33 bytes', { keys: { 2: new Uint8Array(33) } }, RangeError],
    ['an empty key', { keys: { 2: new Uint8Array(0) } }, RangeError],
    ['a key that is a string', { keys: { 2: 'KEY-TWO-key-two-KEY-TWO-key-two!' } }, TypeError],
    ['a key that is an array', { keys: { 2: [...KEY_2] } }, TypeError],
    ['a wrong key of another epoch', { keys: { 1: KEY_1.subarray(2), 2: KEY_2 } }, RangeError],
    ['a key under epoch 0', { keys: { 0: KEY_1, 2: KEY_2 } }, TypeError],
    ['a key under epoch 65536', { keys: { 65536: KEY_1, 2: KEY_2 } }, RangeError],
    ['a key in the place of an epoch', { keys: { 'KEY-ONE-key-one': 2 } }, TypeError],
    ['an unknown name', { key: KEY_1 }, TypeError],
  ];
  for (const [what, change, kind] of wrong) {
    test(`refuse ${what} and do not show keys`, async () => {
      const error = await failure(openRing(change));
      assert.ok(error instanceof kind, String(error));
      assertNoKey(told(error));
    });
  }

  test('refuse what is no object', async () => {
    for (const value of [true, 'aes-256-gcm', null, 7]) {
      const error = await failure(KeyRing.open(nobleCrypto, value as never));
      assert.ok(error instanceof TypeError);
    }
  });

  test('accept the first and the last epoch', async () => {
    for (const epoch of [1, 65_535]) {
      const ring = await openRing({ epoch, keys: { [epoch]: KEY_1 } });
      assert.equal(ring.epoch, epoch);
    }
  });

  test('need a key of the current epoch', async () => {
    const error = await failure(openRing({ epoch: 3 }));
    assert.ok(isVarveError(error, 'KEY'));
    assert.match(error.message, /epoch 3/);
    assertNoKey(told(error));
  });
});

suite('key ring', () => {
  test('keeps copies of the keys and leaves those of the user alone', async () => {
    const own = Uint8Array.from(KEY_2);
    const ring = await openRing({ keys: { 2: own } });
    own.fill(0);
    assert.ok(canRead(await openRing(), ring, 2));
    const kept = Uint8Array.from(KEY_2);
    (await openRing({ keys: { 2: kept } })).destroy();
    assert.deepEqual(kept, KEY_2);
  });

  test('reads old epochs, each with its own key', async () => {
    const ring = await openRing();
    const before = await openRing({ epoch: 1, keys: { 1: KEY_1 } });
    assert.ok(canRead(before, ring, 1));
    const swapped = await openRing({ keys: { 1: KEY_2, 2: KEY_1 } });
    assert.equal(canRead(before, swapped, 1), false);
  });

  test('names file and epoch when a retired key is still needed', async () => {
    const ring = await openRing({ keys: { 2: KEY_2 } });
    assert.throws(
      () => ring.fileCipher(2, 1, IDENTITY, '/data/000012.sst'),
      (error: Error) => {
        assert.ok(isVarveError(error, 'KEY'));
        assert.equal(error.file, '/data/000012.sst');
        assert.match(error.message, /epoch 1\b.*000012\.sst/);
        assertNoKey(told(error));
        return true;
      },
    );
  });

  test('reports a suite that it does not know as unsupported', async () => {
    const ring = await openRing();
    assert.throws(
      () => ring.fileCipher(9, 2, IDENTITY, 'f'),
      (error: Error) => isVarveError(error, 'UNSUPPORTED'),
    );
  });

  test('knows its keys again by their checks', async () => {
    const ring = await openRing();
    const check = ring.keyCheck(2, DATABASE_ID, 'f');
    assert.equal(check.length, 16);
    (await openRing({ suite: 'aes-256-gcm' })).expectKey(2, DATABASE_ID, check, 'f');
    const wrong = await openRing({ keys: { 1: KEY_1, 2: KEY_1 } });
    const checks: [KeyRing, number, Uint8Array, Uint8Array][] = [
      [wrong, 2, DATABASE_ID, check],
      [ring, 1, DATABASE_ID, check],
      [ring, 7, DATABASE_ID, check],
      [ring, 2, new Uint8Array(16), check],
      [ring, 2, DATABASE_ID, check.subarray(1)],
      [ring, 2, DATABASE_ID, new Uint8Array(0)],
    ];
    for (const [other, epoch, databaseId, stored] of checks) {
      assert.throws(
        () => other.expectKey(epoch, databaseId, stored, '/data/CURRENT'),
        (error: Error) => {
          assertNoKey(told(error));
          return isVarveError(error, 'KEY') && error.file === '/data/CURRENT';
        },
      );
    }
  });

  test('is closed once it is destroyed; its ciphers go on', async () => {
    const ring = await openRing();
    const cipher = ring.fileCipher(2, 2, IDENTITY, 'f');
    ring.destroy();
    ring.destroy();
    assert.throws(
      () => ring.fileCipher(2, 2, IDENTITY, 'f'),
      (error: Error) => isVarveError(error, 'CLOSED'),
    );
    assert.throws(
      () => ring.keyCheck(2, DATABASE_ID, 'f'),
      (error: Error) => isVarveError(error, 'CLOSED'),
    );
    const out = new Uint8Array(4 + TAG_BYTES);
    assert.equal(cipher.seal(CONTEXT, new Uint8Array(4), 0, 4, out, 0), out.length);
  });

  test('overwrites its copies of the keys when it is destroyed', async () => {
    const used: Uint8Array[] = [];
    const primitives: CryptoPrimitives = {
      ...nobleCrypto,
      hkdfSha256: (key, ...rest) => {
        used.push(key);
        return nobleCrypto.hkdfSha256(key, ...rest);
      },
    };
    const ring = await KeyRing.open(primitives, options());
    ring.keyCheck(1, DATABASE_ID, 'f');
    ring.keyCheck(2, DATABASE_ID, 'f');
    assert.deepEqual(used, [KEY_1, KEY_2]);
    ring.destroy();
    assert.deepEqual(used, [new Uint8Array(32), new Uint8Array(32)]);
  });

  test('shows no key, nor does a cipher, when printed, copied or written as JSON', async () => {
    const ring = await openRing();
    const cipher = ring.fileCipher(2, 2, IDENTITY, 'f');
    const raw = nobleCrypto.suites[1]!.cipher(KEY_1);
    for (const each of [ring, cipher, raw, { nested: [ring] }]) {
      assertNoKey(inspect(each, { depth: 9, showHidden: true, showProxy: true }));
      assertNoKey(JSON.stringify(each));
      assertNoKey(`${each}`);
      assertNoKey(serialize(each).toString('latin1'));
      assertNoKey(inspect(structuredClone(each), { depth: 9 }));
      assertNoKey(inspect(Object.getOwnPropertyDescriptors(each), { depth: 9 }));
    }
  });

  test('shows a key to this test where there is one to see', () => {
    assert.throws(() => assertNoKey(inspect({ key: Buffer.from(KEY_1) })), /key shows/);
    assert.throws(() => assertNoKey(inspect(KEY_2)), /key shows/);
    assert.throws(() => assertNoKey(serialize(KEY_1).toString('latin1')), /key shows/);
  });
});

suite('key provider', () => {
  /** Has both keys, after `load` only, and notes what it is asked. */
  class Service implements KeyProvider {
    readonly asked: number[] = [];
    readonly keys = new Map<number, Uint8Array>();
    async load(): Promise<void> {
      await Promise.resolve();
      this.keys.set(1, Uint8Array.from(KEY_1)).set(2, Uint8Array.from(KEY_2));
    }
    keyFor(epoch: number): Uint8Array | undefined {
      this.asked.push(epoch);
      return this.keys.get(epoch);
    }
  }

  test('loads before it is asked, and is asked once for each epoch', async () => {
    const service = new Service();
    const ring = await openRing({ keys: service });
    assert.deepEqual(service.asked, [2]);
    const plain = await openRing();
    assert.ok(canRead(plain, ring, 2));
    assert.ok(canRead(plain, ring, 1));
    assert.ok(canRead(plain, ring, 1));
    assert.deepEqual(service.asked, [2, 1]);
    ring.destroy();
    assert.deepEqual(service.keys.get(2), KEY_2);
  });

  test('need not load', async () => {
    const ring = await openRing({ keys: { keyFor: () => KEY_2 } });
    assert.ok(canRead(await openRing(), ring, 2));
  });

  test('that has no key is a missing key', async () => {
    const error = await failure(openRing({ keys: { keyFor: () => undefined } }));
    assert.ok(isVarveError(error, 'KEY'));
    const ring = await openRing({
      keys: { keyFor: (epoch: number) => (epoch === 2 ? KEY_2 : undefined) },
    });
    assert.throws(
      () => ring.fileCipher(2, 1, IDENTITY, 'f'),
      (thrown: Error) => isVarveError(thrown, 'KEY'),
    );
  });

  test('that fails is reported with its error as the cause', async () => {
    const cause = new Error('the service is away');
    const refuse = (): never => {
      throw cause;
    };
    for (const keys of [
      { load: () => Promise.reject(cause), keyFor: () => KEY_2 },
      { load: refuse, keyFor: () => KEY_2 },
      { keyFor: refuse },
    ]) {
      const error = await failure(openRing({ keys }));
      assert.ok(isVarveError(error, 'KEY'));
      assert.equal(error.cause, cause);
    }
  });

  test('that gives something else than a key is refused without showing it', async () => {
    const given = [KEY_2.subarray(1), [...KEY_2], Promise.resolve(KEY_2), 'KEY-TWO-key-two', null];
    for (const value of given) {
      const error = await failure(openRing({ keys: { keyFor: () => value } }));
      assert.ok(error instanceof TypeError || error instanceof RangeError);
      assertNoKey(told(error));
    }
  });
});
