// Whether the end of a request is one that a later try may better: by the `defer` column of the table of
// outcomes, and by which rule of ours refused. It keeps nothing and tries nothing.
import { ERROR_SIGNS, type Sign } from '../config/outcomes-schema.ts';
import type { AppError, ErrorCode } from '../core/errors.ts';
import type { Verdict } from '../upstream/outcome.ts';

/** Why work waits: a name for people and programs, and the time that the upstream itself has named. */
export interface Obstacle {
  readonly error: string;
  readonly retryAfterMs?: number | undefined;
}

/** What passes by itself, though not soon: nothing is free, or everything rests. */
const BUSY: ReadonlySet<ErrorCode> = new Set([
  'pool_full',
  'queue_full',
  'queue_timeout',
  'tenant_concurrency',
  'lane_busy',
  'breaker_open',
  'no_account_for_model',
  'provider_disabled',
]);

/** The same, unless nothing is said of when: then the request exceeds what there can ever be. */
const RATES: ReadonlySet<ErrorCode> = new Set(['tenant_rate', 'account_rate']);

/** Signs whose sender names the time itself. */
const TIMED: ReadonlySet<Sign | undefined> = new Set<Sign>(['429', '529']);

/** Undefined for an end that is final: an answer, the caller's fault, a budget, no store, a defect. */
export function obstacleOf(error: AppError | undefined, verdict: Verdict): Obstacle | undefined {
  if (error !== undefined) {
    const { code, retryAfterMs } = error;
    if (BUSY.has(code)) return { error: code };
    if (RATES.has(code) && retryAfterMs !== undefined) return { error: code };
  }
  const { defer, sign, retryAfterMs } = verdict;
  if (!defer || sign === undefined) return undefined;
  return { error: nameOf(sign), ...(TIMED.has(sign) && { retryAfterMs }) };
}

/** `ConnectRefused`, `Http503`. */
function nameOf(sign: Sign): string {
  if (/^\d/.test(sign)) return `Http${sign}`;
  return sign.replaceAll(/(?:^|_)(\w)/g, (_all, letter: string) => letter.toUpperCase());
}

/** Every `error` of an obstacle, but those of statuses. */
export const OBSTACLES: ReadonlySet<string> = new Set([
  ...BUSY,
  ...RATES,
  ...ERROR_SIGNS.map(nameOf),
]);
