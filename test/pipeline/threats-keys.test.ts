import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import { inspect } from 'node:util';
import type { EncryptionOptions, KeyProvider } from '../../src/crypto/key-options.ts';
import { type ErrorCode, isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { filesOf, judge, makeSample, type Sample } from './sample.ts';
import {
  CRYPTO,
  type CryptoName,
  directoryOf,
  encryptionOf,
  keyOf,
  openIn,
  SUITES,
  withEncryption,
} from './world.ts';

/** Tables and logs under epoch 1, then some under epoch 2, then the death of the process. */
async function makeTwoEpochs(): Promise<Sample> {
  const sample = await makeSample({ encryption: encryptionOf('aes-256-gcm', 1) }, true);
  const options = withEncryption(sample.options, encryptionOf('aes-256-gcm', 2));
  const db = await openIn(sample.fs, options, { seed: 5 });
  const contents = new Map(sample.contents);
  for (const key of ['new-1', 'new-2']) {
    db.put(key, 'under epoch 2');
    contents.set(`default/${key}`, 'under epoch 2');
    if (key === 'new-1') await db.flush();
  }
  return { fs: sample.fs.clone(), options, contents };
}

/** Opens with other keys: an error of the code, and not a byte of the directory is changed. */
async function expectRefused(
  { fs, options }: Sample,
  encryption: EncryptionOptions | false,
  wanted: ErrorCode,
): Promise<void> {
  for (const readOnly of [false, true]) {
    const disk = fs.clone();
    const open = () => openIn(disk, { ...withEncryption(options, encryption), readOnly });
    await assert.rejects(open, (error) => isVarveError(error, wanted));
    assert.deepEqual(directoryOf(disk), directoryOf(fs), 'nothing was written');
    const lock = await disk.lock('db/LOCK');
    await lock.release();
  }
}

suite('the keys of a database', () => {
  let sample: Sample;
  before(async () => {
    sample = await makeTwoEpochs();
  });
  const both = (keys: EncryptionOptions['keys']): EncryptionOptions => ({
    suite: 'aes-256-gcm',
    epoch: 2,
    keys,
  });

  test('open it, with whatever suite is now the current one', async () => {
    for (const suiteName of SUITES) {
      const options = withEncryption(sample.options, encryptionOf(suiteName, 3));
      const outcome = await judge(sample.fs.clone(), options, sample.contents);
      assert.deepEqual(outcome, { kind: 'unnoticed', errors: [] });
    }
  });

  test('are needed: without any, KEY before anything is written', async () => {
    await expectRefused(sample, false, 'KEY');
  });

  test('have to be right: a wrong one is KEY before anything is written', async () => {
    await expectRefused(sample, both({ 1: keyOf(1), 2: keyOf(2, 1) }), 'KEY');
    await expectRefused(sample, both({ 1: keyOf(1, 1), 2: keyOf(2) }), 'KEY');
    await expectRefused(sample, both({ 1: keyOf(2), 2: keyOf(1) }), 'KEY');
    await expectRefused(sample, both({ 1: keyOf(1), 2: keyOf(1) }), 'KEY');
  });

  test('are all needed that some file is under: a missing one is KEY', async () => {
    await expectRefused(sample, both({ 2: keyOf(2) }), 'KEY');
    await expectRefused(sample, encryptionOf('aes-256-gcm', 1), 'KEY');
    const third = { suite: 'aes-256-gcm', epoch: 3 } as const;
    await expectRefused(sample, { ...third, keys: { 2: keyOf(2), 3: keyOf(3) } }, 'KEY');
    await expectRefused(sample, { ...third, keys: { 1: keyOf(1), 3: keyOf(3) } }, 'KEY');
  });

  test('need an epoch of their own: a new key under an old epoch is KEY', async () => {
    const keys = { 1: keyOf(1, 9), 2: keyOf(2) };
    await expectRefused(sample, { suite: 'aes-256-gcm', epoch: 1, keys }, 'KEY');
  });

  test('may come from a provider, which is asked for what is needed', async () => {
    const asked: number[] = [];
    const keyFor = (epoch: number) => {
      asked.push(epoch);
      return epoch <= 2 ? keyOf(epoch) : undefined;
    };
    const options = withEncryption(sample.options, both({ keyFor }));
    const outcome = await judge(sample.fs.clone(), options, sample.contents);
    assert.deepEqual(outcome, { kind: 'unnoticed', errors: [] });
    assert.deepEqual([...new Set(asked)].sort(), [1, 2]);
  });

  test('of a provider that fails are KEY, with its error as the cause', async () => {
    const failure = new Error('the service is down');
    const providers: Record<string, KeyProvider> = {
      load: { load: () => Promise.reject(failure), keyFor: keyOf },
      first: {
        keyFor: () => {
          throw failure;
        },
      },
      old: {
        keyFor: (epoch) => {
          if (epoch === 1) throw failure;
          return keyOf(epoch);
        },
      },
    };
    for (const provider of Object.values(providers)) {
      await expectRefused(sample, both(provider), 'KEY');
      const attempt = openIn(sample.fs.clone(), withEncryption(sample.options, both(provider)));
      await assert.rejects(attempt, (error: Error) => error.cause === failure);
    }
    await expectRefused(sample, both({ keyFor: () => undefined }), 'KEY');
    const onlyNew = { keyFor: (epoch: number) => (epoch === 2 ? keyOf(2) : undefined) };
    await expectRefused(sample, both(onlyNew), 'KEY');
  });

  test('of a wrong size or type are a mistake of the caller; nothing is written', async () => {
    for (const wrong of [keyOf(2).subarray(1), new Uint8Array(33), new Uint8Array(0)]) {
      for (const keys of [{ 1: keyOf(1), 2: wrong }, { keyFor: () => wrong }]) {
        const disk = sample.fs.clone();
        const open = () => openIn(disk, withEncryption(sample.options, both(keys)));
        await assert.rejects(open, RangeError);
        assert.deepEqual(directoryOf(disk), directoryOf(sample.fs));
      }
    }
    const text = { keyFor: () => 'x'.repeat(32) as unknown as Uint8Array };
    await assert.rejects(openIn(sample.fs.clone(), { encryption: both(text) }), TypeError);
  });

  test('of an epoch that nothing is under are not looked at', async () => {
    const fresh = await makeSample({ encryption: encryptionOf('aes-256-gcm', 1) }, true);
    const keys = { 1: keyOf(1), 2: keyOf(2, 5) };
    const options = withEncryption(fresh.options, { suite: 'aes-256-gcm', epoch: 1, keys });
    const outcome = await judge(fresh.fs, options, fresh.contents);
    assert.equal(outcome.kind, 'unnoticed');
  });

  test('and the directory stay as they are when a clear database is refused', async () => {
    const clear = await makeSample({}, false);
    await expectRefused(clear, encryptionOf('aes-256-gcm'), 'KEY');
    const lax = encryptionOf('aes-256-gcm', 1, { encryptExisting: true });
    const options = withEncryption(clear.options, lax);
    assert.equal((await judge(clear.fs, options, clear.contents)).kind, 'unnoticed');
    // Once it is encrypted, leave is not needed any more.
    const strict = withEncryption(clear.options, encryptionOf('aes-256-gcm'));
    assert.equal((await judge(clear.fs, strict, clear.contents)).kind, 'unnoticed');
  });
});

/** Every way in which a key could be written out. */
function spellings(key: Uint8Array): string[] {
  const bytes = Buffer.from(key);
  return [
    bytes.toString('hex', 4, 12),
    bytes.toString('latin1', 4, 12),
    bytes.toString('base64').slice(4, 14),
    [...key.subarray(4, 10)].join(','),
    [...key.subarray(4, 10)].join(', '),
    [...key.subarray(4, 10)].map((byte) => byte.toString(16)).join(' '),
  ];
}

function expectSilence(what: string, said: string): void {
  const plain = said.replaceAll(/\s+/g, ' ');
  for (const key of [keyOf(1), keyOf(2), keyOf(2, 1)]) {
    for (const spelling of spellings(key)) {
      assert.ok(!said.includes(spelling) && !plain.includes(spelling), `${what} shows a key`);
    }
  }
}

/** All that can be got out of a thing by printing it. */
function printed(thing: unknown): string {
  const options = { depth: 20, showHidden: true, getters: true, maxArrayLength: null } as const;
  return inspect(thing, { ...options, maxStringLength: null }) + toJson(thing);
}

function toJson(thing: unknown): string {
  const seen = new Set<unknown>();
  const replace = (_: string, value: unknown) => {
    if (typeof value === 'bigint') return String(value);
    if (typeof value !== 'object' || value === null) return value;
    if (seen.has(value)) return undefined;
    seen.add(value);
    return value;
  };
  return JSON.stringify(thing, replace) ?? '';
}

suite('no key is shown', () => {
  test('by this test’s own means when it is in what is printed', () => {
    const holder = { key: keyOf(1) };
    assert.throws(() => expectSilence('a holder', printed(holder)));
    assert.throws(() => expectSilence('an error', printed(new Error(`key ${[...keyOf(1)]}`))));
  });

  for (const crypto of Object.keys(CRYPTO) as CryptoName[]) {
    test(`by a database on ${crypto}, its parts and its reports`, async () => {
      for (const suiteName of SUITES) {
        const fs = new MemoryFs();
        const db = await openIn(fs, { encryption: encryptionOf(suiteName, 2) }, { crypto });
        db.put('k', 'v');
        await db.flush();
        db.put('k', 'w');
        const snapshot = db.snapshot();
        const cursor = db.cursor();
        const parts = { db, snapshot, cursor, stats: db.stats(), report: await db.verify() };
        for (const [name, part] of Object.entries(parts)) expectSilence(name, printed(part));
        await db.close();
        expectSilence('closed', printed(db));
      }
    });
  }

  test('by any error', async () => {
    const sample = await makeTwoEpochs();
    const suiteName = 'aes-256-gcm' as const;
    const wrong: unknown[] = [
      { suite: suiteName, epoch: 2, keys: { 1: keyOf(1), 2: keyOf(2, 1) } },
      { suite: suiteName, epoch: 2, keys: { 1: keyOf(2), 2: keyOf(1) } },
      { suite: suiteName, epoch: 2, keys: { 2: keyOf(2) } },
      { suite: suiteName, epoch: 2, keys: { 1: keyOf(1).subarray(1), 2: keyOf(2) } },
      { suite: suiteName, epoch: 2, keys: [keyOf(1), keyOf(2)] },
      { suite: suiteName, epoch: 2, keys: { one: keyOf(1) } },
      { suite: suiteName, epoch: 2, keys: { [Buffer.from(keyOf(1)).toString('hex')]: keyOf(2) } },
      { suite: suiteName, epoch: 2, keys: Buffer.from(keyOf(1)).toString('hex') },
      { suite: suiteName, epoch: 2, keys: keyOf(2) },
      { suite: suiteName, epoch: keyOf(1), keys: { 1: keyOf(1) } },
      { suite: Buffer.from(keyOf(1)).toString('hex'), epoch: 2, keys: { 2: keyOf(2) } },
      { suite: suiteName, epoch: 2, keys: { keyFor: () => keyOf(1).subarray(1) } },
      { suite: suiteName, epoch: 2, keys: { keyFor: () => [...keyOf(1)] } },
      { suite: suiteName, epoch: 2, keys: { keyFor: (epoch: number) => keyOf(3 - epoch) } },
      Buffer.from(keyOf(1)).toString('hex'),
      keyOf(1),
    ];
    for (const encryption of wrong) {
      const options = withEncryption(sample.options, encryption as EncryptionOptions);
      const error: unknown = await openIn(sample.fs.clone(), options).then(
        () => assert.fail('it opened'),
        (thrown: unknown) => thrown,
      );
      expectSilence('an error', `${printed(error)}${(error as Error).stack}`);
    }
  });

  test('by the error of a file that is not authentic', async () => {
    const { fs, options, contents } = await makeTwoEpochs();
    const table = fs.fileAt(`db/${filesOf(fs, 'sst')[0]}`)!;
    table.write(new Uint8Array(200), 0, 200, 300);
    const { errors } = await judge(fs, options, contents);
    assert.ok(errors.length > 0);
    expectSilence('an error', printed(errors));
  });
});
