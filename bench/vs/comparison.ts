/**
 * Runs the rows on the stores by turns: within a round every row runs on every store before the
 * next row begins, each time in another order, so that a slow minute of the machine hits all.
 * @module
 */
import { spawn } from 'node:child_process';
import { constants, cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WorkloadSettings } from '../driver/settings.ts';
import { workloadNamed } from '../driver/workloads.ts';
import type { ChildAnswer, ChildJob, LoadJob } from './child.ts';
import { loadDbBench, measureDbBench, translate } from './db-bench.ts';
import { makeEngine, type Peer } from './peers.ts';
import { sizeOf } from './process-usage.ts';
import { type Dataset, leavesDataAlone, type Row, valueBytesOf } from './rows.ts';
import type { Sample } from './sample.ts';

/** Workloads in which every operation of db_bench puts an entry. */
const FILLS = /^(fill.*|overwrite|updaterandom)$/;

export interface ComparisonPlan {
  readonly peers: readonly Peer[];
  readonly rows: readonly Row[];
  readonly settings: WorkloadSettings;
  readonly repeat: number;
  /** A folder for databases; what is made in it goes away. */
  readonly folder: string;
  readonly onProgress: (text: string) => void;
}

export interface Findings {
  readonly samples: readonly Sample[];
  /** Bytes of the loaded and compacted entries, by the name of the store. */
  readonly loadedSizes: ReadonlyMap<string, number>;
}

/** Runs everything in the plan. */
export async function compare(plan: ComparisonPlan): Promise<Findings> {
  return new Comparison(plan).run();
}

class Comparison {
  readonly #plan: ComparisonPlan;
  readonly #samples: Sample[];
  readonly #loadedSizes: Map<string, number>;

  constructor(plan: ComparisonPlan) {
    this.#plan = plan;
    this.#samples = [];
    this.#loadedSizes = new Map();
  }

  async run(): Promise<Findings> {
    const { peers, rows, repeat } = this.#plan;
    for (let round = 0; round < repeat; round++) {
      for (const [index, row] of rows.entries()) {
        const able = peers.filter((peer) => canRun(peer, row, this.#settingsOf(row, round)));
        for (const peer of rotated(able, round + index)) await this.#measure(peer, row, round);
        if (round === repeat - 1) this.#dropUnused(row, rows.slice(index + 1));
      }
    }
    return { samples: this.#samples, loadedSizes: this.#loadedSizes };
  }

  async #measure(peer: Peer, row: Row, round: number): Promise<void> {
    const { onProgress, repeat } = this.#plan;
    const settings = this.#settingsOf(row, round);
    const directory = await this.#directoryFor(peer, row, settings);
    const sample = await (peer.kind === 'native'
      ? measureNative(peer, row, settings, directory)
      : measureInNode(peer, row, settings, directory));
    this.#samples.push(sample);
    const rate = Math.round(sample.opsPerSecond);
    onProgress(`round ${round + 1} of ${repeat}: ${row.name} on ${peer.name}: ${rate} ops/s`);
    if (!leavesDataAlone(row)) rmSync(directory, { recursive: true, force: true });
  }

  #settingsOf(row: Row, round: number): WorkloadSettings {
    const { settings } = this.#plan;
    const valueSize = valueBytesOf(row.dataset, settings);
    return { ...settings, ...row.settings, valueSize, seed: settings.seed + round };
  }

  /** Where the row runs: on the data itself when it changes nothing, else on a copy. */
  async #directoryFor(peer: Peer, row: Row, settings: WorkloadSettings): Promise<string> {
    const directory = join(this.#plan.folder, `run-${fileName(peer)}`);
    rmSync(directory, { recursive: true, force: true });
    if (row.dataset === 'empty' || peer.kind === 'memory') return directory;
    const data = await this.#dataset(peer, row.dataset, settings);
    if (leavesDataAlone(row)) return data;
    cpSync(data, directory, { recursive: true, mode: constants.COPYFILE_FICLONE });
    return directory;
  }

  async #dataset(peer: Peer, dataset: Dataset, settings: WorkloadSettings): Promise<string> {
    const directory = this.#dataDirectory(peer, dataset);
    if (existsSync(directory)) return directory;
    this.#plan.onProgress(`loading ${dataset} into ${peer.name}`);
    const isOverwritten = dataset === 'overwritten';
    if (peer.kind === 'native') {
      await loadDbBench(peer.preset!, directory, settings, isOverwritten);
    } else {
      const valueBytes = valueBytesOf(dataset, settings);
      const job = { peer: peer.name, directory, settings, valueBytes, isOverwritten };
      await runChild<undefined>(peer, job satisfies LoadJob);
    }
    if (dataset === 'entries') this.#loadedSizes.set(peer.name, sizeOf(directory));
    return directory;
  }

