/**
 * Charts of what the database tells about itself: levels, writes, cache.
 * @module
 */
import {
  BarController,
  BarElement,
  CategoryScale,
  Chart,
  Filler,
  Legend,
  LinearScale,
  LineController,
  LineElement,
  PointElement,
  Tooltip,
} from 'chart.js';
import type { PageDb } from 'varve/browser';
import { byId } from './dom.ts';
import * as format from './format.ts';

/** What a database tells about itself. */
export type Stats = Awaited<ReturnType<PageDb['stats']>>;

const SECONDS = 60;
/** So many levels are shown even where they are empty. */
const LEVELS_MIN = 3;
const LEVELS_MAX = 7;

Chart.register(BarController, BarElement, LineController, LineElement, PointElement);
Chart.register(CategoryScale, LinearScale, Filler, Legend, Tooltip);
Chart.defaults.animation = false;
Chart.defaults.maintainAspectRatio = false;
Chart.defaults.font = { family: 'system-ui, sans-serif', size: 11 };

/** Totals, of which the charts show the differences. */
interface Totals {
  readonly user: number;
  readonly log: number;
  readonly tables: number;
  readonly hits: number;
  readonly misses: number;
}

/** See the module head. */
export class Activity {
  readonly #levels: Chart<'bar'>;
  readonly #writes: Chart<'line'>;
  readonly #cache: Chart<'bar'>;
  #last: Totals | undefined;

  constructor() {
    this.#last = undefined;
    this.#levels = new Chart(byId<HTMLCanvasElement>('levels'), {
      type: 'bar',
      data: { labels: [], datasets: [{ data: [], borderRadius: 3 }] },
      options: {
        indexAxis: 'y',
        scales: { x: bytesAxis(''), y: plainAxis() },
        plugins: { legend: { display: false } },
      },
    });
    this.#writes = new Chart(byId<HTMLCanvasElement>('writes'), {
      type: 'line',
      data: { labels: seconds(), datasets: ['yours', 'log', 'tables'].map(line) },
      options: { scales: { x: hiddenAxis(), y: bytesAxis('/s') }, plugins: { legend: legend() } },
    });
    const stacked = { stacked: true };
    this.#cache = new Chart(byId<HTMLCanvasElement>('cache'), {
      type: 'bar',
      data: {
        labels: seconds(),
        datasets: ['hits', 'misses'].map((label) => ({ label, data: zeros() })),
      },
      options: {
        scales: {
          x: { ...hiddenAxis(), ...stacked },
          y: { ...plainAxis(), ...stacked, beginAtZero: true, suggestedMax: 10 },
        },
        plugins: { legend: legend() },
      },
    });
    this.paint();
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.paint());
  }

  /** Takes the colours of the style sheet. */
  paint(): void {
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const strata = Array.from({ length: LEVELS_MAX + 1 }, (_, i) => colour(`--stratum-${i}`));
    this.#levels.data.datasets[0]!.backgroundColor = strata;
    const [yours, log, tables] = this.#writes.data.datasets;
    for (const [dataset, name] of [
      [yours, '--series-1'],
      [log, '--series-2'],
      [tables, '--series-3'],
    ] as const) {
      dataset!.borderColor = colour(name);
      dataset!.backgroundColor = colour(name);
    }
    const [found, read] = this.#cache.data.datasets;
    found!.backgroundColor = colour('--series-1');
    read!.backgroundColor = colour('--series-2');
    for (const chart of [this.#levels, this.#writes, this.#cache]) {
      chart.options.color = colour('--muted');
      for (const scale of Object.values(chart.options.scales ?? {})) {
        if (scale?.ticks !== undefined) scale.ticks.color = colour('--muted');
        if (scale?.grid !== undefined) scale.grid.color = colour('--line');
      }
      chart.update();
    }
  }

  /** Shows the next second. */
  show(stats: Stats): void {
    this.#showLevels(stats);
    const { counters, blockCacheHits: hits, blockCacheMisses: misses, amplification } = stats;
    const totals = {
      user: counters.userBytesWritten,
      log: counters.walBytesWritten,
      tables: counters.flushBytesWritten + counters.compactionBytesWritten,
      ...{ hits, misses },
    };
    const last = this.#last ?? totals;
    this.#last = totals;
    const difference = (name: keyof Totals) => Math.max(0, totals[name] - last[name]);
    push(this.#writes, [difference('user'), difference('log'), difference('tables')]);
    push(this.#cache, [difference('hits'), difference('misses')]);
    const { write } = amplification;
    byId('writes-figure').textContent =
      write === undefined ? 'none yet' : `amplification ${write.toFixed(1)}`;
    const blocks = hits + misses;
    byId('cache-figure').textContent =
      blocks === 0 ? 'none yet' : `${format.percent(hits / blocks)} hits`;
  }

  #showLevels({ columnFamilies, tableBytes, tableCount }: Stats): void {
    const sizes = [columnFamilies.reduce((sum, { memtableBytes }) => sum + memtableBytes, 0)];
    for (let level = 0; level < LEVELS_MAX; level++) {
      const size = columnFamilies.reduce((sum, family) => {
        return sum + (family.levels[level]?.sizeBytes ?? 0);
      }, 0);
      sizes.push(size);
    }
    const shown = Math.max(LEVELS_MIN, sizes.findLastIndex((size) => size > 0) + 1);
    const { data } = this.#levels;
    data.labels = sizes.slice(0, shown).map((_, i) => (i === 0 ? 'memory' : `L${i - 1}`));
    data.datasets[0]!.data = sizes.slice(0, shown);
    this.#levels.update();
    const figure = `${format.bytes(tableBytes)} in ${format.items(tableCount, 'table')}`;
    byId('levels-figure').textContent = figure;
  }
}

function push(chart: Chart<'line'> | Chart<'bar'>, values: readonly number[]): void {
  for (const [i, { data }] of chart.data.datasets.entries()) {
    data.push(values[i]!);
    data.shift();
  }
  chart.update();
}

function seconds(): string[] {
  return Array.from({ length: SECONDS }, (_, i) => `${SECONDS - 1 - i} s ago`);
}

function zeros(): number[] {
  return Array.from({ length: SECONDS }, () => 0);
}

function line(label: string) {
  return { label, data: zeros(), borderWidth: 1.5, pointRadius: 0, tension: 0.2 };
}

function legend() {
  const labels = { boxWidth: 10, boxHeight: 10, padding: 8 };
  return { display: true, position: 'bottom' as const, align: 'start' as const, labels };
}

function plainAxis() {
  return { grid: { display: false }, border: { display: false }, ticks: { maxTicksLimit: 5 } };
}

function hiddenAxis() {
  return { display: false, ticks: {}, grid: {} };
}

/** @param unit behind the bytes */
function bytesAxis(unit: string) {
  return {
    beginAtZero: true,
    suggestedMax: 1000,
    border: { display: false },
    grid: {},
    ticks: {
      maxTicksLimit: 4,
      callback: (value: string | number) => `${format.bytes(Number(value))}${unit}`,
    },
  };
}
