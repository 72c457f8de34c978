/**
 * Healing in place: what was damaged holds its bytes again, and a power cut in the midst of it
 * costs nothing.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { VarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { Fs } from '../../src/fs/port.ts';
import { FileCheck } from '../../src/integrity/file-check.ts';
import type { ExpectedFile, Finding } from '../../src/integrity/finding.ts';
import { healByReplacing, healFile } from '../../src/integrity/heal.ts';
import { PatchyFile } from '../../src/integrity/patchy-file.ts';
import { CrashFs } from '../../src/testing/crash-fs.ts';
import { CRASH_VARIANTS } from '../../src/testing/crash-state.ts';
import { PowerCut } from '../../src/testing/power-cut.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { testKeys } from '../block/pipelines.ts';
import { contentOf, fileOf, makeSample } from '../prove/damage.ts';
import { DIRECTORY, openSeeded } from '../prove/environment.ts';
import { observed } from '../prove/observed-fs.ts';
import { closedFile, lookAt } from './check-fixture.ts';
import { lossyDisk, SECTOR_BYTES } from './lossy-disk.ts';

const ENOUGH = 1 << 24;
const PATH = 'file';

interface Damaged {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly damaged: Uint8Array;
  readonly expected: ExpectedFile;
}

/** Every file of a database with a code, each with damage that the code heals. */
async function damagedFiles(): Promise<Damaged[]> {
  const encryption = { suite: 'aes-256-gcm', epoch: 2, keys: testKeys(2) } as const;
  const ecc = { scheme: 'reed-solomon', data: 4, parity: 2 } as const;
  const { fs, files } = await makeSample({ encryption, ecc, compression: 'none' });
  const random = new SeededRandom(11);
  return files
    .filter((name) => !name.startsWith('LOCK'))
    .map((name) => {
      const bytes = contentOf(fileOf(fs, name));
      const damaged = bytes.slice();
      for (let at = 70; at < bytes.length; at += 800) damaged[at]! ^= 1 + random.below(255);
      // Copies of headers, and parity at the end.
      damaged.fill(0xee, 0, 40);
      damaged.fill(0xee, bytes.length - 20);
      return { name, bytes, damaged, expected: closedFile(name, bytes.length) };
    });
}

function diskWith(bytes: Uint8Array): MemoryFs {
  const fs = new MemoryFs();
  write(fs, bytes);
  return fs;
}

function write(fs: Fs, bytes: Uint8Array): void {
  const file = fs.open(PATH, 'create');
  file.write(bytes, 0, bytes.length, 0);
  file.close();
}

function contentAt(fs: MemoryFs): Uint8Array {
  return contentOf(fs.fileAt(PATH)!);
}