  /** Removes data that no later row wants, so that few of them lie on the disk at a time. */
  #dropUnused(row: Row, later: readonly Row[]): void {
    if (later.some(({ dataset }) => dataset === row.dataset)) return;
    for (const peer of this.#plan.peers) {
      rmSync(this.#dataDirectory(peer, row.dataset), { recursive: true, force: true });
    }
  }

  #dataDirectory(peer: Peer, dataset: Dataset): string {
    return join(this.#plan.folder, `${dataset}-${fileName(peer)}`);
  }
}

function canRun(peer: Peer, { workload }: Row, settings: WorkloadSettings): boolean {
  if (peer.kind === 'native') return translate(workload, settings) !== undefined;
  const engine = makeEngine(peer.name);
  const { sync, supports } = workloadNamed(workload);
  const durability = engine.durability(settings.sync || sync === true);
  return durability !== undefined && supports?.(engine) !== false;
}

async function measureInNode(
  peer: Peer,
  row: Row,
  settings: WorkloadSettings,
  directory: string,
): Promise<Sample> {
  const isLoaded = row.dataset !== 'empty' && peer.kind !== 'memory';
  const job = { peer: peer.name, directory, settings, workload: row.workload, isLoaded };
  const answer = await runChild<ChildAnswer>(peer, job satisfies ChildJob);
  const { measurement, durability, peakRssBytes, written } = answer;
  const { operations, seconds } = measurement;
  return {
    peer: peer.name,
    row: row.name,
    durability,
    operations,
    seconds,
    opsPerSecond: operations / seconds,
    bytesWritten: measurement.bytesWritten,
    latency: measurement.latency,
    stopped: measurement.stopped,
    message: measurement.message,
    peakRssBytes,
    written: peer.kind === 'memory' ? undefined : written,
    sizeBytes: existsSync(directory) ? sizeOf(directory) : 0,
  };
}

async function measureNative(
  peer: Peer,
  row: Row,
  settings: WorkloadSettings,
  directory: string,
): Promise<Sample> {
  const { workload, dataset } = row;
  const isExisting = dataset !== 'empty';
  const answer = await measureDbBench(peer.preset!, directory, settings, workload, isExisting);
  const { line, peakRssBytes, written } = answer;
  const isSync = settings.sync || workloadNamed(workload).sync === true;
  const entryBytes = FILLS.test(workload) ? settings.keySize + settings.valueSize! : 0;
  return {
    peer: peer.name,
    row: row.name,
    durability: isSync ? 'fsync' : 'os',
    operations: line.operations,
    seconds: line.seconds,
    opsPerSecond: 1e6 / line.microsPerOperation,
    bytesWritten: line.operations * entryBytes,
    latency: line.latency,
    stopped: false,
    message: line.message,
    peakRssBytes,
    written,
    sizeBytes: sizeOf(directory),
  };
}

/** @returns what the child answers; nothing for a load */
function runChild<T>({ node }: Peer, job: ChildJob | LoadJob): Promise<T> {
  const program = fileURLToPath(new URL('./child.js', import.meta.url));
  const child = spawn(node, ['--no-warnings', program, JSON.stringify(job)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const what = `${job.peer} ${'workload' in job ? job.workload : 'load'}`;
      if (code !== 0) reject(new Error(`${what} ended with ${code ?? signal}`));
      else resolve(JSON.parse(output.trim().split('\n').at(-1)!).answer);
    });
  });
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const first = by % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}

function fileName(peer: Peer): string {
  return peer.name.replaceAll(':', '-');
}
