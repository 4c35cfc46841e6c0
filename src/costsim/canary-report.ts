// What the canary has found and how it judges: from the drifts of a sample to a report. Pure.
import type { CanaryConfig } from '../config/canary-schema.ts';
import type { Tenure } from '../core/tenure.ts';

export const VERDICTS = ['passed', 'failed', 'inconclusive'] as const;
/** `inconclusive`: too little to judge by. It changes nothing. */
export type Verdict = (typeof VERDICTS)[number];

export const RUN_REASONS = ['schedule', 'hand'] as const;

/** A record that was replayed through both estimators. */
export interface Comparison {
  readonly id: string;
  readonly route: string;
  readonly model: string;
  /** Of each estimator against the actual. */
  readonly v1: number;
  readonly v2: number;
}

/** What became of the records that were read. */
export interface SampleCounts {
  /** In the time looked at. */
  readonly seen: number;
  /** Of these, such as could not be read. */
  readonly unreadable: number;
  /** Such as do not tell what they came to, or came to nothing. */
  readonly withoutActual: number;
  /** Drawn, but not told what the estimators looked at. */
  readonly unreplayable: number;
  readonly compared: number;
}

export interface Quantiles {
  readonly p50: number;
  readonly p95: number;
}

export interface CanaryReport {
  readonly id: string;
  readonly reason: (typeof RUN_REASONS)[number];
  /** Who asked for it; empty for the schedule. */
  readonly by: string;
  readonly leader: Tenure;
  /** Cell time in ms. */
  readonly startedAtMs: number;
  readonly tookMs: number;
  readonly verdict: Verdict;
  /** Why it is not passed, a sentence each. */
  readonly findings: readonly string[];
  readonly sample: SampleCounts;
  /** Undefined where nothing was compared. */
  readonly drift: { readonly v1: Quantiles; readonly v2: Quantiles } | undefined;
  /** Those with the most records first. */
  readonly models: readonly ModelDrift[];
  /** The records at which `v2` was off the most. */
  readonly worst: readonly Comparison[];
  /** By which it was judged. */
  readonly bounds: Bounds;
}

export interface ModelDrift {
  readonly model: string;
  readonly compared: number;
  readonly v1: Quantiles;
  readonly v2: Quantiles;
}

export type Bounds = Pick<
  CanaryConfig,
  'lookbackMs' | 'minSample' | 'maxP95Drift' | 'maxRatioToV1' | 'ignoredDrift'
>;

const MOST_MODELS = 20;
const MOST_WORST = 5;

export type Judged = Pick<
  CanaryReport,
  'verdict' | 'findings' | 'drift' | 'models' | 'worst' | 'bounds'
>;

export function judge(compared: readonly Comparison[], config: CanaryConfig): Judged {
  const { lookbackMs, minSample, maxP95Drift, maxRatioToV1, ignoredDrift } = config;
  const bounds = { lookbackMs, minSample, maxP95Drift, maxRatioToV1, ignoredDrift };
  const drift = compared.length === 0 ? undefined : quantilesOf(compared);
  const isEnough = drift !== undefined && compared.length >= minSample;
  const findings = isEnough
    ? faultsOf(drift, bounds)
    : [`${compared.length} records tell what they came to: fewer than ${minSample}`];
  const verdict = !isEnough ? 'inconclusive' : findings.length === 0 ? 'passed' : 'failed';
  const worst = [...compared].sort((a, b) => b.v2 - a.v2).slice(0, MOST_WORST);
  return { verdict, findings, drift, models: byModel(compared), worst, bounds };
}

function faultsOf(
  { v1, v2 }: { readonly v1: Quantiles; readonly v2: Quantiles },
  { maxP95Drift, maxRatioToV1, ignoredDrift }: Bounds,
): readonly string[] {
  const findings: string[] = [];
  const own = `the p95 drift of v2 is ${percent(v2.p95)}`;
  if (v2.p95 > maxP95Drift) findings.push(`${own}: more than ${percent(maxP95Drift)}`);
  if (v2.p95 > ignoredDrift && v2.p95 > maxRatioToV1 * v1.p95) {
    findings.push(`${own}: more than ${maxRatioToV1} times that of v1, ${percent(v1.p95)}`);
  }
  return findings;
}

function byModel(compared: readonly Comparison[]): readonly ModelDrift[] {
  const groups = new Map<string, Comparison[]>();
  for (const one of compared) {
    const group = groups.get(one.model);
    if (group === undefined) groups.set(one.model, [one]);
    else group.push(one);
  }
  return [...groups]
    .map(([model, some]) => ({ model, compared: some.length, ...quantilesOf(some) }))
    .sort((a, b) => b.compared - a.compared)
    .slice(0, MOST_MODELS);
}

function quantilesOf(compared: readonly Comparison[]) {
  const of = (estimator: 'v1' | 'v2'): Quantiles => {
    const sorted = compared.map((one) => one[estimator]).sort((a, b) => a - b);
    return { p50: nearest(sorted, 0.5), p95: nearest(sorted, 0.95) };
  };
  return { v1: of('v1'), v2: of('v2') };
}

/** By nearest rank: a value that occurred. */
function nearest(sorted: readonly number[], part: number): number {
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0;
}

export function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}
