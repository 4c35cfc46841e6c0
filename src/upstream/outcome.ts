// How an attempt's end is judged: what an upstream's answer, or what went wrong, says about the
// account, and what follows from it. Pure: the table is config/outcomes-schema.ts, and nothing here
// knows what the client is told.
import type { IncomingHttpHeaders } from 'node:http';
import {
  DEFAULT_OUTCOMES,
  rowOf,
  type Columns,
  type OutcomeTable,
  type Sign,
} from '../config/outcomes-schema.ts';
import type { Outcome } from '../core/domain.ts';
import { retryAfterMs } from './retry-after.ts';
import { signOfError } from './signs.ts';

/** What an attempt was, and what follows. */
export interface Verdict extends Columns {
  /** Undefined where nothing went wrong at the upstream. */
  readonly sign: Sign | undefined;
  readonly outcome: Outcome;
  /** After which the upstream wants to be asked again. */
  readonly retryAfterMs?: number | undefined;
  /** What a limit is of: the whole account, or one of its models. */
  readonly scope?: 'account' | 'model';
}

const NOTHING = { sign: undefined, failover: false, defer: false, breaker: false } as const;
export const SUCCEEDED: Verdict = { ...NOTHING, outcome: 'success' };
/** The client left, the slot was lost, the daemon stops: it says nothing about the account. */
export const BROKEN_OFF: Verdict = { ...NOTHING, outcome: 'ignored' };

/** An answer, as far as it is judged. */
export interface Judged {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The beginning of its body, where the status alone does not tell; else empty. */
  readonly body: string;
  /** What the account calls the model that was asked for. */
  readonly model: string;
}

/** The verdict on an answer that came through whole. */
export function verdictOnAnswer(answer: Judged, table: OutcomeTable): Verdict {
  const { status, headers, body } = answer;
  if (status >= 200 && status < 300) return SUCCEEDED;
  const limit = status === 429 ? limitIn(body, answer.model) : 'account';
  const sign = limit === 'quota' ? 'insufficient_quota' : signOf(status, body);
  const verdict = verdictOnFailure(sign, table);
  if (verdict.outcome === 'overloaded') return { ...verdict, retryAfterMs: retryAfterMs(headers) };
  if (verdict.outcome !== 'rate_limited' || limit === 'quota') return verdict;
  return { ...verdict, retryAfterMs: retryAfterMs(headers), scope: limit };
}

/** The verdict on an attempt that broke. */
export function verdictOnFailure(sign: Sign, table: OutcomeTable): Verdict {
  return { sign, ...rowOf(table, sign) };
}

/**
 * A 403 is about the account's credential, unless it says that it is about what was asked, or comes
 * from something in between: no caller must be able to take an account out of use.
 */
function signOf(status: number, body: string): Sign {
  if (status !== 403 || body === '') return `${status}`;
  if (!/^\s*[{[]/.test(body)) return 'unparsable';
  const { code, type, message } = errorIn(body);
  return [code, type, message].some(isAboutContent) ? 'content_refused' : '403';
}

const CONTENT =
  /\b(?:moderation|flagged|content[ _-](?:policy|filter\w*|management)|safety|harmful)\b/i;

function isAboutContent(words: unknown): boolean {
  return typeof words === 'string' && CONTENT.test(words.replaceAll('_', ' '));
}

/** Words by which upstreams say that money, not a rate, has run out. */
const QUOTA = /^(?:insufficient_quota|billing_hard_limit_reached|billing_not_active)$/;

/** What a 429 says has run out: money, the rate of one model, or that of the account. */
function limitIn(body: string, model: string): 'quota' | 'model' | 'account' {
  const { code, type, message } = errorIn(body);
  if (isQuota(code) || isQuota(type)) return 'quota';
  return typeof message === 'string' && names(message, model) ? 'model' : 'account';
}

function isQuota(word: unknown): boolean {
  return typeof word === 'string' && QUOTA.test(word);
}

function errorIn(body: string): Readonly<Record<string, unknown>> {
  try {
    const { error } = JSON.parse(body) as { readonly error?: unknown };
    return error instanceof Object ? (error as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}

/** As a word of its own: "gpt-4" is named neither by "gpt-4o" nor by "gpt-4.1". */
function names(message: string, model: string): boolean {
  const plain = model.replaceAll(/[^\w]/g, '\\$&');
  return new RegExp(`(?<![\\w.-])${plain}(?![\\w-]|[.:]\\w)`).test(message);
}

/**
 * Whether work that met `error` may be kept and tried later: the upstream was not there, was too busy,
 * or went away, whatever HTTP client says so (fetch, undici, node:http, SDKs: their `status`, `code`,
 * `name` and `cause` are read). Not for the caller's mistakes, answers that make no sense, and errors
 * of one's own.
 */
export function isDeferrableError(error: unknown): boolean {
  const sign = signOfError(error);
  return sign !== undefined && rowOf(DEFAULT_OUTCOMES, sign).defer;
}
