/**
 * The comparison as tables and as a page.
 * @module
 */
import type { BarChart, Page, PageTable } from '../driver/report-html.ts';
import { machine } from '../driver/result.ts';
import { megabytes, rate, textTable } from '../driver/text-table.ts';
import {
  AIMS,
  type Aim,
  aimRatio,
  type Figure,
  figureOf,
  type Standing,
  standing,
} from './aims.ts';
import type { Findings } from './comparison.ts';
import type { Peer } from './peers.ts';
import type { Row } from './rows.ts';
import { type Summary, summarise, type WrittenKind, writtenKind } from './sample.ts';

/** What was compared, summed up. */
export interface Comparison {
  readonly peers: readonly Peer[];
  readonly rows: readonly Row[];
  readonly presets: readonly string[];
  readonly summaries: readonly Summary[];
  readonly loadedSizes: ReadonlyMap<string, number>;
  readonly kind: WrittenKind;
  readonly subtitle: string;
}

export function sumUp(
  findings: Findings,
  about: Pick<Comparison, 'peers' | 'rows' | 'presets' | 'subtitle'>,
): Comparison {
  const { samples, loadedSizes } = findings;
  const kind = writtenKind(samples);
  const summaries = about.rows.flatMap((row) =>
    about.peers.flatMap((peer) => {
      const own = samples.filter((one) => one.row === row.name && one.peer === peer.name);
      return own.length === 0 ? [] : [summarise(own, kind)];
    }),
  );
  return { ...about, summaries, loadedSizes, kind };
}

/** A table for each row of the comparison. */
export function rowTables(comparison: Comparison): PageTable[] {
  return comparison.rows.flatMap((row) => {
    const summaries = comparison.summaries.filter((summary) => summary.row === row.name);
    return summaries.length === 0 ? [] : [rowTable(comparison, row, summaries)];
  });
}

function rowTable(comparison: Comparison, row: Row, summaries: readonly Summary[]): PageTable {
  const base = summaries.find(({ peer }) => peer.startsWith('varve:'));
  const isTimed = summaries.some(({ latency }) => latency !== undefined);
  const written = comparison.kind === 'diskBytes' ? 'disk' : 'write calls';
  return {
    title: row.name,
    head: [
      ...['store', 'durability', 'ops/s', 'us/op', 'spread', `${base?.peer ?? 'varve'} is`],
      ...(isTimed ? ['P50 us', 'P99 us', 'P99.9 us'] : []),
      ...['peak RSS', `written/user byte (${written})`, 'size'],
    ],
    rows: summaries.map((one) => [
      one.stopped ? `${one.peer} *` : one.peer,
      one.durability,
      rate(one.opsPerSecond),
      (one.secondsPerOp * 1e6).toFixed(2),
      one.spread.toFixed(2),
      base === undefined ? '' : `${(base.opsPerSecond / one.opsPerSecond).toFixed(2)} x`,
      ...(isTimed ? percentiles(one) : []),
      one.peakRssBytes === undefined ? '' : megabytes(one.peakRssBytes),
      one.writtenPerUserByte?.toFixed(2) ?? '',
      one.sizeBytes === 0 ? '' : megabytes(one.sizeBytes),
    ]),
  };
}

function percentiles({ latency }: Summary): string[] {
  const { p50, p99, p999 } = latency ?? {};
  return [p50, p99, p999].map((us) => us?.toFixed(0) ?? '');
}

/** A table for each preset: exactly the rows of the design. */
export function aimTables(comparison: Comparison): PageTable[] {
  return comparison.presets.map((preset) => ({
    title: `aims, preset ${preset}`,
    head: [
      ...['workload', 'durability', 'Varve', 'best binding', '', 'ratio', 'aim'],
      ...['RocksDB', 'ratio', 'aim', 'reached'],
    ],
    rows: AIMS.flatMap((aim) => {
      const found = standing(aim, preset, figuresOf(comparison, aim));
      return found === undefined ? [] : [aimRow(comparison, found)];
    }),
  }));
}

function figuresOf(comparison: Comparison, aim: Aim): Figure[] {
  return comparison.peers.flatMap(({ name: peer, kind, preset }) => {
    const summary = comparison.summaries.find((one) => one.row === aim.row && one.peer === peer);
    if (summary === undefined) return [];
    const value = figureOf(aim, summary, comparison.loadedSizes.get(peer));
    return value === undefined ? [] : [{ peer, kind, preset, value }];
  });
}

function aimRow(comparison: Comparison, found: Standing): string[] {
  const { aim, varve, binding, bindingRatio, native, nativeRatio } = found;
  const bindingAim = binding === undefined ? undefined : aimRatio(aim, aim.binding);
  const nativeAim = native === undefined ? undefined : aimRatio(aim, aim.native);
  const isReached =
    (bindingAim === undefined || bindingRatio! >= bindingAim) &&
    (nativeAim === undefined || nativeRatio! >= nativeAim);
  const summary = comparison.summaries.find(
    (one) => one.row === aim.row && one.peer === varve.peer,
  );
  return [
    aim.title,
    aim.measure === 'size' ? '' : summary!.durability,
    shown(aim, varve),
    shown(aim, binding),
    binding?.peer ?? '',
    times(bindingRatio),
    times(bindingAim),
    shown(aim, native),
    times(nativeRatio),
    times(nativeAim),
    isReached ? 'yes' : 'no',
  ];
}

function shown(aim: Aim, figure: Figure | undefined): string {
  if (figure === undefined) return '';
  if (aim.measure === 'opsPerSecond') return rate(figure.value);
  return aim.measure === 'seconds'
    ? `${figure.value.toFixed(2)} s`
    : `${figure.value.toFixed(1)} MB`;
}

function times(ratio: number | undefined): string {
  return ratio === undefined ? '' : ratio.toFixed(2);
}

/** Tables as text, each under its title. */
export function textOf(tables: readonly PageTable[]): string {
  return tables
    .map(({ title, head, rows }) => `${title}\n${textTable(head, rows, 2)}`)
    .join('\n\n');
}

export function pageOf(comparison: Comparison, tables: readonly PageTable[]): Page {
  return {
    title: 'Varve and its peers',
    subtitle: comparison.subtitle,
    machine: machine(),
    charts: comparison.rows.flatMap((row) => chartOf(comparison, row)),
    tables,
  };
}

function chartOf(comparison: Comparison, row: Row): BarChart[] {
  const summaries = comparison.summaries.filter((summary) => summary.row === row.name);
  if (summaries.length === 0) return [];
  return [
    {
      title: row.name,
      unit: 'operations/s, median',
      isLogarithmic: false,
      labels: summaries.map(({ peer, durability }) => `${peer} (${durability})`),
      series: [{ name: row.name, values: summaries.map(({ opsPerSecond }) => opsPerSecond) }],
    },
  ];
}
