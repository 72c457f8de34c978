/**
 * A database in a process of its own. Reads commands, one a line, and answers each with `ok` or
 * the code of the error: `open`, `put KEY` (synced), `flush`, `compact`, `close`, `chdir PATH`.
 * @module
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { type Db, open } from '../../src/index.ts';

const path = process.argv[2]!;
let db: Db | undefined;

async function obey(command: string, operand: string): Promise<void> {
  if (command === 'open') db = await open(path);
  if (command === 'put') db!.put(operand, 'value', { sync: true });
  if (command === 'flush') await db!.flush();
  if (command === 'compact') await db!.compact();
  if (command === 'close') await db!.close();
  if (command === 'chdir') process.chdir(operand);
}

for await (const line of createInterface(process.stdin)) {
  const [command = '', operand = ''] = line.split(' ');
  let answer = 'ok';
  try {
    await obey(command, operand);
  } catch (error) {
    answer = (error as { code?: string }).code ?? String(error);
  }
  writeSync(1, `${answer}\n`);
}
