// What a load run has seen so far. It counts; judging is the report's work.
import type { Attempt } from './attempt.ts';

export class Tally {
  /** Final answers by status. */
  readonly statuses = new Map<number, number>();
  /** Codes of the errors among them, by status and then by code. */
  readonly codes = new Map<number, Map<string, number>>();
  /** Requests without an answer, by reason. */
  readonly failures = new Map<string, number>();
  /** Milliseconds of every 200, in order of arrival. */
  readonly latenciesMs: number[] = [];
  left = 0;
  incomplete = 0;
  /** Attempts that were turned away and sent again, by the gateway's reason. */
  readonly retries = new Map<string, number>();
  /** Requests that have ended. */
  finished = 0;
  running = 0;

  get retried(): number {
    return [...this.retries.values()].reduce((sum, times) => sum + times, 0);
  }

  /** Counts an attempt that does not end its request. */
  retry(code: string): void {
    increment(this.retries, code);
  }

  /** Counts the attempt that ended a request. */
  add(attempt: Attempt): void {
    this.finished += 1;
    switch (attempt.kind) {
      case 'answered':
        this.#answer(attempt.status, attempt.code);
        if (attempt.status === 200) this.latenciesMs.push(attempt.elapsedMs);
        break;
      case 'turned_away':
        this.#answer(attempt.status, attempt.code);
        break;
      case 'failed':
        increment(this.failures, attempt.reason);
        break;
      case 'left':
        this.left += 1;
        break;
      case 'incomplete':
        this.incomplete += 1;
        break;
    }
  }

  #answer(status: number, code: string | undefined): void {
    increment(this.statuses, status);
    if (code === undefined) return;
    const codes = this.codes.get(status) ?? new Map<string, number>();
    this.codes.set(status, codes);
    increment(codes, code);
  }
}

function increment<K>(map: Map<K, number>, key: K): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}

/** Nearest rank: the smallest value that `share` of all values do not exceed. 0 without values. */
export function percentile(sorted: readonly number[], share: number): number {
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return sorted[rank - 1] ?? 0;
}
