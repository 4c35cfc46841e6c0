// The panels that the dashboards are made of: queries of one Prometheus, with a title, a unit and a
// size each. What is asked is the dashboards' own matter.
import { GraphDrawStyle } from '@grafana/grafana-foundation-sdk/common';
import {
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  type Dashboard,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as SeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

/** Labels that every query asks for; more may follow it inside of the braces. */
export const CELL = 'cell=~"$cell"';

/** An expression and the legend of its lines. */
export type Query = readonly [expr: string, legend: string];

export interface Panel {
  readonly kind: 'stat' | 'lines' | 'bars';
  readonly title: string;
  /** Grafana's name of it: `s`, `percentunit`, `reqps`, `bytes`; `short` for plain numbers. */
  readonly unit: string;
  readonly queries: readonly Query[];
  /** What people cannot know from its title. */
  readonly note?: string;
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Sheet {
  /** Also the name of its file. */
  readonly uid: string;
  readonly title: string;
  readonly about: string;
  readonly rows: readonly Row[];
}

type Named = readonly [title: string, unit: string];

const panel =
  (kind: Panel['kind']) =>
  ([title, unit]: Named, queries: readonly Query[], note?: string): Panel => {
    return { kind, title, unit, queries, ...(note !== undefined && { note }) };
  };

export const stat = panel('stat');
export const lines = panel('lines');
export const bars = panel('bars');

/** p50, p95 and p99 of a histogram, over all daemons, by nothing or by one label. */
export function quantiles(name: string, by?: string): readonly Query[] {
  const of = ['le', ...(by === undefined ? [] : [by])].join(', ');
  return [0.5, 0.95, 0.99].map((part) => {
    const rate = `sum by (${of}) (rate(${name}_bucket{${CELL}}[$__rate_interval]))`;
    const legend = `p${part * 100}`;
    const named = by === undefined ? legend : `${legend} {{${by}}}`;
    return [`histogram_quantile(${part}, ${rate})`, named];
  });
}

/** A counter a second, over all daemons. */
export const perSecond = (name: string, by: string, filter = ''): Query => [
  `sum by (${by}) (rate(${name}{${CELL}${filter}}[$__rate_interval]))`,
  by === '' ? 'all' : `{{${by.replaceAll(', ', '}} {{')}}}`,
];

/** How often it happened within the last hour, over all daemons. */
export const lastHour = (name: string, legend: string): Query => [
  `sum(increase(${name}{${CELL}}[1h]))`,
  legend,
];

/** What is read from the store is the same on every daemon. */
export const ofCell = (name: string, legend: string): Query => [`max(${name}{${CELL}})`, legend];

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
const REF_IDS = 'ABCDEFGHIJ';
const WIDTHS = { stat: 4, lines: 8, bars: 8 } as const;
const HEIGHTS = { stat: 4, lines: 8, bars: 8 } as const;

function buildPanel({ kind, title, unit, queries, note }: Panel): StatBuilder | SeriesBuilder {
  const builder =
    kind === 'stat'
      ? new StatBuilder()
      : new SeriesBuilder()
          .drawStyle(kind === 'bars' ? GraphDrawStyle.Bars : GraphDrawStyle.Line)
          .fillOpacity(10);
  builder.title(title).unit(unit).datasource(DATASOURCE);
  builder.span(WIDTHS[kind]).height(HEIGHTS[kind]);
  if (note !== undefined) builder.description(note);
  queries.forEach(([expr, legend], i) => {
    const refId = REF_IDS.charAt(i);
    builder.withTarget(new DataqueryBuilder().expr(expr).legendFormat(legend).refId(refId));
  });
  return builder;
}

/* eslint-disable @typescript-eslint/no-deprecated -- its second version needs the newest Grafana. */
export function buildDashboard({ uid, title, about, rows }: Sheet): Dashboard {
  const builder = new DashboardBuilder(title)
    .uid(uid)
    .description(about)
    .tags(['slotkeeper'])
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(
      new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'),
    )
    .withVariable(
      new QueryVariableBuilder('cell')
        .label('Cell')
        .datasource(DATASOURCE)
        .query('label_values(slotkeeper_build_info, cell)')
        .refresh(VariableRefresh.OnTimeRangeChanged)
        .includeAll(true)
        .multi(true)
        // Where targets have no such label, all of them.
        .allValue('.*'),
    );
  // Their own numbers, so that links to a panel stay as long as the dashboard does.
  let id = 0;
  for (const row of rows) {
    builder.withRow(new RowBuilder(row.title).id((id += 1)));
    for (const one of row.panels) builder.withPanel(buildPanel(one).id((id += 1)));
  }
  return builder.build();
}
