import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { MemoryFs } from '../../src/fs/memory.ts';
import { NodeFs } from '../../src/fs/node.ts';
import { mountOpfs } from '../../src/fs/opfs.ts';
import type { Fs } from '../../src/fs/port.ts';
import { CrashFs, FaultFs, fsSuite } from '../../src/testing/index.ts';
import { TestBrowser } from './opfs-browser.ts';

fsSuite({
  test,
  name: 'NodeFs',
  create: async () => {
    const directory = mkdtempSync(join(tmpdir(), 'varve-fs-'));
    const cleanup = () => rmSync(directory, { recursive: true });
    return { fs: new NodeFs(), directory, cleanup };
  },
});

const inMemory: [string, () => Fs][] = [
  ['MemoryFs', () => new MemoryFs()],
  ['CrashFs', () => new CrashFs()],
  ['FaultFs over MemoryFs', () => new FaultFs(new MemoryFs())],
  ['FaultFs over CrashFs', () => new FaultFs(new CrashFs())],
];

for (const [name, make] of inMemory) {
  fsSuite({
    test,
    name,
    create: async () => {
      const fs = make();
      fs.createDirectory('/some/place');
      return { fs, directory: '/some/place', cleanup: () => {} };
    },
  });
}

// With 8 handles, files share those of the browser.
for (const handlesMax of [128, 8]) {
  fsSuite({
    test,
    name: `OpfsFs with ${handlesMax} handles`,
    create: async () => {
      const platform = new TestBrowser(new CrashFs());
      const fs = await mountOpfs({ directory: 'varve', handlesMax, platform });
      fs.createDirectory('/some/place');
      for (let n = 0; handlesMax === 8 && n < 10; n++) fs.open(`/some/f${n}`, 'create').close();
      return { fs, directory: '/some/place', cleanup: () => fs.close() };
    },
  });
}
