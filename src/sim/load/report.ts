// The end of a load run: what was seen, judged, as a table. It measures nothing.
import type { CountersView, UpstreamView } from './observe.ts';
import type { LoadPlan } from './plan.ts';
import { isOff, shareTable, TOLERANCE, type TenantShare } from './shares.ts';
import { percentile, type Tally } from './tally.ts';

export interface Findings {
  readonly plan: LoadPlan;
  readonly tally: Tally;
  readonly elapsedMs: number;
  readonly upstream: UpstreamView;
  readonly counters: CountersView;
  readonly interrupted: boolean;
  /** Undefined where everybody called alike. */
  readonly shares?: readonly TenantShare[] | undefined;
  /** What cannot be seen fails the run: the daemon is the run's own, so it must be there. */
  readonly mustSee: boolean;
}

/** Passed, failed, or plain information. */
type Mark = '✔' | '✘' | '?' | ' ';

interface Row {
  readonly label: string;
  readonly value: string;
  readonly mark: Mark;
  readonly note: string;
}

export interface Report {
  readonly text: string;
  readonly passed: boolean;
}

const MAX_ACCOUNTS_SHOWN = 8;

export function reportOf(findings: Findings): Report {
  const rows = [...trafficRows(findings), ...speedRows(findings), ...verdictRows(findings)];
  const passed = rows.every(({ mark }) => mark !== '✘');
  const { shares } = findings;
  const parts = [rows.map(rendered).join('\n'), ...(shares ? [shareTable(shares)] : [])];
  return { text: [...parts, closing(findings, rows)].join('\n\n'), passed };
}

function trafficRows({ plan, tally }: Findings): readonly Row[] {
  const answers = [...tally.statuses].sort(([one], [other]) => one - other);
  const none = answers.length === 0 ? [row('answered', 0, '✘', 'nothing')] : [];
  const failures = [...tally.failures];
  return [
    row('requests', tally.finished, ' ', `${plan.concurrency} at once, seed ${plan.seed}`),
    ...none,
    ...answers.map(([status, times]) =>
      row(
        `answered ${status}`,
        times,
        plan.expected.includes(status) ? ' ' : '✘',
        [...(tally.codes.get(status)?.keys() ?? [])].join(', '),
      ),
    ),
    row('aborted on purpose', tally.left),
    row('turned away, sent again', tally.retried, ' ', [...tally.retries.keys()].join(', ')),
    ...failures.map(([reason, times]) => row(`failed: ${reason}`, times, '✘')),
    ...(tally.incomplete > 0 ? [row('streams without an end', tally.incomplete, '✘')] : []),
  ];
}

function speedRows({ tally, elapsedMs }: Findings): readonly Row[] {
  const sorted = tally.latenciesMs.toSorted((one, other) => one - other);
  const latency = [0.5, 0.95, 0.99, 1].map((share) => milliseconds(percentile(sorted, share)));
  const perSecond = elapsedMs > 0 ? Math.round(tally.finished / (elapsedMs / 1000)) : 0;
  return [
    row('latency p50/p95/p99/max', latency.join(' / '), ' ', 'ms'),
    row('requests per second', perSecond, ' ', `for ${(elapsedMs / 1000).toFixed(1)} s`),
  ];
}

function verdictRows({ upstream, counters, mustSee, shares }: Findings): readonly Row[] {
  const unseen = mustSee ? '✘' : '?';
  return [...upstreamRows(upstream, unseen), countersRow(counters, unseen), ...sharesRow(shares)];
}

function upstreamRows(upstream: UpstreamView, unseen: Mark): readonly Row[] {
  if (upstream.kind === 'not_observable') {
    return ['oversold', 'rejected by the upstream'].map((label) =>
      row(label, 'not observable', unseen, upstream.reason),
    );
  }
  return [
    row('oversold', upstream.oversold, markZero(upstream.oversold), highWater(upstream)),
    row('rejected by the upstream', upstream.rejected, markZero(upstream.rejected)),
  ];
}

/** The accounts that were used, most exceeded first: high-water mark / limit. */
function highWater({ credentials }: Extract<UpstreamView, { kind: 'seen' }>): string {
  const used = credentials
    .filter((one) => one.highWater > 0)
    .map((one) => ({ ...one, over: one.highWater - (one.limit ?? Infinity) }))
    .sort((one, other) => other.over - one.over);
  const shown = used
    .slice(0, MAX_ACCOUNTS_SHOWN)
    .map(({ credential, highWater: most, limit }) => `${credential} ${most}/${limit ?? '-'}`);
  const more = used.length - shown.length;
  if (used.length === 0) return 'no account was used';
  return `most at once: ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function countersRow(counters: CountersView, unseen: Mark): Row {
  if (counters.kind === 'not_observable') {
    return row('counters left', 'not observable', unseen, counters.reason);
  }
  const note = `seen ${Math.round(counters.afterMs)} ms after the last request`;
  return row('counters left', counters.left, markZero(counters.left), note);
}

function sharesRow(shares: readonly TenantShare[] | undefined): readonly Row[] {
  if (shares === undefined) return [];
  const label = `shares off by > ${100 * TOLERANCE} %`;
  const off = shares.filter(isOff);
  return [row(label, off.length, markZero(off.length), off.map(({ name }) => name).join(', '))];
}

function markZero(value: number): Mark {
  return value === 0 ? '✔' : '✘';
}

function row(label: string, value: string | number, mark: Mark = ' ', note = ''): Row {
  return {
    label,
    value: typeof value === 'number' ? value.toLocaleString('en-US') : value,
    mark,
    note,
  };
}

const LABEL_WIDTH = 25;
const VALUE_WIDTH = 26;

function rendered({ label, value, mark, note }: Row): string {
  return `  ${label.padEnd(LABEL_WIDTH)} ${value.padStart(VALUE_WIDTH)} ${mark} ${note}`.trimEnd();
}

function closing({ interrupted }: Findings, rows: readonly Row[]): string {
  const failed = rows.filter(({ mark }) => mark === '✘').map(({ label }) => label);
  const unseen = rows.filter(({ mark }) => mark === '?').map(({ label }) => label);
  const early = interrupted ? 'Stopped early. ' : '';
  if (failed.length > 0) return `${early}FAILED: ${failed.join(', ')}.`;
  if (unseen.length > 0) return `${early}Passed, except what was not seen: ${unseen.join(', ')}.`;
  return `${early}PASSED: nothing oversold, every slot came back.`;
}

/** 0.42, 12.3, 1,204 */
function milliseconds(value: number): string {
  const digits = value < 1 ? 2 : value < 100 ? 1 : 0;
  return value.toLocaleString('en-US', { maximumFractionDigits: digits });
}
