// Carries out a run for shares: every tenant has more callers than it can get slots, for a time, and
// what each was served meanwhile is counted. Judging is the report's work.
import type { LoadPlan } from './plan.ts';
import { runLoad, type Run } from './run.ts';
import { ShareTally, type Span, type TenantShare } from './shares.ts';
import type { LoadTenant } from './tenants.ts';

export interface TenantRun extends Run {
  readonly tenants: readonly LoadTenant[];
  readonly durationMs: number;
}

const LEAST_CALLERS = 2;

/** Callers of each tenant: alike, whatever the weights. */
export function callersEach({ concurrency }: LoadPlan, tenants: number): number {
  return Math.max(LEAST_CALLERS, Math.ceil(concurrency / tenants));
}

/** Resolves when the last request that waited has ended too; only the time before counts. */
export async function runTenants(run: TenantRun): Promise<readonly TenantShare[]> {
  const { plan, tenants, durationMs, signal } = run;
  const tally = new ShareTally();
  const concurrency = callersEach(plan, tenants.length);
  const window = new Window(tenants.length * concurrency, durationMs);
  signal.addEventListener('abort', window.close, { once: true });
  const runs = tenants.map(({ name, apiKey }, index) => {
    const awaited = new FirstAnswers(concurrency, window);
    return runLoad({
      ...run,
      plan: { ...plan, requests: Infinity, concurrency, seed: plan.seed + index },
      caller: { ...run.caller, apiKey },
      isOver: window.isOver,
      onEnded: (ended) => {
        awaited.oneMore();
        if (ended.kind !== 'answered' || ended.status !== 200) return;
        tally.add(name, { ...ended, endedAtMs: performance.now() });
      },
    });
  });
  await Promise.all(runs);
  signal.removeEventListener('abort', window.close);
  return tally.shares(tenants, window);
}

/** As many ends of one tenant's as it has callers, told to the window. */
class FirstAnswers {
  readonly #window: Window;
  #missing: number;

  constructor(callers: number, window: Window) {
    this.#missing = callers;
    this.#window = window;
  }

  oneMore(): void {
    if (this.#missing === 0) return;
    this.#missing -= 1;
    this.#window.arrived();
  }
}

/**
 * The time that counts. It opens when all callers have been answered about once: what a first request
 * spends on its connection, beside all others that begin, would look like service.
 */
class Window implements Span {
  fromMs = Infinity;
  toMs = Infinity;
  readonly #durationMs: number;
  #missing: number;

  constructor(callers: number, durationMs: number) {
    this.#missing = callers;
    this.#durationMs = durationMs;
  }

  arrived(): void {
    this.#missing -= 1;
    if (this.#missing > 0) return;
    this.fromMs = performance.now();
    this.toMs = this.fromMs + this.#durationMs;
  }

  readonly isOver = (): boolean => performance.now() >= this.toMs;

  readonly close = (): void => {
    this.toMs = Math.min(this.toMs, performance.now());
  };
}
