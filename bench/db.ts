/**
 * Varve under the workloads of db_bench and YCSB, with db_bench's flags and output.
 *
 *     npm run bench -- --benchmarks=fillrandom,readrandom --num=1000000
 *     npm run bench -- --help
 *
 * docs/BENCHMARKING.md says what the workloads do and how to read the figures.
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DATABASE_FOLDER, type Plan, readPlan } from './driver/db-bench-flags.ts';
import { readInThreads } from './driver/reader-threads.ts';
import { type Page, renderPage } from './driver/report-html.ts';
import {
  jsonLine,
  latencyLines,
  machine,
  megabytesPerSecond,
  perSecond,
  type Result,
  resultLine,
} from './driver/result.ts';
import { Session } from './driver/session.ts';
import { rate, textTable } from './driver/text-table.ts';
import { VarveEngine } from './driver/varve-engine.ts';
import type { Workload } from './driver/workload.ts';

async function main(): Promise<void> {
  const plan = readPlan();
  const parent = plan.parent ?? mkdtempSync(join(tmpdir(), 'varve-bench-'));
  try {
    const results = await runAll(plan, join(parent, DATABASE_FOLDER));
    if (!plan.printsJson && results.length > 1) say(`\n${resultTable(results)}`);
    if (plan.htmlFile !== undefined)
      writeFileSync(plan.htmlFile, renderPage(pageOf(plan, results)));
  } finally {
    if (plan.parent === undefined) rmSync(parent, { recursive: true, force: true });
  }
}

async function runAll(plan: Plan, directory: string): Promise<Result[]> {
  const engine = new VarveEngine(plan.options);
  const session = new Session(engine, directory, plan.settings, {
    isExisting: plan.isExisting,
    onLoad: (entries, bytes) => note(plan, `loading ${entries} entries of ${bytes} bytes first`),
  });
  if (!plan.printsJson) say(heading(plan, directory));
  const results: Result[] = [];
  try {
    for (const workload of plan.workloads) {
      const durability = engine.durability(session.isSync(workload));
      if (durability === undefined || workload.supports?.(engine) === false) {
        note(plan, `${workload.name} is left out: the options do not allow it`);
        continue;
      }
      const measurement = await runOne(plan, session, workload);
      const threads = workload.readsOnly ? plan.threads : 1;
      const about = { engine: `varve (${plan.preset})`, workload: workload.name };
      const result = { ...about, durability, threads, ...measurement };
      results.push(result);
      report(plan, result);
    }
    if (plan.printsStatistics) await printStatistics(plan, session);
  } finally {
    await session.close();
  }
  return results;
}

async function runOne(plan: Plan, session: Session, workload: Workload) {
  await session.prepare(workload);
  if (plan.threads === 1 || !workload.readsOnly) return session.run(workload);
  await session.close();
  const { directory, settings } = session;
  const { options } = plan;
  return readInThreads(plan.threads, { workload: workload.name, directory, options, settings });
}

function report(plan: Plan, result: Result): void {
  if (plan.printsJson) {
    say(jsonLine(result));
    return;
  }
  say(resultLine(result));
  const { latency, writeLatency } = result;
  const what = writeLatency === undefined ? 'operation' : 'read';
  if (latency !== undefined) say(`${latencyLines(latency, what)}\n`);
  if (writeLatency !== undefined) say(`${latencyLines(writeLatency, 'write')}\n`);
}

async function printStatistics(plan: Plan, session: Session): Promise<void> {
  await session.open();
  const statistics = session.engine.stats!();
  say(plan.printsJson ? JSON.stringify({ statistics }) : JSON.stringify(statistics, undefined, 2));
}

function heading(plan: Plan, directory: string): string {
  const { settings } = plan;
  const { node, cpu, cores } = machine();
  const values = settings.valueSize === undefined ? '100 (YCSB 1000)' : settings.valueSize;
  return [
    `Varve:      preset ${plan.preset}, Node ${node}`,
    `CPU:        ${cores} * ${cpu}`,
    `Keys:       ${settings.keySize} bytes each`,
    `Values:     ${values} bytes each, compressible to ${settings.compressionRatio}`,
    `Entries:    ${settings.num}`,
    `Threads:    ${plan.threads}, seed ${settings.seed}`,
    `DB path:    [${directory}]`,
    '-'.repeat(48),
  ].join('\n');
}

function resultTable(results: readonly Result[]): string {
  const { head, rows } = tableOf(results);
  return textTable(head, rows);
}

function tableOf(results: readonly Result[]) {
  const isTimed = results.some(({ latency }) => latency !== undefined);
  const latencies = isTimed ? ['P50 us', 'P75 us', 'P99 us', 'P99.9 us', 'max us'] : [];
  return {
    head: ['workload', 'ops/s', 'us/op', 'MB/s', 'durability', ...latencies],
    rows: results.map((result) => [
      result.workload,
      rate(perSecond(result)),
      ((result.seconds * 1e6) / result.operations).toFixed(3),
      megabytesPerSecond(result).toFixed(1),
      result.durability,
      ...(isTimed ? latencyCells(result) : []),
    ]),
  };
}

function latencyCells({ latency }: Result): string[] {
  if (latency === undefined) return ['', '', '', '', ''];
  const { p50, p75, p99, p999, max } = latency;
  return [p50, p75, p99, p999, max].map((micros) => micros.toFixed(1));
}

function pageOf(plan: Plan, results: readonly Result[]): Page {
  const { num, keySize, seed } = plan.settings;
  const name = `varve (${plan.preset})`;
  const chart = (title: string, unit: string, value: (result: Result) => number) => ({
    title,
    unit,
    isLogarithmic: true,
    labels: results.map(({ workload }) => workload),
    series: [{ name, values: results.map(value) }],
  });
  return {
    title: 'Varve: benchmark',
    subtitle: `${num} entries, keys of ${keySize} bytes, preset ${plan.preset}, seed ${seed}`,
    machine: machine(),
    charts: [
      chart('Operations per second', 'operations/s', perSecond),
      ...(results.some(({ latency }) => latency !== undefined)
        ? [chart('Latency, 99th percentile', 'us', ({ latency }) => latency?.p99 ?? 0)]
        : []),
    ],
    tables: [{ title: 'Figures', ...tableOf(results) }],
  };
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** A word beside the results, which must stay readable for programs. */
function note(plan: Plan, text: string): void {
  if (plan.printsJson) process.stderr.write(`${text}\n`);
  else say(`(${text})`);
}

await main();