suite('a damaged file', async () => {
  const all = await damagedFiles();

  test('is healed in place, and is then what it was', () => {
    for (const { name, bytes, damaged, expected } of all) {
      const { findings } = lookAt(damaged, expected, ENOUGH);
      assert.ok(findings.length > 0 && findings.every(({ state }) => state === 'healable'), name);
      const fs = diskWith(damaged);
      const { healed, left, refusal } = healFile(fs, PATH, expected, findings);
      assert.equal(refusal, undefined);
      assert.deepEqual(left, []);
      assert.deepEqual(healed, findings);
      assert.deepEqual(contentAt(fs), bytes, name);
      assert.deepEqual(healFile(fs, PATH, expected, findings).healed, [], 'nothing is wrong now');
    }
  });

  test('is healed only where that is asked for', () => {
    for (const { bytes, damaged, expected } of all) {
      const { findings } = lookAt(damaged, expected, ENOUGH);
      for (const one of findings) {
        const fs = diskWith(damaged);
        assert.deepEqual(healFile(fs, PATH, expected, [one]).healed, [one]);
        const wanted = damaged.slice();
        for (const { offset, lengthBytes } of one.ranges) {
          wanted.set(bytes.subarray(offset, offset + lengthBytes), offset);
        }
        assert.deepEqual(contentAt(fs), wanted);
      }
    }
  });

  test('is never written outside of what is damaged', () => {
    for (const { bytes, damaged, expected } of all) {
      const { findings } = lookAt(damaged, expected, ENOUGH);
      const disk = diskWith(damaged);
      const before = contentAt(disk);
      const fs = watched(disk, (position, data) => {
        // Both ends of what is written are wrong, and it lies within one finding.
        const end = position + data.length;
        assert.notEqual(before[position], data[0]);
        assert.notEqual(before[end - 1], data.at(-1));
        assert.deepEqual(data, bytes.subarray(position, end));
      });
      healFile(fs, PATH, expected, findings);
    }
  });

  test('is no more damaged when the power is cut in the midst, and is healed then', () => {
    for (const { name, bytes, damaged, expected } of all) {
      const { findings } = lookAt(damaged, expected, ENOUGH);
      const total = heal(new CrashFs(diskWith(damaged)));
      assert.ok(total > 1);
      for (let cut = 1; cut <= total; cut++) {
        for (const variant of CRASH_VARIANTS) {
          const fs = new CrashFs(diskWith(damaged));
          fs.cutAfter(cut);
          assert.throws(() => heal(fs), PowerCut);
          const left = fs.crash(variant, new SeededRandom(cut));
          const rest = lookAt(contentAt(left), expected, ENOUGH);
          const what = `${name}, cut ${cut}, ${variant}: ${JSON.stringify(rest.findings)}`;
          assert.deepEqual(rest.healed, bytes, what);
          assert.ok(rest.findings.length <= findings.length, what);
        }
      }
      function heal(fs: CrashFs): number {
        healFile(fs, PATH, expected, findings);
        return fs.operations;
      }
    }
  });
});

test('what was healed is so after a loss of power', async () => {
  for (const { name, bytes, damaged, expected } of await damagedFiles()) {
    const { findings } = lookAt(damaged, expected, ENOUGH);
    for (const variant of CRASH_VARIANTS) {
      const fs = new CrashFs(diskWith(damaged));
      assert.ok(healFile(fs, PATH, expected, findings).healed.length > 0);
      const left = fs.crash(variant, new SeededRandom(1));
      assert.deepEqual(contentAt(left), bytes, `${name}, ${variant}`);
    }
  }
});

suite('a file that cannot be healed in place', async () => {
  const [, { damaged, expected }] = (await damagedFiles()) as [Damaged, Damaged];
  const { findings } = lookAt(damaged, expected, ENOUGH);

  test('has a second name, and is left alone', () => {
    const fs = diskWith(damaged);
    fs.link(PATH, 'copy');
    const { healed, left, refusal } = healFile(fs, PATH, expected, findings);
    assert.deepEqual([healed, left], [[], findings]);
    assert.match(refusal!, /second name/);
    assert.deepEqual(contentAt(fs), damaged);
  });

  test('refuses to be opened, written or synced', () => {
    for (const refusing of ['open', 'write', 'sync']) {
      const disk = diskWith(damaged);
      const fs = refusingFs(disk, refusing);
      const { healed, left, refusal } = healFile(fs, PATH, expected, findings);
      assert.deepEqual([healed, left], [[], findings]);
      assert.match(refusal!, /refused/);
    }
  });

  test('does not hold what is written to it', () => {
    const disk = diskWith(damaged);
    const fs = refusingFs(disk, 'forget');
    const { healed, left, refusal } = healFile(fs, PATH, expected, findings);
    assert.deepEqual(healed, []);
    assert.deepEqual(left, findings);
    assert.match(refusal!, /does not hold/);
  });

  test('is that of somebody else meanwhile: then nothing is written', () => {
    const fs = refusingFs(diskWith(damaged), 'detached');
    assert.throws(() => healFile(fs, PATH, expected, findings), { code: 'DETACHED' });
  });
});

