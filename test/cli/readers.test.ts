import { join } from 'node:path';
import test from 'node:test';
import { readBesideWriter } from './beside-writer.ts';
import { temporaryDirectory } from './run-varve.ts';

test('commands that read find no damage beside a process that replaces files', async (t) => {
  await readBesideWriter(join(temporaryDirectory(t), 'db'), 5);
});
