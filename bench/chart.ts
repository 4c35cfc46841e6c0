// The chart of the README: what a pair costs Redis, by the number of accounts, ours beside the
// field's loop. Drawn from the newest full measurement; a light card that stands on any background.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Latest } from './harness/results.ts';
import { decimals } from './harness/report.ts';
import { median } from './harness/stats.ts';
import { ACCOUNT_COUNTS, accountsScaling, loopAt, oursAt } from './scenarios/accounts-scaling.ts';

const FILE = fileURLToPath(new URL('../docs/img/cost-by-accounts.svg', import.meta.url));

const WIDTH = 760;
const HEIGHT = 420;
const PLOT = { left: 76, right: 736, top: 96, bottom: 356 };

interface Point {
  readonly accounts: number;
  readonly microseconds: number;
}

interface Series {
  readonly label: string;
  readonly color: string;
  /** Where values and the label stand: above the line, or below it. */
  readonly side: 'above' | 'below';
  readonly points: readonly Point[];
}

interface Scale {
  x(accounts: number): number;
  y(microseconds: number): number;
  /** Powers of ten from the first to the last line of the grid. */
  readonly decades: readonly number[];
}

/** Draws the chart; does nothing while its scenario has not been measured. */
export function writeChart(latest: Latest): void {
  const measured = latest[accountsScaling.name];
  if (measured === undefined) return;
  const pointsOf = (name: (count: number) => string): readonly Point[] =>
    ACCOUNT_COUNTS.map((accounts) => {
      const rounds = measured.rounds[name(accounts)] ?? [];
      const values = rounds.map((figures) => figures['redis_us_per_pair'] ?? Number.NaN);
      return { accounts, microseconds: median(values) };
    });
  const { machine, versions, commit } = measured.run;
  const source = `Redis ${versions['redis'] ?? ''}, ${machine.cpu}, ${machine.cores} cores, ${commit}`;
  mkdirSync(fileURLToPath(new URL('.', `file://${FILE}`)), { recursive: true });
  writeFileSync(FILE, draw(pointsOf(oursAt), pointsOf(loopAt), source));
}

/** The picture as SVG, both axes logarithmic. */
export function draw(ours: readonly Point[], loop: readonly Point[], source: string): string {
  const scale = scaleFor([...ours, ...loop]);
  const series: readonly Series[] = [
    { label: 'loop over accounts', color: '#c2410c', side: 'above', points: loop },
    { label: 'Slotkeeper', color: '#1d4ed8', side: 'below', points: ours },
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img"`,
    ` font-family="system-ui, -apple-system, 'Segoe UI', sans-serif" font-size="13">`,
    `<title>What a slot costs Redis, by the number of accounts</title>`,
    `<rect x="0.5" y="0.5" width="${WIDTH - 1}" height="${HEIGHT - 1}" rx="10" fill="#ffffff" stroke="#d0d7de"/>`,
    text(
      24,
      36,
      'What a slot costs Redis, by the number of accounts',
      '#1f2328',
      'font-size="18" font-weight="600"',
    ),
    text(24, 58, 'CPU of Redis in µs per acquire and release; both axes logarithmic', '#57606a'),
    ...grid(scale),
    ...series.flatMap((one) => line(one, scale)),
    text(
      (PLOT.left + PLOT.right) / 2,
      PLOT.bottom + 40,
      'accounts',
      '#57606a',
      'text-anchor="middle"',
    ),
    text(WIDTH - 24, HEIGHT - 12, source, '#8c959f', 'text-anchor="end" font-size="10.5"'),
    '</svg>',
    '',
  ].join('\n');
}

function scaleFor(points: readonly Point[]): Scale {
  const logs = points.map(({ microseconds }) => Math.log10(microseconds));
  const lowest = Math.floor(Math.min(...logs));
  const highest = Math.ceil(Math.max(...logs));
  const first = Math.log10(ACCOUNT_COUNTS[0]);
  const last = Math.log10(ACCOUNT_COUNTS[ACCOUNT_COUNTS.length - 1] ?? 1);
  const share = (value: number, from: number, to: number): number =>
    (Math.log10(value) - from) / (to - from);
  return {
    // Room for the first and the last value beside the axis and the card's edge.
    x: (accounts) => PLOT.left + 40 + share(accounts, first, last) * (PLOT.right - PLOT.left - 90),
    y: (us) => PLOT.bottom - share(us, lowest, highest) * (PLOT.bottom - PLOT.top),
    decades: Array.from({ length: highest - lowest + 1 }, (_, step) => 10 ** (lowest + step)),
  };
}

function grid(scale: Scale): readonly string[] {
  const rows = scale.decades.flatMap((value) => [
    `<path d="M${PLOT.left} ${at(scale.y(value))}H${PLOT.right}" stroke="#eaeef2"/>`,
    text(PLOT.left - 10, scale.y(value) + 4, label(value), '#57606a', 'text-anchor="end"'),
  ]);
  const columns = ACCOUNT_COUNTS.map((count) =>
    text(scale.x(count), PLOT.bottom + 20, label(count), '#57606a', 'text-anchor="middle"'),
  );
  return [...rows, ...columns];
}

function line({ label: name, color, side, points }: Series, scale: Scale): readonly string[] {
  const places = points.map(({ accounts, microseconds }) => ({
    x: scale.x(accounts),
    y: scale.y(microseconds),
    value: microseconds,
  }));
  const path = places.map(({ x, y }) => `${at(x)} ${at(y)}`).join('L');
  const shift = side === 'above' ? -12 : 22;
  const end = places[places.length - 1];
  return [
    `<path d="M${path}" fill="none" stroke="${color}" stroke-width="2.5"/>`,
    ...places.flatMap(({ x, y, value }) => [
      `<circle cx="${at(x)}" cy="${at(y)}" r="4" fill="${color}" stroke="#ffffff" stroke-width="1.5"/>`,
      text(x, y + shift, label(value), color, 'text-anchor="middle" font-weight="600"'),
    ]),
    end === undefined
      ? ''
      : text(
          end.x - 40,
          end.y + (side === 'above' ? 4 : -14),
          name,
          color,
          'text-anchor="end" font-weight="600"',
        ),
  ];
}

function text(x: number, y: number, content: string, fill: string, more = ''): string {
  const safe = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${at(x)}" y="${at(y)}" fill="${fill}" ${more}>${safe}</text>`;
}

function label(value: number): string {
  return decimals(value).replaceAll('_', ',');
}

function at(pixels: number): string {
  return pixels.toFixed(1).replace(/\.0$/, '');
}
