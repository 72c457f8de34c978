/**
 * Encryption: sealing and opening with every suite and implementation, and deriving file keys.
 *
 *     npm run bench -- crypto [rounds] [bytes,...]
 *
 * Without arguments 7 rounds of contents of 130 bytes (a WAL record), 4, 16 and 64 KiB. Everything
 * goes through the file cipher, in place, with its nonce and AAD. Figures are medians of processor
 * time; the candidates take turns in every round. `spread` is the lowest and highest round of
 * sealing, in percent of the median: how far to trust the line.
 * @module
 */
import { randomBytes } from 'node:crypto';
import Table from 'cli-table3';
import type { FileIdentity } from '../src/crypto/derive.ts';
import { FileCipher } from '../src/crypto/file-cipher.ts';
import { nobleCrypto } from '../src/crypto/noble.ts';
import { nodeCrypto } from '../src/crypto/node.ts';
import { type CryptoPrimitives, TAG_BYTES } from '../src/crypto/port.ts';

const ROUNDS = 7;
const SIZES = [130, 4096, 16_384, 65_536];
const SAMPLE_MS = 25;

const IMPLEMENTATIONS: Record<string, CryptoPrimitives> = {
  'node:crypto': nodeCrypto(),
  noble: nobleCrypto,
};

const KEY = randomBytes(32);
const IDENTITY: FileIdentity = {
  databaseId: randomBytes(16),
  fileClass: 0x54,
  fileNumber: 12,
  salt: randomBytes(16),
  binding: new Uint8Array(16),
};

/** The context of the call at hand; its position moves on with every seal. */
const context = {
  position: 0,
  generation: 0,
  blockType: 1,
  codec: 1,
  dictionaryId: 0,
  contentLen: 0,
};

/** One suite of one implementation at one size, and what its rounds measured, in us a call. */
class Candidate {
  readonly name: string;
  readonly sizeBytes: number;
  readonly sealUs: number[] = [];
  readonly openUs: number[] = [];
  readonly #cipher: FileCipher;
  readonly #buf: Uint8Array;
  readonly #sealed: Uint8Array;
  readonly #sealedPosition: number;
  #repeats = 1;

  constructor(name: string, cipher: FileCipher, sizeBytes: number) {
    this.name = name;
    this.sizeBytes = sizeBytes;
    this.#cipher = cipher;
    this.#buf = new Uint8Array(sizeBytes + TAG_BYTES);
    this.#sealed = new Uint8Array(sizeBytes + TAG_BYTES);
    context.contentLen = sizeBytes;
    this.#sealedPosition = ++context.position;
    cipher.seal(context, randomBytes(sizeBytes), 0, sizeBytes, this.#sealed, 0);
    for (let elapsedUs = 0; elapsedUs < SAMPLE_MS * 1000; ) {
      this.#repeats *= 2;
      elapsedUs = processorUs(() => this.#seal(this.#repeats));
    }
  }

  round(): void {
    const repeats = this.#repeats;
    context.contentLen = this.sizeBytes;
    this.sealUs.push(processorUs(() => this.#seal(repeats)) / repeats);
    this.openUs.push(processorUs(() => this.#open(repeats)) / repeats);
  }

  #seal(repeats: number): void {
    for (let i = 0; i < repeats; i++) {
      context.position++;
      this.#cipher.seal(context, this.#buf, 0, this.sizeBytes, this.#buf, 0);
    }
  }

  #open(repeats: number): void {
    const position = context.position;
    context.position = this.#sealedPosition;
    for (let i = 0; i < repeats; i++) {
      const length = this.#sealed.length;
      if (!this.#cipher.open(context, this.#sealed, 0, length, this.#buf, 0)) {
        throw new Error(`${this.name} does not open what it sealed`);
      }
    }
    context.position = position;
  }
}

/** Processor time of this process that `run` takes: other programs disturb it less. */
function processorUs(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

function spread(values: readonly number[]): string {
  const middle = median(values);
  const percent = (value: number): string => ((100 * value) / middle).toFixed(0);
  return `${percent(Math.min(...values))}-${percent(Math.max(...values))} %`;
}

function makeCandidates(sizes: readonly number[]): Candidate[] {
  return sizes.flatMap((sizeBytes) =>
    nobleCrypto.suites.flatMap(({ id, name }) =>
      Object.entries(IMPLEMENTATIONS).map(([implementation, primitives]) => {
        const suite = primitives.suites.find((each) => each.id === id)!;
        const cipher = new FileCipher(primitives, suite, 1, KEY, IDENTITY);
        return new Candidate(`${name}, ${implementation}`, cipher, sizeBytes);
      }),
    ),
  );
}

function printCandidates(candidates: readonly Candidate[]): void {
  const head = ['content', 'suite', 'seal MB/s', 'open MB/s', 'seal us', 'open us', 'spread'];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const { name, sizeBytes, sealUs, openUs } of candidates) {
    const seal = median(sealUs);
    const open = median(openUs);
    const rates = [sizeBytes / seal, sizeBytes / open].map((rate) => rate.toFixed(0));
    const times = [seal, open].map((time) => time.toFixed(1));
    table.push([`${sizeBytes} B`, name, ...rates, ...times, spread(sealUs)]);
  }
  console.log(table.toString());
}

/** What opening a file costs once: deriving its key and making its cipher. */
function printDerivation(rounds: number): void {
  const repeats = 500;
  const figures = new Map(Object.keys(IMPLEMENTATIONS).map((name) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, primitives] of Object.entries(IMPLEMENTATIONS)) {
      const elapsedUs = processorUs(() => {
        for (let i = 0; i < repeats; i++) {
          new FileCipher(primitives, primitives.suites[1]!, 1, KEY, IDENTITY).destroy();
        }
      });
      figures.get(name)!.push(elapsedUs / repeats);
    }
  }
  for (const [name, values] of figures) {
    console.log(`a file cipher, ${name}: ${median(values).toFixed(1)} us`);
  }
}

function main(): void {
  const [roundsGiven, sizesGiven] = process.argv.slice(2);
  const rounds = Number(roundsGiven ?? ROUNDS);
  const candidates = makeCandidates(sizesGiven?.split(',').map(Number) ?? SIZES);
  for (let round = 0; round < rounds; round++) for (const each of candidates) each.round();
  printCandidates(candidates);
  printDerivation(rounds);
}

main();
