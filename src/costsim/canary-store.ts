// Runs and reports of the canary as the store keeps them (lua/canary.lua). What a leader writes names
// its tenure; anybody may ask for a run and read reports.
import type { Redis } from 'ioredis';
import type { CanaryConfig } from '../config/canary-schema.ts';
import { timesOfDay } from '../core/periods.ts';
import type { Tenure } from '../core/tenure.ts';
import type { AssembledScript } from '../redis/assemble.ts';
import { cellKeys, type CellKeys, type KeyStyle } from '../redis/keys.ts';
import { bindKeys, callScript, type BoundKeys } from '../redis/script.ts';
import { loadScripts } from '../redis/scripts.ts';
import type { CanaryReport, Verdict } from './canary-report.ts';

export interface CanaryStoreOptions {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
  readonly config: () => CanaryConfig;
  /** Cell time in ms for tests; the server's own by default. */
  readonly clock?: (() => number) | undefined;
}

/** `asked`: waits for the leader. */
export interface AskedRun {
  readonly run: string;
  readonly state: 'asked' | 'running';
}

export type Beginning =
  | {
      readonly kind: 'begun';
      readonly run: string;
      /** Cell time in ms. */
      readonly nowMs: number;
      readonly reason: CanaryReport['reason'];
      readonly by: string;
    }
  /** `untold`: a report from which nothing has followed yet. */
  | { readonly kind: 'nothing'; readonly untold: string | undefined }
  /** Somebody else leads. */
  | { readonly kind: 'fenced' };

export interface CanaryState {
  readonly running: string | undefined;
  readonly asked: string | undefined;
  /** Cell time in ms of the last report, and of the last one that passed. */
  readonly lastRunAtMs: number | undefined;
  readonly lastSuccessAtMs: number | undefined;
  /** Of the leader; undefined where nobody leads. */
  readonly leader: Tenure | undefined;
}

interface Words {
  readonly tenure?: Tenure;
  readonly times?: readonly number[];
  readonly run?: string;
  readonly by?: string;
  readonly verdict?: Verdict;
  readonly report?: string;
}

const DAY_MS = 86_400_000;

export class CanaryStore {
  readonly #options: CanaryStoreOptions;
  readonly #keys: CellKeys;
  readonly #script: AssembledScript;
  readonly #bound: BoundKeys;

  constructor(options: CanaryStoreOptions) {
    this.#options = options;
    this.#keys = cellKeys(options.cell, options.keyStyle);
    this.#script = loadScripts().canary;
    const { leader, canary, canaryReports } = this.#keys;
    this.#bound = bindKeys(this.#script, { leader, canary, canary_reports: canaryReports });
  }

  /** A run that is asked for already, or under way, is the one that is meant. */
  async ask(by: string): Promise<AskedRun> {
    const [state, run] = (await this.#call('ask', { by })).map(String);
    return { run: run ?? '', state: state === 'running' ? 'running' : 'asked' };
  }

  /** What there is to do; a run that is begun is this leader's. */
  async begin(tenure: Tenure, isScheduled: boolean): Promise<Beginning> {
    const times = isScheduled ? this.#times() : [];
    const [kind, ...facts] = await this.#call('begin', { tenure, times });
    if (String(kind) === 'fenced') return { kind: 'fenced' };
    const [first, second, third, fourth] = facts.map(String);
    if (String(kind) === 'nothing') return { kind: 'nothing', untold: second || undefined };
    const reason = third === 'hand' ? 'hand' : 'schedule';
    return { kind: 'begun', run: first ?? '', nowMs: Number(second), reason, by: fourth ?? '' };
  }

  /** False where the run is not this leader's any more. */
  async finish(tenure: Tenure, report: CanaryReport): Promise<boolean> {
    const { id: run, verdict } = report;
    const words = { tenure, run, verdict, report: JSON.stringify(report) };
    return String((await this.#call('finish', words))[0]) === 'finished';
  }

  /** What follows from the report of `run` was done. */
  async told(tenure: Tenure, run: string): Promise<void> {
    await this.#call('told', { tenure, run });
  }

  async state(): Promise<CanaryState> {
    const { redis } = this.#options;
    const [[running, runningTerm, asked, runAt, successAt], [holder, term]] = await Promise.all([
      redis.hmget(this.#keys.canary, 'running', 'term', 'asked', 'run_at', 'success_at'),
      redis.hmget(this.#keys.leader, 'holder', 'term'),
    ]);
    return {
      running: runningTerm === term ? (running ?? undefined) : undefined,
      asked: asked ?? undefined,
      lastRunAtMs: runAt == null ? undefined : Number(runAt),
      lastSuccessAtMs: successAt == null ? undefined : Number(successAt),
      leader: holder ? { holder, term: Number(term) } : undefined,
    };
  }

  /** Latest first. */
  async reports(most: number): Promise<readonly CanaryReport[]> {
    const key = this.#keys.canaryReports;
    const entries = await this.#options.redis.xrevrange(key, '+', '-', 'COUNT', most);
    return entries.flatMap(([, fields]) => readReport(fields));
  }

  /** Undefined for one that is not there, or not any more. */
  async report(run: string): Promise<CanaryReport | undefined> {
    const id = `${run}-0`;
    const [entry] = await this.#options.redis.xrange(this.#keys.canaryReports, id, id);
    return entry === undefined ? undefined : readReport(entry[1])[0];
  }

  /** Times of the schedule around now by this machine's clock; the script picks by the store's. */
  #times(): readonly number[] {
    const { config, clock } = this.#options;
    const { at, timeZone } = config();
    const [hour = 0, minute = 0] = at.split(':').map(Number);
    const aroundMs = clock?.() ?? Date.now();
    return timesOfDay(hour * 60 + minute, { timeZone, aroundMs });
  }

  async #call(entry: string, words: Words): Promise<readonly (Buffer | number)[]> {
    const { redis, config, clock } = this.#options;
    const { tenure, times = [], run = '', by = '', verdict = '', report = '' } = words;
    const { keepDays, maxReports } = config();
    const numbers = [clock?.() ?? -1, keepDays * DAY_MS, maxReports, ...times];
    const head = Buffer.alloc(48);
    numbers.forEach((number, i) => head.writeDoubleLE(number, 8 * i));
    const holder = tenure?.holder ?? '';
    const term = String(tenure?.term ?? '');
    const args = [head, holder, term, run, by, verdict, report];
    const reply = await callScript(redis, this.#script, `canary_${entry}`, this.#bound, args);
    return reply as readonly (Buffer | number)[];
  }
}

/** Nothing for one that cannot be read. */
function readReport(fields: readonly string[]): readonly CanaryReport[] {
  const at = fields.indexOf('report');
  try {
    return at < 0 ? [] : [JSON.parse(fields[at + 1] ?? '') as CanaryReport];
  } catch {
    return [];
  }
}
