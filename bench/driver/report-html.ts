/**
 * Results as one HTML page that needs nothing else: data, Chart.js and all in one file.
 * @module
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Machine } from './result.ts';

/** Bars of one measure: a group for each label, in it a bar for each series. */
export interface BarChart {
  readonly title: string;
  readonly unit: string;
  /** Values span orders of magnitude. */
  readonly isLogarithmic: boolean;
  readonly labels: readonly string[];
  readonly series: readonly {
    readonly name: string;
    readonly values: readonly (number | null)[];
  }[];
}

export interface PageTable {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Page {
  readonly title: string;
  readonly subtitle: string;
  readonly machine: Machine;
  readonly charts: readonly BarChart[];
  readonly tables: readonly PageTable[];
}

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem;
  color: #1c2733; background: #fff; }
h1 { font-size: 1.5rem; margin-bottom: 0; }
h2 { font-size: 1.1rem; margin-top: 2.5rem; }
p { color: #52606d; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid #d9e2ec; text-align: right; }
th:first-child, td:first-child { text-align: left; }
th { color: #52606d; font-weight: 600; }
`;

const COLORS = [
  ...['#2f6fde', '#e0803a', '#3a9d5d', '#b0459b', '#7a6ff0', '#c23b3b', '#2aa1b3', '#8c6d31'],
  ...['#5b6770', '#d1a800', '#8fbf5a', '#5f4b8b'],
];

/** Runs in the page; `data` is what stands in the JSON element. */
const SCRIPT = `
const data = JSON.parse(document.getElementById('data').textContent);
data.charts.forEach((chart, i) => {
  new Chart(document.getElementById('chart' + i), {
    type: 'bar',
    data: {
      labels: chart.labels,
      datasets: chart.series.map((series, j) => ({
        label: series.name,
        data: series.values,
        backgroundColor: data.colors[j % data.colors.length],
      })),
    },
    options: {
      indexAxis: 'y',
      maintainAspectRatio: false,
      animation: false,
      scales: {
        x: {
          type: chart.isLogarithmic ? 'logarithmic' : 'linear',
          title: { display: true, text: chart.unit },
        },
      },
    },
  });
});
`;

export function renderPage(page: Page): string {
  const { machine } = page;
  const data = JSON.stringify({ charts: page.charts, colors: COLORS }).replaceAll('<', '\\u003c');
  const where = `Node ${machine.node}, ${machine.platform}, ${machine.cores} x ${machine.cpu}`;
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeHtml(page.title)}</title><style>${STYLE}</style></head><body>`,
    `<h1>${escapeHtml(page.title)}</h1>`,
    `<p>${escapeHtml(page.subtitle)}<br>${escapeHtml(where)}</p>`,
    ...page.charts.map(chartElement),
    ...page.tables.map(tableElement),
    `<script type="application/json" id="data">${data}</script>`,
    `<script>${chartLibrary()}</script>`,
    `<script>${SCRIPT}</script>`,
    '</body></html>',
  ].join('\n');
}

function chartElement(chart: BarChart, index: number): string {
  const bars = chart.labels.length * (chart.series.length + 1);
  const height = 90 + bars * (chart.series.length === 1 ? 15 : 11);
  return (
    `<h2>${escapeHtml(chart.title)}</h2>` +
    `<div style="height:${height}px"><canvas id="chart${index}"></canvas></div>`
  );
}

function tableElement(table: PageTable): string {
  const row = (tag: string, cells: readonly string[]): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>`;
  const body = table.rows.map((cells) => row('td', cells)).join('\n');
  return (
    `<h2>${escapeHtml(table.title)}</h2>` +
    `<table><thead>${row('th', table.head)}</thead><tbody>${body}</tbody></table>`
  );
}

/** Chart.js in the form that a page runs as a plain script. */
function chartLibrary(): string {
  const entry = createRequire(import.meta.url).resolve('chart.js');
  const text = readFileSync(join(dirname(entry), 'chart.umd.min.js'), 'utf8');
  // The map is not in the page, and a closing tag in a string would end the script.
  return text.replace(/\/\/# sourceMappingURL=.*/, '').replaceAll('</script', '<\\/script');
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
