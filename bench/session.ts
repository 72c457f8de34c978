/**
 * Short sessions: open, one get or put, close; beside the stores that are installed.
 *
 *     npm ci --prefix bench/vs          once: installs the others
 *     npm run bench -- session [--sessions N] [--rounds N] [--stores REGEXP] [--json]
 *
 * Each store holds 1,000 entries and was closed. A round runs the sessions of each row on each
 * store, in a process of its own and another order each time; shown are medians of the rounds'
 * medians, in milliseconds. Where strace is installed, the syncs of a session are counted under it,
 * in sessions of their own: `fdatasync` and `fsync`, of files and of directories. Puts are not
 * synced by themselves.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { machine } from './driver/result.ts';
import { textTable } from './driver/text-table.ts';
import type { SessionJob, SessionTimes } from './session/child.ts';
import { allPeers, type Peer, whyMissing } from './vs/peers.ts';

const CHILD = fileURLToPath(new URL('./session/child.js', import.meta.url));
const WORKS = ['get', 'put'] as const;
const COUNTED_SESSIONS = 20;

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '50' },
    rounds: { type: 'string', default: '5' },
    stores: { type: 'string', default: '^(varve:default|classic-level|(better-|node:)?sqlite3?)$' },
    json: { type: 'boolean', default: false },
  },
});

/** One line of the result. */
interface Row extends SessionTimes {
  readonly store: string;
  /** What is done in a session. */
  readonly session: SessionJob['work'];
  /** Per session; undefined without strace. */
  readonly fdatasyncs: number | undefined;
  readonly fsyncs: number | undefined;
}

function peersHere(): Peer[] {
  const pattern = new RegExp(values.stores);
  const wanted = allPeers(['default']).filter(({ name }) => pattern.test(name));
  return wanted.filter((peer) => {
    const reason = peer.kind === 'native' || peer.kind === 'memory' ? 'no files' : whyMissing(peer);
    if (reason !== undefined) process.stderr.write(`without ${peer.name}: ${reason}\n`);
    return reason === undefined;
  });
}

function runChild(job: SessionJob, command: string, args: readonly string[]): SessionTimes {
  const all = [...args, CHILD, JSON.stringify(job)];
  const { status, stdout, stderr } = spawnSync(command, all, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${job.peer} failed: ${stderr}`);
  return JSON.parse(stdout) as SessionTimes;
}

/** Loads a store anew; returns its directory. */
function load(peer: Peer, folder: string): string {
  const directory = join(folder, peer.name.replaceAll(':', '-'));
  rmSync(directory, { recursive: true, force: true });
  runChild({ peer: peer.name, directory, count: 1, work: 'load' }, process.execPath, []);
  return directory;
}

function measure(peer: Peer, work: SessionJob['work'], folder: string): SessionTimes {
  const directory = load(peer, folder);
  const job = { peer: peer.name, directory, count: Number(values.sessions), work };
  return runChild(job, process.execPath, []);
}

/** Syncs of one session; undefined without strace. */
function countSyncs(
  peer: Peer,
  work: SessionJob['work'],
  folder: string,
): Pick<Row, 'fdatasyncs' | 'fsyncs'> {
  const trace = join(folder, 'trace');
  const job = { peer: peer.name, directory: load(peer, folder), count: COUNTED_SESSIONS, work };
  const args = ['-f', '-qq', '-e', 'trace=fsync,fdatasync', '-o', trace, process.execPath];
  if (spawnSync('strace', ['-V'], { stdio: 'ignore' }).error !== undefined) {
    return { fdatasyncs: undefined, fsyncs: undefined };
  }
  runChild(job, 'strace', args);
  const lines = readFileSync(trace, 'utf8');
  const perSession = (call: RegExp) => (lines.match(call)?.length ?? 0) / COUNTED_SESSIONS;
  return { fdatasyncs: perSession(/ fdatasync\(/g), fsyncs: perSession(/ fsync\(/g) };
}

function run(folder: string): Row[] {
  const peers = peersHere();
  const samples = new Map<string, SessionTimes[]>();
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const work of WORKS) {
      const turn = [...peers.slice(round % peers.length), ...peers.slice(0, round % peers.length)];
      for (const peer of turn) {
        const name = `${work} ${peer.name}`;
        samples.set(name, [...(samples.get(name) ?? []), measure(peer, work, folder)]);
      }
    }
  }
  const middle = (of: SessionTimes[], part: keyof SessionTimes) =>
    of.map((times) => times[part]).sort((a, b) => a - b)[of.length >> 1]!;
  return WORKS.flatMap((session) =>
    peers.map((peer) => {
      const of = samples.get(`${session} ${peer.name}`)!;
      const syncs = countSyncs(peer, session, folder);
      const [open, work, close] = [middle(of, 'open'), middle(of, 'work'), middle(of, 'close')];
      return { store: peer.name, session, open, work, close, ...syncs };
    }),
  );
}

function cellsOf(row: Row): string[] {
  const times = [row.open, row.work, row.close].map((milliseconds) => milliseconds.toFixed(2));
  const syncs = [row.fdatasyncs, row.fsyncs].map((count) => count?.toFixed(1) ?? '-');
  return [row.session, row.store, ...times, ...syncs];
}

const folder = mkdtempSync(join(tmpdir(), 'varve-session-'));
try {
  const rows = run(folder);
  if (values.json) for (const row of rows) console.log(JSON.stringify({ ...row, ...machine() }));
  const head = ['session', 'store', 'open ms', 'work ms', 'close ms', 'fdatasync', 'fsync'];
  if (!values.json) console.log(textTable(head, rows.map(cellsOf), 2));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
