/**
 * The rules of what is public, on a small package that breaks them.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { undocumented, unexported } from './public-api.ts';

const TEXTS = new Map([
  ['src/index.ts', "export * from './core.ts';\nexport { open } from './open.ts';\n"],
  ['src/core.ts', "export { type Db as Base, Db, type Options } from './db/db.ts';\n"],
  ['src/open.ts', '/** Opens. */\nexport function open(\n  name: string,\n): void {}\n'],
  ['src/db/types.ts', 'export type Unknown = 1;\nexport interface Known {}\n'],
  [
    'src/db/db.ts',
    `import type { Known, Unknown } from './types.ts';

interface Hidden {
  readonly notPublic: number;
}

/** How. */
export interface Options {
  readonly type: 'told-by-itself';
  /** Said. */
  readonly said: {
    readonly nested: number;
  };
  unsaid(
    parameter: number,
  ): void;
}

export class Db {
  readonly #private: Hidden;
  readonly plain: Unknown;
  /** Said. */
  get said(): string {
    const local: Hidden = this.#private;
    return local.toString();
  }
  constructor(hidden: Hidden) {
    this.#private = hidden;
  }
  async method(): Promise<Map<string, Uint8Array>> {}
  method(): void {}
  protected own(): Hidden {}
}
`,
  ],
]);

test('members without a doc comment are found, parameters and private ones are not', () => {
  assert.deepEqual(
    undocumented(TEXTS, ['src/index.ts']).map(({ line, what }) => `${line}: ${what}`),
    [
      '19: Db has no doc comment',
      '21: Db.plain has no doc comment',
      '30: Db.method has no doc comment',
      '12: Options.nested has no doc comment',
      '14: Options.unsaid has no doc comment',
    ],
  );
});

test('types that public members name and nobody exports are found', () => {
  const found = unexported(TEXTS, ['src/index.ts'], []);
  assert.deepEqual(
    found.map(({ file, what }) => `${file}: ${what}`),
    ['src/db/db.ts: Db names Unknown'],
  );
  assert.deepEqual(unexported(TEXTS, ['src/index.ts'], ['Unknown']), []);
});