suite('a file that is replaced', async () => {
  const all = await damagedFiles();
  const DIR = 'dir';
  const ONE = `${DIR}/${PATH}`;

  function linkedDisk(bytes: Uint8Array): MemoryFs {
    const fs = new MemoryFs();
    fs.createDirectory(DIR);
    const file = fs.open(ONE, 'create');
    file.write(bytes, 0, bytes.length, 0);
    fs.link(ONE, 'twin');
    return fs;
  }

  test('holds its bytes again, and its twin is as it was', () => {
    for (const { name, bytes, damaged, expected } of all) {
      const { findings } = lookAt(damaged, expected, ENOUGH);
      const fs = linkedDisk(damaged);
      assert.match(healFile(fs, ONE, expected, findings).refusal!, /second name/);
      const { healed, left, refusal } = healByReplacing(fs, DIR, PATH, expected, findings);
      assert.deepEqual([left, refusal], [[], undefined]);
      assert.equal(healed.length, findings.length);
      assert.deepEqual(contentOf(fs.fileAt(ONE)!), bytes, name);
      assert.deepEqual(contentOf(fs.fileAt('twin')!), damaged);
      assert.deepEqual(fs.list(DIR), [PATH]);
    }
  });

  test('is the old one or the new one after a loss of power', () => {
    for (const { name, bytes, damaged, expected } of all) {
      const { findings } = lookAt(damaged, expected, ENOUGH);
      const heal = (fs: CrashFs) => healByReplacing(fs, DIR, PATH, expected, findings);
      const counted = new CrashFs(linkedDisk(damaged));
      heal(counted);
      for (let cut = 1; cut <= counted.operations; cut++) {
        for (const variant of CRASH_VARIANTS) {
          const fs = new CrashFs(linkedDisk(damaged));
          fs.cutAfter(cut);
          assert.throws(() => heal(fs), PowerCut);
          const left = fs.crash(variant, new SeededRandom(cut));
          const held = contentOf(left.fileAt(ONE)!);
          const isOne = [bytes, damaged].some((one) => Buffer.compare(one, held) === 0);
          assert.ok(isOne, `${name}, cut ${cut}, ${variant}`);
          const { refusal } = healByReplacing(left, DIR, PATH, expected, findings);
          assert.equal(refusal, undefined);
          assert.deepEqual(contentOf(left.fileAt(ONE)!), bytes);
        }
      }
    }
  });

  test('stays where the replacement cannot be made, or is no better', () => {
    const [, { damaged, expected }] = all as [Damaged, Damaged];
    const { findings } = lookAt(damaged, expected, ENOUGH);
    for (const what of ['create', 'write', 'sync', 'rename', 'forget']) {
      const disk = linkedDisk(damaged);
      const fs = observed<Fs>(disk, {
        before: (operation, _, args) => {
          if (what === 'forget') return operation === 'write';
          const isMeant = what === 'create' ? args[1] === what : operation === what;
          if (isMeant) throw new VarveError('NOSPACE', 'refused');
          return false;
        },
      });
      const { healed, left, refusal } = healByReplacing(fs, DIR, PATH, expected, findings);
      assert.deepEqual([healed, left], [[], findings]);
      assert.ok(refusal !== undefined);
      assert.deepEqual(contentOf(disk.fileAt(ONE)!), damaged);
      assert.deepEqual(disk.list(DIR), [PATH]);
    }
  });
});

suite('a disk that has lost sectors', async () => {
  const encryption = { suite: 'aes-256-gcm', epoch: 2, keys: testKeys(2) } as const;
  const ecc = { scheme: 'reed-solomon', data: 4, parity: 2 } as const;
  // Blocks so large that a sector is no more than two shards.
  const fs = new MemoryFs();
  const db = await openSeeded(fs, 1, { encryption, ecc, blockSizeBytes: 65_536 });
  const value = new Uint8Array(10_000);
  for (let i = 0; i < 20; i++) {
    new SeededRandom(i).fill(value);
    db.put(`key ${i}`, value);
  }
  await db.compact();
  for (let i = 0; i < 3; i++) db.put('log', new Uint8Array(40_000).fill(i + 1));
  await db.close();
  const files = fs.list(DIRECTORY);

  test('gives them back, from what stands around them', () => {
    let count = 0;
    for (const name of files.filter((file) => /wal|sst|MANIFEST/.test(file))) {
      const bytes = contentOf(fileOf(fs, name));
      const expected = closedFile(name, bytes.length);
      for (let sector = 0; sector * SECTOR_BYTES < bytes.length; sector++) {
        const lost = new Set([sector]);
        const disk = lossyDisk(diskWith(bytes), PATH, bytes.length, lost);
        const findings: Finding[] = [];
        const file = disk.open(PATH, 'read');
        const check = new FileCheck(file, expected, (finding) => findings.push(finding));
        while (check.step(ENOUGH));
        const what = `${name}, sector ${sector}: ${JSON.stringify(findings)}`;
        assert.ok(findings.length > 0, what);
        // A small block, and the header, may be in it as a whole.
        if (findings.some(({ state }) => state === 'lost')) continue;
        count++;
        const { healed, left } = healFile(disk, PATH, expected, findings);
        assert.deepEqual(left, [], what);
        assert.equal(healed.length, findings.length);
        assert.equal(lost.size, 0);
        const now = new Uint8Array(bytes.length);
        file.read(now, 0, now.length, 0);
        assert.deepEqual(now, bytes, what);
      }
    }
    assert.ok(count > 60, `${count} sectors`);
  });

  test('has all of a lost sector written, whatever is taken for its bytes', () => {
    const empty = diskWith(new Uint8Array(SECTOR_BYTES));
    const disk = lossyDisk(empty, PATH, SECTOR_BYTES, new Set([0]));
    const file = new PatchyFile(disk.open(PATH, 'read'));
    const stored = new Uint8Array(SECTOR_BYTES);
    assert.equal(file.read(stored, 0, SECTOR_BYTES, 0), SECTOR_BYTES);
    const right = stored.slice();
    file.spoil(stored, right, 0);
    assert.ok(stored.every((byte, i) => byte !== right[i]));
  });

  test('is not replaced where something would be lost for good', () => {
    const name = files.find((file) => file.endsWith('.sst'))!;
    const bytes = contentOf(fileOf(fs, name));
    const expected = closedFile(name, bytes.length);
    const damaged = bytes.slice();
    damaged[50_000]! ^= 1;
    const look = (disk: Fs) => {
      const found: Finding[] = [];
      const file = disk.open(PATH, 'read');
      const check = new FileCheck(file, expected, (finding) => found.push(finding));
      while (check.step(ENOUGH));
      return found;
    };
    // The last one holds small blocks as a whole.
    const lost = new Set([Math.floor((bytes.length - 1) / SECTOR_BYTES)]);
    const disk = lossyDisk(diskWith(damaged), PATH, damaged.length, lost);
    const findings = look(disk);
    const states = new Set(findings.map(({ state }) => state));
    assert.deepEqual([...states].sort(), ['healable', 'lost']);
    const { healed, left, refusal } = healByReplacing(disk, '', PATH, expected, findings);
    assert.deepEqual([healed, left], [[], findings]);
    assert.match(refusal!, /cannot be read/);
    assert.deepEqual(disk.list(''), [PATH]);
  });

  test('is given up where nothing can be read', () => {
    const disk = observed<Fs>(diskWith(new Uint8Array(2 ** 25)), {
      before: (operation) => {
        if (operation === 'read') throw new VarveError('IO', 'bad sector');
        return false;
      },
    });
    const file = disk.open(PATH, 'read');
    const check = new FileCheck(file, { fileClass: 'table', fileNumber: 1 }, () => undefined);
    check.step(ENOUGH);
    const patchy = new PatchyFile(file);
    assert.throws(() => patchy.read(new Uint8Array(2 ** 25), 0, 2 ** 25, 0), { code: 'IO' });
  });
});

/** Tells of each write. */
function watched(disk: MemoryFs, onWrite: (position: number, data: Uint8Array) => void): Fs {
  return observed<Fs>(disk, {
    before: (operation, _, args) => {
      if (operation !== 'write') return false;
      const [buf, off, length, position] = args as [Uint8Array, number, number, number];
      onWrite(position, buf.slice(off, off + length));
      return false;
    },
  });
}

/** Lets one operation fail, or with `forget` loses what is written. */
function refusingFs(disk: MemoryFs, what: string): Fs {
  return observed<Fs>(disk, {
    before: (operation) => {
      if (what === 'forget') return operation === 'write';
      if (operation !== what && !(what === 'detached' && operation === 'open')) return false;
      throw new VarveError(what === 'detached' ? 'DETACHED' : 'IO', 'refused');
    },
  });
}
